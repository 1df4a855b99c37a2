"""Engines with a tracker of the doubles, for tests without ROS."""

from support.ros_doubles import ColorTracker
from support.scenes import SIDE, Film

from siamla_ros.online.engine import Engine
from siamla_ros.online.parameters import build, defaults, parameter_name
from siamla_ros.supervision.supervisor import State


def settings(**changes):
    """Defaults but for some fields; `redetection__mode` is redetection.mode."""
    named = {parameter_name(name.replace('__', '.')): v for name, v in changes.items()}
    return build({**defaults(), **named})


def started(tracker=None, x=100, **changes):
    engine, film = Engine(tracker or ColorTracker(), settings(**changes)), Film()
    engine.start('red', 'square', (x, 100, SIDE, SIDE), film.shoot(x), live=True)
    return engine, film


def lose(engine, film, frames=40):
    """Frames without the target; outputs until it is missing."""
    for _ in range(frames):
        (output,) = engine.process(film.shoot(None))
        if output.state in (State.LOST, State.SEARCHING):
            return output
    raise AssertionError('not lost')
