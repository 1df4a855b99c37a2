"""A box that covers the image is not confirmed: its border is found again whatever it shows."""

from siamla_ros.supervision.supervisor import Observation, Reason, State, Supervisor

SIZE = (320, 240)


def seen(box, number):
    return Observation(number / 30.0, 0.98, 0.0, box, SIZE, 0.9, 0.9)


def test_a_box_that_grows_over_the_image_becomes_uncertain_and_comes_back():
    supervisor = Supervisor()
    memory = supervisor.start(0.0, (20.0, 20.0, 280.0, 200.0), SIZE).memory
    whole, large = (2.0, 2.0, 316.0, 236.0), (10.0, 10.0, 300.0, 215.0)
    decision = supervisor.step(memory, seen(large, 1))
    assert decision.confirmed and decision.state is State.TRACKING
    for number in (2, 3):
        decision = supervisor.step(decision.memory, seen(whole, number))
        assert not decision.confirmed and not decision.learn_appearance
        assert decision.state is State.UNCERTAIN
        assert decision.reason is Reason.IMPLAUSIBLE_SCALE
    decision = supervisor.step(decision.memory, seen(large, 4))
    assert decision.confirmed and decision.state is State.TRACKING
