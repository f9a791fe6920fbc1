"""What drift monitoring needs from other logs than the one it folds. Interfaces and values only.

Both look-ups are answered as of a time by the broker's clock: they depend on the logs alone, not on
which of them was read first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from auditspine.processors.projection.errors import NotYet

__all__ = [
    "Answer",
    "Due",
    "FoundProfile",
    "Member",
    "NotYet",
    "Prediction",
    "Predictions",
    "Profiles",
]

Member = tuple[str, int, str]
"""A group that a person is of: protected attribute, number within it, token. Number 0 is any group
that is not compared."""


@dataclass(frozen=True, slots=True)
class FoundProfile:
    """What the lifecycle log says of a model's training profile.

    Attributes:
        event_id: The ``run.completed`` that holds it.
        profile: Its body; empty when there is a problem.
        problem: Why it cannot be used; empty when it can.
    """

    event_id: str
    profile: Mapping[str, Any]
    problem: str = ""


class Profiles(Protocol):
    """Port: training profiles of models."""

    def find(self, tenant: str, model_digest: bytes, at: int) -> FoundProfile | None:
        """Give the last profile of a model that the broker took until a time.

        Args:
            tenant: Whose.
            model_digest: SHA-256 of the model, 32 bytes.
            at: The time, milliseconds since 1970.

        Raises:
            NotYet: The lifecycle log is not read that far; try again later.
        """
        ...


class Prediction(NamedTuple):
    """What an outcome needs of the prediction that it answers.

    Attributes:
        key: Names it among all, 16 bytes.
        at: When the broker took it, milliseconds.
        model: Name, version and SHA-256 (hex) of the model that answered.
        decision: What was decided.
        occurred_at: When it was made by the producer's clock, milliseconds.
        score: What the model answered; NaN when that is no number.
        place: Names tenant and deployment, 16 bytes.
        members: Groups that the person concerned is of.
        without: Protected attributes that are missing.
    """

    key: bytes
    at: int
    model: tuple[str, str, str]
    decision: str
    occurred_at: int
    score: float
    place: bytes
    members: tuple[Member, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def reference(self) -> dict[str, str]:
        """The model, with its digest as hex."""
        name, version, digest = self.model
        return {"kind": "model", "name": name, "version": version, "digest": digest}


class Answer(NamedTuple):
    """An outcome that answers a prediction.

    Attributes:
        at: When the broker took it, milliseconds.
        position: Its position in the outcome log; of a tenant that moved, after those of before.
        label: What happened; empty when it has no label.
        delay: How long it took by the producers' clocks, milliseconds; None if that cannot be.
    """

    at: int
    position: int
    label: str
    delay: int | None = None


class Due(NamedTuple):
    """A prediction whose outcome is due.

    Attributes:
        at: When the broker took it, milliseconds.
        members: Groups that the person concerned is of.
        answered: Whether its outcome is there.
        delay: How long that took; None where it is not there or that cannot be.
    """

    at: int
    members: tuple[Member, ...]
    answered: bool
    delay: int | None


class Predictions(Protocol):
    """Port: predictions that wait for their outcomes."""

    def put(self, origin: str, predictions: Sequence[Prediction], through: int) -> None:
        """Remember predictions of one log.

        Args:
            origin: The inference log.
            predictions: In the order of the log.
            through: The log is read through this time.
        """
        ...

    def find(self, origin: str, key: bytes, at: int) -> Prediction | None:
        """Give the prediction that the broker took until a time.

        It is looked for in the inference log of the same partition as the outcome's. Outcomes of
        one log are asked about in its order: what is too old for one may be gone for the next.

        Args:
            origin: The outcome's log.
            key: The prediction's key.
            at: When the broker took the outcome.

        Raises:
            NotYet: The inference log is not read that far; try again later.
        """
        ...

    def answer(self, origin: str, key: bytes, answer: Answer) -> Answer:
        """Note an answer to a prediction, and give the first that it got: this, or another.

        Args:
            origin: The outcome's log.
            key: The prediction's key.
            answer: The outcome.
        """
        ...

    def keep(self, origin: str) -> None:
        """Keep the answers that were noted: until then a kill may lose them.

        Args:
            origin: The outcomes' log.
        """
        ...

    def due(
        self, origin: str, of: Prediction, after: int, through: int, answer: tuple[int, int]
    ) -> Iterator[Due]:
        """Yield predictions and whether they were answered before an outcome; too old ones not.

        Args:
            origin: The outcome's log.
            of: A prediction of the same model at the same deployment.
            after: They were taken later than this, milliseconds,
            through: and no later than this; earlier than what is kept they are not looked at.
            answer: When the broker took the outcome, and its position as an answer's.

        Raises:
            NotYet: The inference log is not read that far; try again later.
        """
        ...
