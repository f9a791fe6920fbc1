"""The registry hook: may this digest be promoted? Pure."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from auditspine.producers.admission.errors import MalformedError, RefusedError
from auditspine.producers.admission.judging import Check, judge, parse_digest
from auditspine.producers.admission.review import told


class Answer(NamedTuple):
    """What a registry is told.

    Attributes:
        status: HTTP status: 200 or 403.
        content: ``allowed``, ``digest``, ``environment``, ``action``, ``decision_id`` and
            ``reason``.
    """

    status: int
    content: Mapping[str, Any]


class _Promotion(BaseModel):
    """What a registry asks. A field that is not known is refused: it could be a misspelt one."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    digest: Annotated[str, Field(max_length=256)]
    environment: Annotated[str | None, Field(max_length=256)] = None
    decision_id: Annotated[str | None, Field(max_length=256)] = None
    action: Literal["promote", "deploy"] = "promote"


def answer(document: object, check: Check, environment: str) -> Answer:
    """Answer a registry.

    Args:
        document: ``{"digest": "sha256:…"}`` and, if it likes, ``environment``, ``decision_id``
            and ``action``.
        check: Tells what is known of a digest.
        environment: The environment that the check answers for.

    Raises:
        MalformedError: It is no such document.
    """
    try:
        asked = _Promotion.model_validate(document)
        digest = parse_digest(asked.digest)
    except ValidationError as exc:
        raise MalformedError(told(exc)) from None
    except RefusedError as exc:
        raise MalformedError(f"digest: {exc}") from None
    ruling = judge(digest, check, environment)
    problem, decision_id = ruling.problem, ruling.decision_id
    if asked.environment not in (None, environment):
        problem = f"this answers for {environment} alone: ask whoever answers for the other"
        decision_id = None
    elif not problem and asked.decision_id not in (None, decision_id):
        problem = f"decision_id: expected {decision_id}, which decides of it now, got another"
    content = {
        "allowed": not problem,
        "digest": ruling.digest,
        "environment": environment,
        "action": asked.action,
        "decision_id": decision_id,
        "reason": problem or f"decision {decision_id} allows it",
    }
    return Answer(403 if problem else 200, content)
