"""Which of several targets a robot acts on: the one that was named, or the first confirmed one."""

from __future__ import annotations


class TargetSelection:
    """Holds on to one target id until the tracker reports that it was cleared.

    A robot must not change from one target to another because the first is lost for a while.
    """

    def __init__(self, target_id: str = '') -> None:
        """target_id: the only one that counts; empty: the first that is confirmed."""
        self._fixed = bool(target_id)
        self.target_id = target_id

    def accepts(self, target_id: str, confirmed: bool) -> bool:
        """Whether a message of that target counts; the first confirmed one is selected."""
        if not self.target_id and confirmed:
            self.target_id = target_id
        return bool(self.target_id) and target_id == self.target_id

    def forget(self, target_id: str) -> bool:
        """The tracker has no target of that id any more (empty: none at all); whether it counts."""
        if target_id and target_id != self.target_id:
            return False
        if not self._fixed:
            self.target_id = ''
        return True
