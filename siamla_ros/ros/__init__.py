"""The ROS 2 side: nodes, parameters, quality of service, conversions. Nothing outside of this
folder imports it but the evaluation of the lost target: it runs the node's engine, which is free of
ROS, so that what is measured is what runs on the robot.
"""
