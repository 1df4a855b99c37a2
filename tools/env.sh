# The environment of the built package: ROS, .venv, messages, DDS profile.
#   source tools/env.sh      in bash, after `make setup`; SIAMLA_ROS=jazzy as for tools/setup
# Variables that you have set yourself (RMW, DDS profile, domain) are kept.

siamla_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
siamla_suffix="${SIAMLA_ROS:+-$SIAMLA_ROS}"
siamla_venv="$siamla_root/.venv$siamla_suffix" siamla_ws="$siamla_root/.ws$siamla_suffix"
if [ ! -f "$siamla_ws/ros" ]; then
  echo "siamla_ros: no environment in $siamla_root yet; run 'make setup' there" >&2
  return 1
fi
siamla_ros_prefix="$(cat "$siamla_ws/ros")"

if [ "$siamla_ros_prefix" = pypi ]; then
  # A pip environment has no setup.bash; as an ament prefix it needs just these.
  export AMENT_PREFIX_PATH="$siamla_venv" CMAKE_PREFIX_PATH="$siamla_venv"
  export ROS_VERSION=2 ROS_PYTHON_VERSION=3 ROS_DISTRO="${SIAMLA_ROS:-kilted}"
  unset COLCON_PREFIX_PATH PYTHONPATH
elif [ "${AMENT_PREFIX_PATH:-}" = "" ]; then
  . "$siamla_ros_prefix/setup.bash" || return 1
fi

export VIRTUAL_ENV="$siamla_venv"
case ":$PATH:" in
  *":$VIRTUAL_ENV/bin:"*) ;;
  *) export PATH="$VIRTUAL_ENV/bin:$PATH" ;;
esac
if [ -f "$siamla_ws/install/local_setup.bash" ]; then
  . "$siamla_ws/install/local_setup.bash"
fi
# `python -m` in the checkout would find siamla_ros without its built messages (Python >= 3.11 heeds this).
export PYTHONSAFEPATH=1

# Images need a larger shared-memory segment than Fast DDS has by default: see the profile's comment.
export RMW_IMPLEMENTATION="${RMW_IMPLEMENTATION:-rmw_fastrtps_cpp}"
siamla_profile="$siamla_root/config/fastdds_profile.xml"
case "${ROS_DISTRO:-}" in
  humble | iron | jazzy)    # Fast DDS 2 reads this name alone
    export FASTRTPS_DEFAULT_PROFILES_FILE="${FASTRTPS_DEFAULT_PROFILES_FILE:-$siamla_profile}" ;;
  *)                        # Fast DDS 3 reads this one and warns of the other
    export FASTDDS_DEFAULT_PROFILES_FILE="${FASTDDS_DEFAULT_PROFILES_FILE:-$siamla_profile}" ;;
esac
unset siamla_root siamla_suffix siamla_venv siamla_ws siamla_ros_prefix siamla_profile
