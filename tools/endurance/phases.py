"""What is done with the graph: hours of images, overload, lifecycle cycles."""

from __future__ import annotations

import subprocess
import time
from typing import Any

from lifecycle_msgs.msg import Transition
from support.scenes import picture

from endurance.caller import Caller
from endurance.graph import NAMESPACE, Graph, lasting, paced
from endurance.progress import Progress
from endurance.updates import LAP, place
from endurance.usage import Usage, growth
from endurance.viewers import Page
from siamla_ros.online.stats import percentiles

SECTION_S = 5.0  # between two looks at what the node holds
VIEWER_TURNS, CLIENTS = 6, 16
GIVE_EVERY = 90  # images until the box is given again
CYCLE = (
    Transition.TRANSITION_DEACTIVATE,
    Transition.TRANSITION_CLEANUP,
    Transition.TRANSITION_CONFIGURE,
    Transition.TRANSITION_ACTIVATE,
)


def steady(graph: Graph, minutes: float, rate_hz: float, progress: Progress) -> None:
    """Images at a rate, `minutes` in all runs together; the target leaves and is given again."""
    figures = progress.of('graph')
    images = {x: picture(x) for x in {place(number) for number in range(LAP)}}
    graph.wait_ready(images[20])
    sent, processed, confirmed = graph.sent, graph.processed, graph.confirmed
    graph.latencies_s.clear()
    moments: list[Usage] = []
    began_s = section_s = time.monotonic()
    left_s = minutes * 60.0 - figures['done']
    for number in paced(rate_hz, lasting(left_s, lambda: graph.confirmed > confirmed)):
        x = place(number)
        again = GIVE_EVERY if graph.confirmed > confirmed else 10  # the first one may be lost
        if x is not None and number % again == 0:
            graph.give(x)
        graph.show(images[x])
        if time.monotonic() - section_s > SECTION_S:
            section_s = time.monotonic()
            moments.append(graph.usage())
    figures['done'] += round(time.monotonic() - began_s, 1)
    run = {
        'seconds': round(time.monotonic() - began_s, 1),
        'sent': graph.sent - sent,
        'processed': graph.processed - processed,
        'with a detection': graph.confirmed - confirmed,
        'growth': growth(moments)._asdict(),
        **_latencies(graph.latencies_s),
    }
    figures['runs'] = [*figures.get('runs', []), run]
    progress.save()


def _latencies(values_s: list[float]) -> dict[str, float]:
    """Of the whole run, and how its last quarter compares with its first: drift."""
    quarter = max(len(values_s) // 4, 1)
    first, last, all_ = (
        percentiles(part) for part in (values_s[:quarter], values_s[-quarter:], values_s)
    )
    return {
        'first_p50_ms': round(first.p50_ms, 1),
        'last_p50_ms': round(last.p50_ms, 1),
        'p95_ms': round(all_.p95_ms, 1),
    }


def overload(graph: Graph, seconds: float, progress: Progress) -> None:
    """1080p at 60 Hz, four viewers of status, a caller without a pause and boxes all the time."""
    figures = progress.of('overload')
    image = picture(100, width=1920, height=1080)
    graph.wait_ready(image)
    graph.watch(4)
    sent, processed = graph.sent, graph.processed
    caller = Caller(NAMESPACE, seconds)
    moments = [graph.usage()]
    for number in paced(60.0, lasting(seconds, lambda: graph.processed > processed)):
        graph.show(image)
        graph.give(100, f'square{number % 20}')
        if number % 60 == 0:
            moments.append(graph.usage())
    answers_s = caller.answers_s()
    answers = percentiles(answers_s)
    figures['done'] += round(seconds, 1)
    run = {
        'sent': graph.sent - sent,
        'processed': graph.processed - processed,
        'service calls': len(answers_s),
        'answer_p50_ms': round(answers.p50_ms, 1),
        'answer_p99_ms': round(answers.p99_ms, 1),
        'longest_answer_ms': round(max(answers_s) * 1e3, 1) if answers_s else None,
        'most_memory_mb': round(max(moment.memory_mb for moment in moments), 1),
        'growth': growth(moments)._asdict(),
    }
    figures['runs'] = [*figures.get('runs', []), run]
    progress.save()


def viewers(graph: Graph, seconds: float, progress: Progress) -> None:
    """1080p at 10 Hz, in turns without and with sixteen viewers of the operator page."""
    figures, image = progress.of('viewers'), picture(100, width=1920, height=1080)
    graph.wait_ready(image)
    page = Page(NAMESPACE)
    latencies_s: dict[int, list[float]] = {0: [], CLIENTS: []}
    pictures = 0
    for turn in range(VIEWER_TURNS):
        clients = CLIENTS * (turn % 2)
        watching = page.viewers(clients, seconds / VIEWER_TURNS)
        graph.latencies_s.clear()

        def seen(watching: subprocess.Popen[str] = watching) -> bool:
            return bool(graph.latencies_s) and watching.poll() is not None

        for number in paced(10.0, lasting(seconds / VIEWER_TURNS, seen)):
            if number % GIVE_EVERY == 0:
                graph.give(100)
            graph.show(image)
        pictures += int(watching.communicate()[0])
        latencies_s[clients] += graph.latencies_s
    page.close()
    figures['done'] += round(seconds, 1)
    run = {'pictures': pictures}
    for clients, values_s in latencies_s.items():
        found = percentiles(values_s)
        run[f'{clients} viewers'] = {
            'images': len(values_s),
            'p50_ms': round(found.p50_ms, 1),
            'p95_ms': round(found.p95_ms, 1),
        }
    figures['runs'] = [*figures.get('runs', []), run]
    progress.save()


def cycles(graph: Graph, goal: int, progress: Progress) -> None:
    """Deactivate, clean up, configure, activate; an image is answered after each cycle."""
    figures = progress.of('cycles')
    moments: list[Usage] = []
    first: dict[str, Any] = figures.setdefault('failed', {})
    graph.wait_ready(picture(100))
    while figures['done'] < goal:
        for number in CYCLE:
            if not graph.transition(number):
                first[str(number)] = first.get(str(number), 0) + 1
        before = graph.processed
        end_s = time.monotonic() + 30.0
        while graph.processed == before and time.monotonic() < end_s:
            graph.show(picture(100))
            time.sleep(0.05)
        figures['silent'] = figures.get('silent', 0) + (graph.processed == before)
        figures['done'] += 1
        moments.append(graph.usage())
        progress.save()
    figures['runs'] = [*figures.get('runs', []), {'growth': growth(moments)._asdict()}]
    progress.save()
