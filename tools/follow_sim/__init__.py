"""A small simulation for following: a kinematic robot, a rendered camera, people that walk."""
