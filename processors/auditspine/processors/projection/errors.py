"""The errors of projections: one base class, split by what the caller must do.

Drawn as a tree::

    ProjectionError
    ├── StateMoved      reload the state and try again
    ├── NotYet          take the same messages again a little later
    ├── StateError      stop: the state cannot be used with this log
    ├── SegmentRefused  stop: the sealed topic holds something that must not drive a projection
    ├── ReplayError     run it again: the sealed topic could not be read to the end
    ├── HistoryError    stop: a moved tenant's history is not what its move names
    └── SettingsError   stop: a setting cannot be honoured
"""


class ProjectionError(Exception):
    """Base of everything that a projection raises."""


class StateMoved(ProjectionError):  # noqa: N818 - a signal between workers, not a failure
    """Another worker advanced this state: reload it and go on from there."""


class NotYet(ProjectionError):  # noqa: N818 - nothing failed
    """A log that a fold looks into is not read as far as it must be: try again a little later."""


class StateError(ProjectionError):
    """A state cannot be used: its file, its format or its log is another: stop."""


class SegmentRefused(ProjectionError):  # noqa: N818 - reads as what happened
    """A message of a sealed topic cannot be applied: stop.

    Attributes:
        topic: Sealed topic.
        partition: Its partition.
        offset: Kafka offset of the message.
    """

    def __init__(self, topic: str, partition: int, offset: int, detail: str) -> None:
        super().__init__(f"{topic}[{partition}] at offset {offset}: {detail}")
        self.topic = topic
        self.partition = partition
        self.offset = offset


class ReplayError(ProjectionError):
    """A sealed topic could not be read up to where it was to be read."""


class HistoryError(ProjectionError):
    """What a moved tenant did elsewhere cannot be read, or is not what its move names: stop."""


class SettingsError(ProjectionError):
    """A setting cannot be honoured: stop before anything is read."""
