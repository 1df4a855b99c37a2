"""The environment variables in which Fast DDS looks for a profile, by ROS distribution."""

from __future__ import annotations

FAST_DDS_2 = ('humble', 'iron', 'jazzy')  # the distributions with Fast DDS 2
PROFILE_VARIABLES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')


def profile_variables(distribution: str) -> tuple[str, ...]:
    """The variables that a ROS distribution reads.

    Fast DDS 2 reads FASTRTPS_DEFAULT_PROFILES_FILE alone; Fast DDS 3 reads
    FASTDDS_DEFAULT_PROFILES_FILE and warns of the older name.

    Args:
        distribution: its name in lower case, as in ROS_DISTRO; both names where it is empty.
    """
    new, old = PROFILE_VARIABLES
    if not distribution:
        return new, old
    return (old,) if distribution in FAST_DDS_2 else (new,)
