"""What trains at which rate, the schedule of the rate, and the running average of the weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from siamla_ros.model import SiamLA
from siamla_ros.training.config import ScheduleConfig, TrainConfig
from siamla_ros.training.distributed import average_gradients


@dataclass(frozen=True)
class Group:
    """Parameters that share a peak learning rate; ``started`` from weights that they should stay
    near.
    """

    parameters: list[nn.Parameter]
    peak: float
    started: bool
    begins: float = 0.0  # share of the steps before which they stay


def parameter_groups(model: SiamLA, config: TrainConfig) -> list[Group]:
    """Trainable parameters by rate; what does not train has its gradient switched off."""
    schedule = config.schedule
    neck = [*model.neck.parameters()]
    fresh = _without_published_weights(model, config)
    deep: list[nn.Parameter] = []
    if schedule.lr_backbone > 0:
        blocks = list(model.backbone.blocks)[-schedule.backbone_blocks :]
        chosen = _without_depthwise if schedule.cached_pairs else nn.Module.parameters
        deep = [*(p for m in blocks for p in chosen(m)), *neck]
        deep = [p for p in deep if all(p is not other for other in fresh)]
    boxes = () if schedule.freeze_boxes else (model.reg_branch, model.reg_head)
    modules = (model.cls_branch, model.cls_head, *boxes)
    heads = [p for m in modules for p in m.parameters()]
    quality = list(model.quality.parameters()) if model.quality is not None else []
    started = config.init == 'tracker'
    groups = [
        Group(deep, schedule.lr_backbone, config.init != 'none', schedule.backbone_from),
        Group(heads, schedule.lr_init if started else schedule.lr_heads, started),
        Group(fresh + quality, schedule.lr_heads, False),
    ]
    model.requires_grad_(False)
    groups = [g for g in groups if g.parameters and g.peak > 0]
    for group in groups:
        for parameter in group.parameters:
            parameter.requires_grad_(True)
    return groups


def _without_depthwise(block: nn.Module) -> Iterator[nn.Parameter]:
    """Depth-wise filters stay where pairs are cached, as on a CPU: they hold a tenth of the weights
    of the last blocks, and their gradients cost more there than all others together.
    """
    for layer in block.modules():
        if not (isinstance(layer, nn.Conv2d) and layer.groups > 1):
            yield from layer.parameters(recurse=False)


def _without_published_weights(model: SiamLA, config: TrainConfig) -> list[nn.Parameter]:
    """What lies between backbone and heads and no published file holds: it trains with the heads,
    also below a frozen backbone.
    """
    if config.init == 'tracker' or (config.init == 'backbone' and config.model.backbone == 'fbnet'):
        return []
    reduction = getattr(model.backbone, 'reduce', None)
    modules = (model.neck,) if reduction is None else (reduction, model.neck)
    return [p for m in modules for p in m.parameters()]


def rate(progress: float, warmup: float) -> float:
    """Share of the peak rate: linear warm-up, then a half cosine to 1 %."""
    if progress < warmup:
        return (progress + 1e-3) / warmup
    along = (progress - warmup) / max(1.0 - warmup, 1e-9)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * along))


class Optimizer:
    """AdamW over the groups, gradient clipping, the pull to the initial weights, and the average.

    Args:
        model: With its initial weights.
        average: A copy of it that follows as an exponential moving average.

    Raises:
        ValueError: Every learning rate is 0.
    """

    def __init__(self, model: SiamLA, average: SiamLA, config: TrainConfig) -> None:
        self.schedule: ScheduleConfig = config.schedule
        self.groups = parameter_groups(model, config)
        if not self.groups:
            rates = ('lr_heads', 'lr_init', 'lr_backbone')
            given = ', '.join(
                f'schedule.{name} = {getattr(self.schedule, name):g}' for name in rates
            )
            raise ValueError(f'{given}: nothing would train, one that is used must be above 0')
        self.parameters = [p for g in self.groups for p in g.parameters]
        names = {id(p): n for n, p in model.named_parameters()}
        table = dict(average.named_parameters())
        self._average: list[Tensor] = [table[names[id(p)]].data for p in self.parameters]
        self._statistics = list(zip(average.buffers(), model.buffers(), strict=True))
        self._initial = [[p.detach().clone() for p in g.parameters] for g in self.groups]
        self.adamw = torch.optim.AdamW(
            [{'params': g.parameters, 'lr': g.peak} for g in self.groups],
            weight_decay=config.schedule.weight_decay,
        )

    def prepare(self, step: int, steps: int) -> None:
        """Before the forward pass of a step: for what does not learn yet no gradient is made.

        It stays in the training mode in which it was: its running statistics go on.
        """
        for group in self.groups:
            for parameter in group.parameters:
                parameter.requires_grad_(step >= group.begins * steps)

    def step(self, backward: Callable[[], object], step: int, steps: int) -> None:
        """One update in step ``step`` of ``steps``; ``backward`` makes the gradients, as prepared.

        AdamW leaves what has none, and its averages, as they are.
        """
        share = rate(step / max(steps, 1), self.schedule.warmup)
        for group, options in zip(self.groups, self.adamw.param_groups, strict=True):
            options['lr'] = group.peak * share
        self.adamw.zero_grad(set_to_none=True)
        backward()
        average_gradients(self.parameters)
        nn.utils.clip_grad_norm_(self.parameters, self.schedule.clip_norm)
        self.adamw.step()
        with torch.no_grad():
            self._pull(share)
            decay = min(self.schedule.ema, (1 + step) / (10 + step))
            torch._foreach_lerp_(self._average, [p.data for p in self.parameters], 1 - decay)
            for average, current in self._statistics:  # of BatchNorm: averages already
                average.copy_(current)

    def _pull(self, share: float) -> None:
        if self.schedule.l2_sp > 0:
            for group, initial in zip(self.groups, self._initial, strict=True):
                if group.started:
                    weights = [p.data for p in group.parameters]
                    torch._foreach_lerp_(weights, initial, self.schedule.l2_sp * share)
