"""From a box in the image to a position, and from a position to a velocity. ROS-free."""
