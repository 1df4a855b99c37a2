"""The training loop: resumable, logged, deterministic in its data."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from siamla_ros.model import Response, SiamLA, build_model
from siamla_ros.training import losses
from siamla_ros.training.config import TrainConfig
from siamla_ros.training.pairs import PairSource
from siamla_ros.training.records import Pack


class PairDataset(Dataset):
    """Pairs ``first`` .. ``last`` of a source, as tensors."""

    def __init__(self, source: PairSource, first: int, last: int) -> None:
        self.source, self.first, self.last = source, first, last

    def __len__(self) -> int:
        return max(self.last - self.first, 0)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        pair = self.source.pair(self.first + index)
        return (
            torch.from_numpy(pair.template),
            torch.from_numpy(pair.search),
            torch.from_numpy(pair.box_xyxy),
        )


class Trainer:
    """One run in one folder: ``checkpoint.pt`` (resume), ``log.jsonl`` (one line a report),
    ``config.json``.

    :param model: starts the run; moved to ``device``
    """

    def __init__(
        self, config: TrainConfig, model: SiamLA, pack: Pack, folder: Path, device: str
    ) -> None:
        self.config, self.folder, self.device = config, folder, torch.device(device)
        self.model = model.to(self.device, memory_format=torch.channels_last).train()
        self.ema = copy.deepcopy(self.model).eval()
        self.teacher = copy.deepcopy(self.model).eval() if config.loss.anchor_weight > 0 else None
        self.source = PairSource(pack, config.model, config.data, config.seed)
        self.steps = config.schedule.pairs // config.schedule.batch
        self.groups = parameter_groups(model, config)
        self.optimizer = torch.optim.AdamW(self.groups, weight_decay=config.schedule.weight_decay)
        self.step = 0
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(config.to_dict(), indent=1))

    def resume(self) -> bool:
        """Continue from the folder's checkpoint; False when there is none."""
        path = self.folder / "checkpoint.pt"
        if not path.is_file():
            return False
        saved = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(saved["model"])
        self.ema.load_state_dict(saved["ema"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step = saved["step"]
        return True

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        path = self.folder / "checkpoint.pt"
        state = {
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }
        torch.save(state, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)

    def run(self, workers: int, max_minutes: float = math.inf) -> bool:
        """Train to the end of the schedule or for ``max_minutes``; True when the schedule is
        complete.
        """
        started, schedule = time.monotonic(), self.config.schedule
        report: list[losses.Losses] = []
        bar = tqdm(total=self.steps, initial=self.step, unit="step", dynamic_ncols=True)
        for batch in self._batches(workers):
            report.append(self._train_step(batch))
            self.step += 1
            bar.update()
            if self.step % 50 == 0:
                self._report(report, bar)
                report = []
            out_of_time = (time.monotonic() - started) / 60 > max_minutes
            if self.step % schedule.checkpoint_every == 0 or self.step == self.steps or out_of_time:
                self.save()
            if out_of_time:
                break
        bar.close()
        return self.step >= self.steps

    def _batches(self, workers: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        batch = self.config.schedule.batch
        dataset = PairDataset(self.source, self.step * batch, self.steps * batch)
        loader = DataLoader(
            dataset,
            batch,
            num_workers=workers,
            drop_last=True,
            persistent_workers=workers > 0,
            prefetch_factor=4 if workers else None,
            worker_init_fn=_start_worker,
            pin_memory=self.device.type == "cuda",
        )
        yield from loader

    def _train_step(self, batch: tuple[Tensor, Tensor, Tensor]) -> losses.Losses:
        config = self.config
        progress = self.step / max(self.steps, 1)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * _rate(progress, config.schedule.warmup)
        template, search, box = (t.to(self.device, non_blocking=True) for t in batch)
        template, search = (
            t.float().contiguous(memory_format=torch.channels_last) for t in (template, search)
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=config.schedule.bf16):
            response, teacher = self._forward(template, search)
        ramp = 1.0 if config.loss.ramp <= 0 else min(progress / config.loss.ramp, 1.0)
        loss = losses.compute(
            response,
            box,
            config.loss,
            self.model.grid,
            ramp,
            config.model.quality == "centerness",
            teacher,
        )
        if not torch.isfinite(loss.total):
            raise FloatingPointError(
                f"step {self.step}: the loss is {loss.total.item()}; lower the learning rate"
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.total.backward()
        nn.utils.clip_grad_norm_(
            (p for g in self.groups for p in g["params"]), config.schedule.clip_norm
        )
        self.optimizer.step()
        self._update_ema()
        return losses.Losses(*(v.detach() for v in loss))

    def _forward(self, template: Tensor, search: Tensor) -> tuple[Response, Response | None]:
        trainable = self.config.schedule.lr_backbone > 0
        with torch.set_grad_enabled(trainable):
            z, x = self.model.features(template), self.model.features(search)
        teacher = None
        if self.teacher is not None:
            with torch.no_grad():
                same = not trainable
                tz, tx = (
                    (z, x)
                    if same
                    else (self.teacher.features(template), self.teacher.features(search))
                )
                teacher = Response(
                    *(None if m is None else m.float() for m in self.teacher.respond(tx, tz))
                )
        return self.model.respond(x, z), teacher

    @torch.no_grad()
    def _update_ema(self) -> None:
        decay = min(self.config.schedule.ema, (1 + self.step) / (10 + self.step))
        current = [p for g in self.groups for p in g["params"]]
        torch._foreach_lerp_(self._ema_parameters(), current, 1 - decay)

    def _ema_parameters(self) -> list[Tensor]:
        if not hasattr(self, "_ema_list"):
            names = {id(p): n for n, p in self.model.named_parameters()}
            table = dict(self.ema.named_parameters())
            self._ema_list = [table[names[id(p)]].data for g in self.groups for p in g["params"]]
        return self._ema_list

    def _report(self, report: list[losses.Losses], bar: tqdm) -> None:
        means = {
            name: float(np.mean([float(getattr(r, name)) for r in report]))
            for name in losses.Losses._fields
        }
        means = {name: round(value, 4) for name, value in means.items()}
        bar.set_postfix(means)
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps({"step": self.step, **means}) + "\n")


def parameter_groups(model: SiamLA, config: TrainConfig) -> list[dict[str, Any]]:
    """Trainable parameters by learning rate; what does not train has its gradient switched off."""
    schedule = config.schedule
    backbone_lr = schedule.lr_backbone
    blocks = list(model.backbone.blocks)[-schedule.backbone_blocks :] if backbone_lr > 0 else []
    deep = [p for b in blocks for p in b.parameters()] + (
        list(model.neck.parameters()) if backbone_lr > 0 else []
    )
    heads = [
        p
        for m in (model.cls_branch, model.reg_branch, model.cls_head, model.reg_head)
        for p in m.parameters()
    ]
    fresh = list(model.quality.parameters()) if model.quality is not None else []
    if config.init != "tracker":
        heads, fresh = [], heads + fresh
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    groups = [
        {"params": deep, "peak": backbone_lr},
        {"params": heads, "peak": schedule.lr_init},
        {"params": fresh, "peak": schedule.lr_heads},
    ]
    groups = [{**g, "lr": g["peak"]} for g in groups if g["params"] and g["peak"] > 0]
    for group in groups:
        for parameter in group["params"]:
            parameter.requires_grad_(True)
    return groups


def _rate(progress: float, warmup: float) -> float:
    """Linear warm-up, then a half cosine to 1 % of the peak."""
    if progress < warmup:
        return (progress + 1e-3) / warmup
    along = (progress - warmup) / max(1.0 - warmup, 1e-9)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * along))


def _start_worker(_: int) -> None:
    import cv2

    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def build_initial(config: TrainConfig, init_file: Path | None) -> SiamLA:
    """The network that a run starts from, seeded.

    :raises ValueError: the configuration starts from published weights and no file is named
    """
    from siamla_ros.training.initialise import load_fear

    torch.manual_seed(config.seed)
    model = build_model(config.model)
    if config.init in ("backbone", "tracker"):
        if init_file is None:
            raise ValueError(
                f"init = {config.init!r}: name the published weights with --init FILE.onnx"
            )
        load_fear(model, init_file, heads=config.init == "tracker")
    return model
