# A robot's image: ROS 2 Jazzy, the package built by colcon, CPU inference by ONNX Runtime.
#   docker build -t siamla_ros .
#   docker run --rm --net host --ipc host siamla_ros
# --ipc host: images pass between containers and host through shared memory.
FROM ros:jazzy-ros-base

# Noble's pip refuses to install beside apt without this; in a container there is nothing to protect.
ENV PIP_BREAK_SYSTEM_PACKAGES=1

WORKDIR /ws
COPY package.xml src/siamla_ros/package.xml
# 'numpy<2': cv_bridge and OpenCV from apt are compiled against NumPy 1.
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-pip \
    && echo 'numpy<2' > /etc/pip-constraints.txt \
    && export PIP_CONSTRAINT=/etc/pip-constraints.txt \
    && rosdep update \
    && rosdep install --from-paths src --ignore-src -y --dependency-types=build \
         --dependency-types=buildtool --dependency-types=exec \
    && pip install --no-cache-dir safetensors \
    && rm -rf /var/lib/apt/lists/*

COPY . src/siamla_ros
RUN . /opt/ros/jazzy/setup.sh \
    && colcon build --packages-select siamla_ros --cmake-args -DBUILD_TESTING=OFF

ENV RMW_IMPLEMENTATION=rmw_fastrtps_cpp \
    FASTRTPS_DEFAULT_PROFILES_FILE=/ws/install/siamla_ros/share/siamla_ros/config/fastdds_profile.xml
RUN printf '#!/bin/bash\nset -e\n. /ws/install/setup.bash\nexec "$@"\n' > /entry && chmod +x /entry
ENTRYPOINT ["/entry"]
CMD ["ros2", "launch", "siamla_ros", "tracker.launch.py"]
