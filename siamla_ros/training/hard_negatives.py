"""Other objects that resemble one, for a share of the draws: see ``similar_objects``."""

from __future__ import annotations

import numpy as np

from siamla_ros.datasets.training_pack import Pack, Record


class HardNegatives:
    """Similar objects of the objects of a pack.

    Args:
        table: For every track of the pack the indices of those that resemble it.
        share: Of the draws for which there are any.

    Raises:
        ValueError: A share above 0 without a table, or a table of another length.
    """

    def __init__(self, pack: Pack, table: list[list[int]] | None, share: float) -> None:
        if share > 0 and table is None:
            raise ValueError(f'data.similar = {share}: needs a table of similar objects')
        if table is not None and len(table) != len(pack.tracks):
            raise ValueError(
                f'similar objects of {len(table)} objects, the pack has {len(pack.tracks)}'
            )
        self.share = share
        self._tracks = {
            (track[0].dataset, track[0].track): [pack.tracks[i] for i in like]
            for track, like in zip(pack.tracks, table or [], strict=False)
        }

    def of(self, record: Record, rng: np.random.Generator) -> list[list[Record]]:
        """Tracks that resemble an object; none for the share of the draws that takes any."""
        if self.share <= 0 or rng.random() >= self.share:
            return []
        return self._tracks.get((record.dataset, record.track), [])
