"""A registry is answered for one environment and by the digest alone."""

import pytest
from tests.unit.producers.admission_cases import MODEL, OTHER, check_of, named

from auditspine.producers.admission.errors import MalformedError
from auditspine.producers.admission.registry import answer

CHECK = check_of(MODEL)


def test_an_allowed_digest_is_promoted_with_its_decision() -> None:
    assert answer({"digest": named(MODEL)}, CHECK, "production") == (
        200,
        {
            "allowed": True,
            "digest": named(MODEL),
            "environment": "production",
            "action": "promote",
            "decision_id": "decision-1",
            "reason": "decision decision-1 allows it",
        },
    )
    asked = {"digest": named(MODEL), "environment": "production", "action": "deploy"}
    status, content = answer({**asked, "decision_id": "decision-1"}, CHECK, "production")
    assert (status, content["action"]) == (200, "deploy")


def test_another_digest_is_refused_with_the_reason() -> None:
    status, content = answer({"digest": named(OTHER)}, CHECK, "production")
    assert (status, content["allowed"], content["decision_id"]) == (403, False, "decision-9")
    assert content["reason"] == (
        f"{named(OTHER)} may not go to production: revoked: not_quarantined (decision decision-9)"
    )


def test_another_environment_or_decision_is_refused() -> None:
    asked = {"digest": named(MODEL), "environment": "staging"}
    status, content = answer(asked, CHECK, "production")
    assert (status, content["allowed"], content["decision_id"]) == (403, False, None)
    assert content["reason"].startswith("this answers for production alone")
    asked = {"digest": named(MODEL), "decision_id": "decision-2"}
    status, content = answer(asked, CHECK, "production")
    assert (status, content["allowed"]) == (403, False)
    assert "expected decision-1" in content["reason"]


@pytest.mark.parametrize(
    "asked",
    [
        None,
        [],
        {},
        {"digest": None},
        {"digest": "credit:2"},
        {"digest": MODEL.hex()},
        {"digest": named(MODEL).upper()},
        {"digest": named(MODEL), "env": "staging"},
        {"digest": named(MODEL), "environment": 1},
        {"digest": named(MODEL), "action": "delete"},
    ],
)
def test_what_is_no_question_is_malformed(asked: object) -> None:
    with pytest.raises(MalformedError):
        answer(asked, CHECK, "production")
