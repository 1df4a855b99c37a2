"""What is measured of one trained network of the ablation, on the held-out tracks.

The same single steps as in :mod:`siamla_ros.training.validate`, but cut once for all networks: they
share backbone and neck, so that they also share the features of every view.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from siamla_ros.datasets.training_pack import Record, read_image
from siamla_ros.evaluation.cells import Cells, alignment
from siamla_ros.evaluation.confidence import CORRECT_IOU, reliability
from siamla_ros.evaluation.platt import fit_platt
from siamla_ros.geometry import boxes
from siamla_ros.geometry.boxes import Box
from siamla_ros.geometry.crops import ImageArray, Window, border_color, context_window, crop
from siamla_ros.model import ModelConfig, SiamLA
from siamla_ros.model.decode_config import DecodeConfig
from siamla_ros.runtime.base import Maps
from siamla_ros.tracker.cell_boxes import cell_boxes
from siamla_ros.tracker.decode import decode_box
from siamla_ros.tracker.logistic import platt
from siamla_ros.tracker.results import TrackResult
from siamla_ros.training.validate import Report, scenes_of


class View(NamedTuple):
    """One frame of a held-out track, searched from several places.

    Attributes:
        template: Features (1, C, h, w).
        search: Features (P, C, H, W), one map a place.
        erased: The same with the target erased.
        track: Number of the track.
    """

    template: Tensor
    search: Tensor
    erased: Tensor
    windows: list[Window]
    places: list[Box]
    truth_xywh: Box
    image_size: tuple[int, int]
    track: int


class Answers(NamedTuple):
    """Maps of one network for one view, with the target and without."""

    present: Maps
    erased: Maps


@torch.inference_mode()
def views_of(model: SiamLA, tracks: list[list[Record]], probes: int, seed: int = 0) -> list[View]:
    """All views, with the features of ``model``."""
    model, config = model.eval(), model.config
    views = []
    for number, track in enumerate(tracks):
        first = read_image(track[0].path)
        border = border_color(first)
        window = context_window(track[0].box_xywh, config.template_context, config.isotropic)
        template = model.features(_pixels(first, [window], border, config.template_size_px))
        for scene in scenes_of(track, probes, (seed, number)):
            windows = [
                context_window(p, config.search_context, config.isotropic) for p in scene.places
            ]
            search, erased = (
                model.features(_pixels(image, windows, border, config.search_size_px))
                for image in (scene.image, scene.erased)
            )
            size = (scene.image.shape[1], scene.image.shape[0])
            truth = scene.record.box_xywh
            views.append(View(template, search, erased, windows, scene.places, truth, size, number))
    return views


def _pixels(
    image: ImageArray, windows: Sequence[Window], border: Sequence[float], size_px: int
) -> Tensor:
    crops = np.stack([crop(image, w, size_px, border) for w in windows])
    pixels = torch.from_numpy(np.ascontiguousarray(crops[..., ::-1])).permute(0, 3, 1, 2)
    return pixels.float()


@torch.inference_mode()
def answers_of(model: SiamLA, views: list[View]) -> list[Answers]:
    """What the heads of ``model`` answer on every view."""
    model = model.eval()
    return [
        Answers(*(_maps(model, view.template, search) for search in (view.search, view.erased)))
        for view in views
    ]


def _maps(model: SiamLA, template: Tensor, search: Tensor) -> Maps:
    response = model.respond(search, template.expand(len(search), -1, -1, -1))
    p = torch.sigmoid(response.classification[:, 0])
    q = p if response.quality is None else torch.sigmoid(response.quality[:, 0])
    return Maps(p.numpy(), response.ltrb.numpy(), q.numpy())


def report_of(
    views: list[View], answers: list[Answers], model: ModelConfig, decode: DecodeConfig
) -> Report:
    """The report of :func:`siamla_ros.training.validate.validate`, from these answers."""
    ious, present, erased = [], [], []
    for view, answer in zip(views, answers, strict=True):
        for maps, found in ((answer.present, present), (answer.erased, erased)):
            decoded = [_decode(view, maps, i, model, decode) for i in range(len(view.places))]
            found += [item.confidence for item in decoded]
            if maps is answer.present:
                found = [boxes.clip(item.box_xywh, view.image_size) for item in decoded]
                ious += [float(boxes.iou(box, view.truth_xywh)) for box in found]
    return Report(np.array(ious), np.array(present), np.array(erased))


def _decode(
    view: View, maps: Maps, i: int, model: ModelConfig, decode: DecodeConfig
) -> TrackResult:
    window, place = view.windows[i], view.places[i]
    return decode_box(maps, i, window, model.search_size_px, model.grid, place, decode)


def aligned(
    views: list[View], answers: list[Answers], model: ModelConfig, exponent: float
) -> dict[str, float]:
    """Means over the views of :func:`siamla_ros.evaluation.cells.alignment` of the fused score."""
    found: list[dict[str, float]] = []
    for view, answer in zip(views, answers, strict=True):
        maps = answer.present
        score = maps.classification ** (1 - exponent) * maps.quality**exponent
        for i, window in enumerate(view.windows):
            all_boxes, points = (
                cell_boxes(ltrb, window, model.search_size_px, model.grid).reshape(-1, 4)
                for ltrb in (maps.ltrb[i], np.zeros_like(maps.ltrb[i]))
            )
            cells = Cells(all_boxes, points[:, :2], score[i].ravel())
            found.append(alignment(cells, np.array(view.truth_xywh)))
    keys = ('alignment_rank', 'alignment_gap')
    return {key: float(np.nanmean([f[key] for f in found if key in f])) for key in keys}


def figures(
    views: list[View], answers: list[Answers], model: ModelConfig, decode: DecodeConfig
) -> dict[str, float]:
    """All figures of one network with one way to decode."""
    report = report_of(views, answers, model, decode)
    hit = report.iou > CORRECT_IOU
    tracks = np.repeat([v.track for v in views], [len(v.places) for v in views])
    return {
        'auc': report.auc,
        'sr50': float(hit.mean()),
        'sr75': float((report.iou > 0.75).mean()),
        'spearman': report.spearman,
        **aligned(views, answers, model, decode.fusion_exponent),
        'ece': reliability(report.confidence, hit).ece,
        'ece_platt': reliability(scaled_by_others(report.confidence, hit, tracks), hit).ece,
        'auroc_erased': report.auroc,
    }


def scaled_by_others(confidence: NDArray, hit: NDArray, tracks: NDArray) -> NDArray[np.float64]:
    """Platt scaling of every track fitted on the others, so that nothing is measured by its own
    fit; NaN where those are all right or all wrong.
    """
    scaled = np.full_like(confidence, np.nan)
    for track in np.unique(tracks):
        own = tracks == track
        if len(set(hit[~own])) < 2:
            continue
        scale, bias = fit_platt(confidence[~own], hit[~own])
        scaled[own] = platt(confidence[own], scale, bias)
    return scaled
