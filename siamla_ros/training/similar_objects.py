"""Which objects are similar: hard negatives for training.

An object of another picture, drawn at random, seldom resembles the template; what a tracker
confuses with its target does. The features of a backbone that was trained for tracking show which
objects of the pack that is.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from siamla_ros.datasets.training_pack import Pack, Record, read_image
from siamla_ros.geometry.crops import border_color, context_window, crop
from siamla_ros.model import SiamLA

BATCH = 64
NEIGHBORS = 12
SAME = 0.97  # a cosine above is the same object, or a copy of its picture


@torch.inference_mode()
def describe(model: SiamLA, records: list[Record]) -> NDArray[np.float32]:
    """One unit vector an object, (N, C): the mean feature of its template."""
    cv2.setNumThreads(1)  # processes that are forked from one with OpenCV's threads hang
    device = next(model.parameters()).device
    rows = []
    for first in range(0, len(records), BATCH):
        crops = np.stack([_template(model, r) for r in records[first : first + BATCH]])
        features = model.features(torch.from_numpy(crops).to(device).float())
        rows.append(F.normalize(features.float().mean((2, 3)), dim=1).cpu().numpy())
    return np.concatenate(rows)


def _template(model: SiamLA, record: Record) -> NDArray[np.uint8]:
    config, image = model.config, read_image(record.path)
    window = context_window(record.box_xywh, config.template_context, config.isotropic)
    pixels = crop(image, window, config.template_size_px, border_color(image))
    return np.ascontiguousarray(pixels[..., ::-1].transpose(2, 0, 1))


def table(model: SiamLA, pack: Pack, path: Path) -> list[list[int]]:
    """:func:`similar_objects` of the pack, read from ``path`` where a run has left them there;
    written as a whole or not at all.

    Raises:
        ValueError: The file belongs to another pack.
    """
    names = '\n'.join(f'{track[0].dataset}/{track[0].track}' for track in pack.tracks)
    objects = hashlib.sha256(names.encode()).hexdigest()
    if path.is_file():
        saved = json.loads(path.read_text())
        if saved['objects'] != objects:
            raise ValueError(f'{path}: similar objects of another pack; delete the file')
        return saved['similar_objects']
    found = similar_objects(model, pack)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix('.part')
    partial.write_text(json.dumps({'objects': objects, 'similar_objects': found}))
    partial.replace(path)
    return found


def similar_objects(model: SiamLA, pack: Pack, count: int = NEIGHBORS) -> list[list[int]]:
    """For every track of the pack the tracks, at most ``count``, that resemble it most.

    Only tracks of the same data set: two sets may hold the same picture. None that shares its
    source, or is so similar that it may be the same object. None of several frames: the same object
    is often filmed more than once.
    """
    firsts = [track[len(track) // 2] for track in pack.tracks]
    vectors = describe(model, firsts)
    # Of what all objects have in common nothing can be learned.
    vectors = vectors - vectors.mean(0)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    datasets = np.array([r.dataset for r in firsts])
    filmed = np.array([len(track) > 1 for track in pack.tracks])
    found = []
    for index, record in enumerate(firsts):
        similarity = vectors @ vectors[index]
        similarity[(datasets != record.dataset) | filmed | (similarity > SAME)] = -1.0
        best = np.argsort(-similarity)[: 3 * count]
        apart = [int(i) for i in best if similarity[i] > 0 and firsts[i].source != record.source]
        found.append([] if filmed[index] else apart[:count])
    return found
