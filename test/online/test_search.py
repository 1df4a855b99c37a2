"""One image of a search: its answers are places of one image, and judged as such."""

from support.engines import lose, started

from siamla_ros.supervision.supervisor import State


def test_the_answers_of_a_search_speak_against_each_other():
    """Else two that look alike would each be judged as if it were alone."""
    engine, film = started()
    lose(engine, film)
    calls, judge = [], engine.searcher.verifier.probabilities

    def probabilities(known, image, state, answers, **how):
        calls.append(how)
        return judge(known, image, state, answers, **how)

    engine.searcher.verifier.probabilities = probabilities
    states = [engine.process(film.shoot(100))[0].state for _ in range(30)]
    assert State.TRACKING in states
    assert len(calls) > 1 and all(how == {'one_of_them': True} for how in calls)
