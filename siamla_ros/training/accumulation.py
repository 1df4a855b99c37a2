"""The gradient of a whole batch whose parts go through the network one after the other.

What the losses are divided by, and the labels, depend on the whole batch, so that a mean over parts
would be another loss. So the parts are passed forward without a graph, the loss of all response
maps gives the gradient at the maps, and each part is passed forward again and takes its share of
that gradient back (GradCache, Gao et al., RepL4NLP 2021). The memory is that of one part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from siamla_ros.model.siamla import Response
from siamla_ros.training.distributed import is_batch_norm


def part_size(pairs: int, parts: int) -> int:
    """Pairs in each of ``parts`` parts.

    Raises:
        ValueError: They cannot be divided evenly.
    """
    if pairs % parts:
        raise ValueError(
            f'schedule.accumulate = {parts}: must divide the {pairs} pairs that a process takes of '
            'schedule.batch'
        )
    return pairs // parts


@contextmanager
def unmoved_statistics(model: nn.Module) -> Iterator[None]:
    """Without a change of the running statistics: what is passed forward twice would count twice.

    Batch norm that trains still normalizes by what it is shown: by a part, in all processes.
    """
    layers = [m for m in model.modules() if is_batch_norm(m) and m.training]
    momenta = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.momentum = 0.0
        yield
    finally:
        for layer, momentum in zip(layers, momenta):
            layer.momentum = momentum


def joined(answers: Sequence[Response]) -> Response:
    """Response maps of all parts, as leaves that take a gradient."""
    return Response(
        *(
            None if column[0] is None else torch.cat(column).detach().requires_grad_()
            for column in zip(*answers)
        )
    )


def pass_back(whole: Response, parts: int, again: Callable[[int], Response]) -> None:
    """Add to the gradients of the weights what those at ``whole``'s maps ask for.

    Args:
        whole: Of `joined`, after the backward pass of its loss.
        parts: How many there are.
        again: The response of a part, by its number, with its graph.
    """
    shares = [None if maps is None else _shares(maps, parts) for maps in whole]
    for number in range(parts):
        answer = again(number)
        pairs = [
            (maps, share[number])
            for maps, share in zip(answer, shares)
            if maps is not None and share is not None and maps.requires_grad
        ]
        torch.autograd.backward([maps for maps, _ in pairs], [share for _, share in pairs])


def _shares(maps: Tensor, parts: int) -> tuple[Tensor, ...] | None:
    return None if maps.grad is None else maps.grad.chunk(parts)
