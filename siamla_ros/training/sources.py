"""What draws the pairs of a run: a pack alone, or a pack and scenes of annotated video."""

from __future__ import annotations

import copy
from collections.abc import Collection
from pathlib import Path

from siamla_ros.datasets.scenes import Scene, load_scenes
from siamla_ros.datasets.training_pack import Pack
from siamla_ros.model import SiamLA
from siamla_ros.runtime.torch_runtime import TorchRuntime
from siamla_ros.tracker.tracker import Tracker
from siamla_ros.training.checkpointing import decode_for
from siamla_ros.training.config import TrainConfig
from siamla_ros.training.pairs import PairSource
from siamla_ros.training.similar_objects import table
from siamla_ros.training.tracked_windows import TrackedWindows, record_windows
from siamla_ros.training.video_pairs import VideoPairs


def check_video(share: float, video: Path | None, where: str = '') -> None:
    """Raises ValueError for a share of pairs without a video, or the other way round.

    Args:
        share: ``data.video`` of the recipe.
        video: Folder of scenes.
        where: What stands before ``data.video`` in the recipe.
    """
    if (video is None) != (share == 0):
        raise ValueError(
            f'{where}data.video = {share:g}: must be above 0 with --video, and 0 without'
        )


def pair_source(
    pack: Pack,
    config: TrainConfig,
    initial: SiamLA,
    folder: Path,
    video: Path | None,
    held_out: Collection[str],
) -> PairSource:
    """What draws the pairs.

    Args:
        pack: Objects in pictures.
        config: Of the run.
        initial: The weights that it starts from: they find similar objects, and follow the scenes
            where ``data.tracked`` is above 0.
        folder: Of the run; similar objects, frames and windows are kept there.
        video: Folder of scenes, or None.
        held_out: Names of scenes that are not trained on.

    Raises:
        DatasetError: The scenes cannot be read, or lack one of `held_out`.
        ValueError: No target of the scenes can be trained on, or `folder` belongs to another pack.
    """
    data, similar = config.data, None
    if data.similar > 0:
        similar = table(initial, pack, folder / 'similar_objects.json')
    if video is None:
        return PairSource(pack, config.model, data, config.seed, similar)
    scenes = load_scenes(video, folder / 'frames', held_out)
    windows = _tracked_windows(config, initial, scenes, folder) if data.tracked > 0 else {}
    return VideoPairs(pack, config.model, data, config.seed, scenes, windows, similar)


def _tracked_windows(
    config: TrainConfig, initial: SiamLA, scenes: list[Scene], folder: Path
) -> dict[tuple[str, str], TrackedWindows]:
    runtime = TorchRuntime(copy.deepcopy(initial), 'cpu')
    tracker = Tracker(runtime, config.model, decode_for(config))
    return record_windows(tracker, scenes, folder / 'tracked_windows.npz', config.seed)
