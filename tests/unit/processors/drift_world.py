"""A drift projection with its state and the ports that it looks into."""

from pathlib import Path

from auditspine.processors.drift.fold import DriftProjection
from auditspine.processors.drift.port import FoundProfile
from auditspine.processors.drift.predictions import PredictionFiles
from auditspine.processors.drift.tables import LEVELS
from auditspine.processors.projection.port import DERIVED

from .drift_events import KnownProfiles, MemoryState


class World:
    """A projection, its state and the ports that it looks into."""

    def __init__(
        self, folder: Path, known: FoundProfile | None = None, policy=None, **more
    ) -> None:
        self.folder = folder
        self.complete = more.pop("complete", True)
        self.clock = 0.0
        self.profiles = KnownProfiles(*([known] if known else []))
        self.policy = policy
        self.state = MemoryState()
        self.derived: list = []
        self.levels: list = []
        self.restart()

    def restart(self) -> None:
        self.files = PredictionFiles(self.folder, self, 90, lambda: self.clock)
        self.fold = DriftProjection(self.profiles, self.files, self.policy)

    def is_complete(self, _: int) -> bool:
        return self.complete

    def position(self, _: int) -> int:
        return 0

    def are_outcomes_complete(self, _: int) -> bool:
        return False

    def take(self, events, size: int = 200) -> "World":
        for start in range(0, len(events), size):
            overlay = MemoryState(self.state)
            changes = self.fold.fold(events[start : start + size], overlay)
            self.state = overlay
            self.derived += [row[0] for row in changes[DERIVED]]
            self.levels += changes[LEVELS]
        return self

    def signals(self, kind: str = "") -> list:
        return [
            (each.cause.position, each.body)
            for each in self.derived
            if each.event_type == "drift.signalled" and kind in ("", each.body["kind"])
        ]
