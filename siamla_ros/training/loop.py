"""The training loop: resumable, logged, deterministic in its data."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from siamla_ros.datasets.training_pack import Record
from siamla_ros.model import SiamLA
from siamla_ros.model.siamla import Response
from siamla_ros.training import losses
from siamla_ros.training.accumulation import joined, part_size, pass_back, unmoved_statistics
from siamla_ros.training.box_teacher import BoxTeacher, keeping_loss
from siamla_ros.training.checkpointing import validation_report
from siamla_ros.training.config import TrainConfig
from siamla_ros.training.distributed import (
    ALONE,
    Processes,
    mean_over_processes,
    with_shared_statistics,
)
from siamla_ros.training.optimize import Optimizer
from siamla_ros.training.pairs import PairSource
from siamla_ros.training.precision import mixed
from siamla_ros.training.resuming import check_resumable, read_saved
from siamla_ros.training.run_log import RunLog
from siamla_ros.training.unreadable import readable_pair

REPORT_EVERY = 50
Batch = tuple[Tensor, Tensor, Tensor]


class PairDataset(Dataset):
    """Pairs ``first`` .. ``last`` of a source, as tensors; of each ``batch`` the ``part`` alone."""

    def __init__(
        self, source: PairSource, first: int, last: int, batch: int = 1, part: slice = slice(0, 1)
    ) -> None:
        self.source, self.first, self.last = source, first, last
        self.batch, self.part = batch, part

    def __len__(self) -> int:
        return max(self.last - self.first, 0) // self.batch * (self.part.stop - self.part.start)

    def __getitem__(self, index: int) -> Batch:
        step, place = divmod(index, self.part.stop - self.part.start)
        number = self.first + step * self.batch + self.part.start + place
        pair = readable_pair(self.source, number)
        return tuple(torch.from_numpy(a) for a in (pair.template, pair.search, pair.box_xyxy))


class Trainer:
    """One run in one folder: ``checkpoint.pt`` (resume), ``config.json``, what `RunLog` writes.

    Args:
        model: Starts the run; moved to ``device``.
        source: Draws the pairs.
        tracks: Held-out objects, validated every ``schedule.validate_every`` steps.
        processes: Share every batch; the first one validates and writes.
        tensorboard: Also log for TensorBoard.
    """

    def __init__(
        self,
        config: TrainConfig,
        model: SiamLA,
        source: PairSource,
        folder: Path,
        device: str,
        tracks: Sequence[Sequence[Record]] | None = None,
        processes: Processes = ALONE,
        tensorboard: bool = False,
    ) -> None:
        self.processes, self.part = processes, processes.part(config.schedule.batch)
        self.config, self.folder, self.device = config, folder, torch.device(device)
        self.tracks = tracks or []
        self.model = model.to(self.device, memory_format=torch.channels_last).train()
        self.ema = copy.deepcopy(self.model).eval()
        self.teacher = BoxTeacher(self.model) if config.loss.keep_boxes > 0 else None
        self.source = source
        self.steps = config.schedule.pairs // config.schedule.batch
        self.optimizer = Optimizer(self.model, self.ema, config)
        self.model.train()  # once more: a backbone may keep what is frozen now in evaluation mode
        self.model = with_shared_statistics(self.model, processes, self.device)
        self.own = part_size(self.part.stop - self.part.start, config.schedule.accumulate)
        self.learns_features = any(
            p.requires_grad for m in (model.backbone, model.neck) for p in m.parameters()
        )
        self.step, self._run_log = 0, RunLog(folder, tensorboard)
        folder.mkdir(parents=True, exist_ok=True)

    def resume(self) -> bool:
        """Continue from the folder's checkpoint; False when there is none.

        Raises:
            ValueError: The checkpoint is damaged, or not known to be of this configuration.
        """
        path = self.folder / 'checkpoint.pt'
        if not path.is_file():
            return False
        saved = read_saved(path, self.device)
        check_resumable(path, saved.get('config'), self.config)
        self.model.load_state_dict(saved['model'])
        self.ema.load_state_dict(saved['ema'])
        self.optimizer.adamw.load_state_dict(saved['optimizer'])
        self.step = saved['step']
        return True

    def save(self) -> None:
        """Write the checkpoint, whole or not at all; the first process alone does."""
        if not self.processes.first:
            return
        path = self.folder / 'checkpoint.pt'
        state = {
            'model': self.model.state_dict(),
            'ema': self.ema.state_dict(),
            'optimizer': self.optimizer.adamw.state_dict(),
            'step': self.step,
            'config': self.config.to_dict(),
        }
        torch.save(state, path.with_suffix('.tmp'))
        path.with_suffix('.tmp').replace(path)

    def run(self, workers: int, max_minutes: float = math.inf) -> bool:
        """Train to the end of the schedule or for ``max_minutes``.

        Returns:
            True when the schedule is complete.
        """
        first = self.processes.first
        if first:
            (self.folder / 'config.json').write_text(json.dumps(self.config.to_dict(), indent=1))
            self._run_log.begin(self.step)
        self._reported = time.monotonic()
        deadline, schedule = time.monotonic() + 60 * max_minutes, self.config.schedule
        report: list[losses.Losses] = []
        bar = tqdm(total=self.steps, initial=self.step, unit='step', disable=not first)
        for batch in self._batches(workers):
            report.append(self._train_step(batch))
            self.step += 1
            bar.update()
            if self.step % REPORT_EVERY == 0:
                self._report(report, bar)
                report = []
            if first and self.tracks and self.step % schedule.validate_every == 0:
                scores = validation_report(self.ema, self.config, self.tracks).summary()
                self._log(scores, 'validation')
            late = self._any(time.monotonic() > deadline)
            if self.step % schedule.checkpoint_every == 0 or self.step == self.steps or late:
                self.save()
            if late:
                break
        bar.close()
        return self.step >= self.steps

    def _batches(self, workers: int) -> Iterator[Batch]:
        batch = self.config.schedule.batch
        first, last = self.step * batch, self.steps * batch
        dataset = PairDataset(self.source, first, last, batch, self.part)
        own = self.part.stop - self.part.start
        yield from in_batches(dataset, own, workers, pinned=self.device.type == 'cuda')

    def _any(self, value: bool) -> bool:
        """Whether it holds in any process."""
        if self.processes.count == 1:
            return value
        return mean_over_processes(torch.tensor(float(value), device=self.device)).item() > 0

    def _train_step(self, batch: Batch) -> losses.Losses:
        template, search, box = (t.to(self.device, non_blocking=True) for t in batch)
        parts = list(zip(template.split(self.own), search.split(self.own)))
        self.optimizer.prepare(self.step, self.steps)
        if len(parts) == 1:
            response, taught = self._answer(*parts[0], with_teacher=True)
            loss = self._loss(response, taught, box)
            self.optimizer.step(loss.total.backward, self.step, self.steps)
            return losses.Losses(*(v.detach() for v in loss))
        with torch.no_grad(), unmoved_statistics(self.model):
            answers, lessons = zip(*(self._answer(*part, with_teacher=True) for part in parts))
        response = joined(answers)
        loss = self._loss(response, torch.cat(lessons) if self.teacher else None, box)
        loss.total.backward()  # to the maps

        def backward() -> None:
            pass_back(response, len(parts), lambda i: self._answer(*parts[i])[0])

        self.optimizer.step(backward, self.step, self.steps)
        return losses.Losses(*(v.detach() for v in loss))

    def _answer(
        self, template: Tensor, search: Tensor, with_teacher: bool = False
    ) -> tuple[Response, Tensor | None]:
        """Maps of crops or features as batches hold them, and the teacher's boxes."""
        template, search = (
            t.float().contiguous(memory_format=torch.channels_last) for t in (template, search)
        )
        with mixed(self.device, self.config.schedule.bf16):
            return self._respond(template, search, with_teacher)

    def _loss(self, response: Response, taught: Tensor | None, box: Tensor) -> losses.Losses:
        config, progress = self.config, self.step / max(self.steps, 1)
        label_warmup = (
            1.0 if config.loss.label_warmup <= 0 else min(progress / config.loss.label_warmup, 1.0)
        )
        centerness = config.model.quality == 'centerness'
        loss = losses.compute(response, box, config.loss, self.model.grid, label_warmup, centerness)
        if taught is not None:
            kept = keeping_loss(response.ltrb, taught, box, self.model.grid)
            loss = loss._replace(total=loss.total + config.loss.keep_boxes * kept)
        if not torch.isfinite(loss.total):
            value = loss.total.item()
            raise FloatingPointError(f'step {self.step}: loss = {value}; lower the learning rate')
        return loss

    def _respond(
        self, template: Tensor, search: Tensor, with_teacher: bool = True
    ) -> tuple[Response, Tensor | None]:
        """Maps of a batch, and the teacher's boxes if there is one."""
        with torch.set_grad_enabled(self.learns_features and torch.is_grad_enabled()):
            z, x = (self._features(self.model, crop) for crop in (template, search))
        taught = None
        if self.teacher and with_teacher:
            own = z.detach(), x.detach()
            if self.learns_features:  # they leave those on which the teacher's boxes were learnt
                with torch.no_grad():
                    own = tuple(self._features(self.teacher.model, t) for t in (template, search))
            taught = self.teacher.ltrb(own[1], own[0])
        return self.model.respond(x, z), taught

    def _features(self, model: SiamLA, crop: Tensor) -> Tensor:
        """Features of crops from what the batches hold: here their pixels."""
        return model.features(crop)

    def _report(self, report: list[losses.Losses], bar: tqdm) -> None:
        table = torch.tensor([[float(value) for value in row] for row in report])
        means = mean_over_processes(table.mean(0).to(self.device)).tolist()
        values = dict(zip(losses.Losses._fields, (round(mean, 7) for mean in means)))
        bar.set_postfix({name: round(value, 4) for name, value in values.items()})
        seconds, self._reported = time.monotonic() - self._reported, time.monotonic()
        pairs = len(report) * self.config.schedule.batch
        rates = [group['lr'] for group in self.optimizer.adamw.param_groups]
        self._log({**values, 'lr': max(rates), 'pairs_per_s': round(pairs / seconds, 1)}, 'train')

    def _log(self, values: dict[str, float], group: str) -> None:
        if self.processes.first:
            self._run_log.write(self.step, values, group)


def in_batches(
    dataset: Dataset, batch: int, workers: int, pinned: bool = False, drop_last: bool = True
) -> DataLoader:
    """The samples of ``dataset`` in their order, made by ``workers`` processes."""
    return DataLoader(
        dataset,
        batch,
        num_workers=workers,
        drop_last=drop_last,
        persistent_workers=workers > 0,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_start_worker,
        pin_memory=pinned,
    )


def _start_worker(_: int) -> None:
    import cv2

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
