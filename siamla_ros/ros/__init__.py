"""The ROS 2 side: nodes, parameters, quality of service, conversions. Nothing outside of this
folder imports it.
"""
