"""A release rebuilt from evidence: whole, with each piece removed, and with each spoiled."""

import base64
import html
import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.auditor.tabletop_story import (
    DECODER,
    MODEL,
    PEOPLE,
    SERVICE,
    TENANT,
    Story,
    lifecycle,
    public,
    ref,
    released,
    token,
)

from auditspine.auditor.tabletop.entry import GAP, RawEntry, Sealed, read_entry
from auditspine.auditor.tabletop.page import to_html
from auditspine.auditor.tabletop.rebuild import KINDS
from auditspine.auditor.tabletop.report import Release, Standing, as_value
from auditspine.ledger.intoto import of_file, sign_artifact
from auditspine.ledger.statement import open_statement, sign_statement

FULL = lifecycle()
DIGEST = bytes.fromhex(MODEL["digest"].removeprefix("sha256:"))


def standing(release: Release, which: Standing) -> set[str]:
    return {each.name for each in release.pieces if each.standing is which}


def missing(release: Release) -> set[str]:
    return standing(release, Standing.MISSING)


def unverifiable(release: Release) -> set[str]:
    return standing(release, Standing.UNVERIFIABLE)


def text(release: Release, name: str) -> str:
    return next(each.text for each in release.pieces if each.name == name)


def test_the_weights_make_a_hundred_and_required_pieces_weigh_more() -> None:
    assert sum(kind.weight for kind in KINDS) == 100
    assert min(k.weight for k in KINDS if k.required) > max(
        k.weight for k in KINDS if not k.required
    )


def test_a_full_lifecycle_scores_a_hundred_and_has_no_gap() -> None:
    release = FULL.release()
    assert standing(release, Standing.PRESENT) == {kind.name for kind in KINDS}
    assert (release.score, release.gaps, release.remarks) == (100, (), ())
    assert release.is_complete
    assert len(release.timeline) == len(FULL.said)
    assert all(piece.cited for piece in release.pieces)


REMOVED = [
    ("registration", ["model.registered"], {"decision"}),
    ("people", ["role.granted"], set()),
    ("data", ["dataset.registered"], set()),
    ("data", ["dataset.snapshotted"], set()),
    ("data", ["labels.applied"], set()),
    ("data", ["feature.defined"], set()),
    ("code", ["code.committed"], set()),
    ("parameters", ["run.started"], set()),
    ("metrics", ["run.completed"], set()),
    ("metrics", ["validation.reported"], {"decision"}),
    ("explanation", ["explanation.attached"], {"decision"}),
    ("approvals", ["approval.decided"], {"decision"}),
    ("signature", ["artifact.signed"], set()),
    ("request", ["deployment.requested"], {"decision"}),
    ("decision", ["decision.made"], {"deployments"}),
    ("policy", ["policy.published"], set()),
    ("exceptions", ["exception.granted"], {"decision"}),
    ("deployments", ["deployment.changed"], set()),
    ("drift", ["serving.observed"], set()),
    ("alerts", ["drift.signalled"], set()),
    ("alerts", ["alert.raised"], set()),
    ("investigations", ["investigation.opened"], set()),
    ("investigations", ["investigation.dispositioned"], set()),
]
"""A piece, the events without which it is missing, and the pieces that cite those events."""


@pytest.mark.parametrize(("name", "types", "citing"), REMOVED, ids=str)
def test_what_is_removed_is_missing_and_nothing_else(name, types, citing) -> None:
    release = FULL.without(*types).release()
    assert missing(release) == {name}
    assert unverifiable(release) == citing
    weights = {kind.name: kind.weight for kind in KINDS}
    assert release.score == 100 - sum(weights[each] for each in {name, *citing})
    [gap] = [each for each in release.gaps if each.name == name]
    assert gap.text
    assert gap.mend


def test_every_piece_but_the_last_two_is_among_the_removed() -> None:
    assert {kind.name for kind in KINDS} - {each[0] for each in REMOVED} == {
        "timeline",
        "findings",
    }


def test_without_a_beginning_there_is_no_timeline() -> None:
    release = FULL.without("run.started", "model.registered").release()
    assert {"timeline", "registration", "parameters", "code", "data"} <= missing(release)


def test_findings_are_missing_when_the_release_processor_never_spoke() -> None:
    types = ("finding.raised", "decision.made", "approval.requested")
    assert missing(FULL.without(*types).release()) == {"findings", "decision"}
    assert text(FULL.without("finding.raised").release(), "findings").startswith("none raised")


def test_nothing_seen_counts_only_where_somebody_watched() -> None:
    seen = ("drift.signalled", "alert.raised", "alert.resolved")
    followed = ("investigation.opened", "investigation.dispositioned")
    quiet = FULL.without(*seen, *followed)
    assert quiet.release().score == 100
    assert text(quiet.release(), "drift").startswith("none seen")
    unwatched = quiet.without("serving.observed").release()
    assert missing(unwatched) == {"drift", "alerts", "investigations"}


def test_a_release_of_which_nothing_is_there_scores_next_to_nothing() -> None:
    release = released([])
    assert release.score == 2  # no rule was waived
    assert missing(release) == {kind.name for kind in KINDS} - {"exceptions"}


def resigned(body: dict[str, Any], who: str, **other: Any) -> None:
    """Have another statement signed than the one that the event makes."""
    key = PEOPLE[who]
    statement = open_statement(body["signature"]["envelope"], public(key))
    signed = sign_statement(key, replace(statement, **other))
    body["signature"] = {**body["signature"], "envelope": signed}


def of(who: str, change) -> Any:
    """Change only what one person signed."""
    key = base64.b64encode(public(PEOPLE[who])).decode()
    return lambda body: change(body) if body["signature"]["public_key"] == key else None


SPOILED = {
    "signed for another digest": lambda b: resigned(b, "ruth", subject_digest="ab" * 32),
    "signed for another environment": lambda b: resigned(b, "ruth", environment="staging"),
    "signed by another person": lambda b: resigned(b, "ruth", principal="omar"),
    "signed with another meaning": lambda b: resigned(b, "ruth", meaning="I have seen it"),
    "signed for another tenant": lambda b: resigned(b, "ruth", tenant="globex"),
    "signed without a name": lambda b: resigned(b, "ruth", name=" "),
    "signed an hour earlier": lambda b: resigned(
        b, "ruth", signed_at=open_statement(
            b["signature"]["envelope"], public(PEOPLE["ruth"])
        ).signed_at - 3_600_000_000
    ),
    "the event says another role": lambda b: b.update(role="risk_officer"),
    "the event says another condition": lambda b: b.update(conditions=["only in the eu"]),
    "another person's key": lambda b: b["signature"].update(
        public_key=base64.b64encode(public(PEOPLE["omar"])).decode()
    ),
    "the service's own key": lambda b: b.update(
        signature={
            "public_key": base64.b64encode(public(SERVICE)).decode(),
            "envelope": sign_statement(
                SERVICE, open_statement(b["signature"]["envelope"], public(PEOPLE["ruth"]))
            ),
            "id_token": token(SERVICE),
        }
    ),
    "a token of another login": lambda b: b["signature"].update(id_token=token(PEOPLE["omar"])),
    "no token at all": lambda b: b["signature"].update(id_token="none"),
    "no envelope": lambda b: b["signature"].update(envelope="{}"),
}  # fmt: skip


@pytest.mark.parametrize("how", SPOILED)
def test_an_approval_that_is_not_signed_as_it_says_is_unverifiable(how) -> None:
    release = FULL.changed("approval.decided", of("ruth", SPOILED[how])).release()
    # Another role than the granted one is also not entitled by any grant.
    assert missing(release) == ({"people"} if how == "the event says another role" else set())
    assert unverifiable(release) == {"approvals"}
    assert "ruth: " in text(release, "approvals")
    assert "omar" not in text(release, "approvals")
    assert "auditspine approve" in release.gaps[0].mend


def test_an_approval_of_which_the_actor_is_no_person_is_unverifiable() -> None:
    said = [
        replace(each, kind="workload") if each.event_type == "approval.decided" else each
        for each in FULL.said
    ]
    release = Story(said).release()
    assert unverifiable(release) == {"approvals"}
    assert "the event's actor is not a person" in text(release, "approvals")


@pytest.mark.parametrize(
    "other",
    [
        {"subject_digest": "ab" * 32},
        {"rules": ("no_open_alert", "bias_reported")},
        {"conditions": ("nothing",)},
        {"reference": "exc-42"},
        {"expires_at": None},
        {"kind": "approval"},
    ],
)
def test_an_exception_that_is_not_signed_as_it_says_is_unverifiable(other) -> None:
    release = FULL.changed(
        "exception.granted", lambda body: resigned(body, "priya", **other)
    ).release()
    assert unverifiable(release) == {"exceptions"}
    assert missing(release) == set()


def artifact(key: Any, digest: bytes) -> dict[str, str]:
    return {
        "envelope": sign_artifact(key, of_file("mortgage-risk", digest)),
        "public_key": base64.b64encode(public(key)).decode(),
    }


@pytest.mark.parametrize(
    "signature",
    [
        artifact(SERVICE, b"\xab" * 32),  # other bytes
        artifact(PEOPLE["ruth"], DIGEST),  # a key that is not the producer's
        {"public_key": base64.b64encode(public(PEOPLE["ruth"])).decode()},  # claimed, not signed
        {"envelope": "{}"},
    ],
)  # fmt: skip
def test_an_artifact_that_its_producer_did_not_sign_is_unverifiable(signature) -> None:
    release = FULL.changed("artifact.signed", lambda body: body.update(signature)).release()
    assert unverifiable(release) == {"signature"}
    assert release.score == 94


def test_a_policy_whose_text_has_another_digest_is_unverifiable() -> None:
    release = FULL.changed("policy.published", lambda body: body.update(text="{}")).release()
    assert unverifiable(release) == {"policy"}
    for_others = FULL.changed("policy.published", lambda b: b.update(tenants=["globex"])).release()
    assert unverifiable(for_others) == {"policy"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"decision_id": None}, "names no decision"),
        ({"decision_id": "dec-9"}, "dec-9 is not in the evidence"),
        ({"decision_id": "dec-0001"}, "dec-0001 says needs_review"),
        ({"environment": "staging"}, "dec-0002 is for mortgage-risk 3 in production"),
    ],
)
def test_a_deployment_that_no_decision_allows_is_unverifiable(change, why) -> None:
    release = FULL.changed("deployment.changed", lambda body: body.update(change)).release()
    assert unverifiable(release) == {"deployments"}
    assert why in text(release, "deployments")


def test_a_deployment_on_a_decision_for_another_digest_is_unverifiable() -> None:
    other = ref("model", "mortgage-risk", "2")
    release = FULL.changed("decision.made", lambda body: body.update(model=other)).release()
    assert "deployments" in unverifiable(release)
    assert "dec-0002 is for mortgage-risk 2" in text(release, "deployments")
    assert "decision" in missing(release)  # none is about this digest


def test_an_allow_with_a_failed_rule_is_unverifiable() -> None:
    release = FULL.changed(
        "decision.made", lambda body: body["rules"][0].update(result="failed")
    ).release()
    assert unverifiable(release) == {"decision"}
    assert "allows although not passed: model_registered" in text(release, "decision")


def test_a_waived_rule_without_an_exception_is_unverifiable() -> None:
    release = FULL.changed(
        "decision.made", lambda body: body["rules"][-1].update(exception_id=None)
    ).release()
    assert unverifiable(release) == {"decision"}


def test_a_deployment_after_its_decision_was_revoked_is_unverifiable() -> None:
    said = list(FULL.said)
    at = next(n for n, each in enumerate(said) if each.event_type == "deployment.changed")
    allow = said[at - 1]
    revoked = replace(
        allow,
        event_id="0199a0b0-0000-7000-8000-0000000000ff",
        at=allow.at + timedelta(minutes=5),
        body={
            **allow.body,
            "decision_id": "dec-0003",
            "supersedes": "dec-0002",
            "outcome": "deny",
            "cause": "revoked",
            "reason": "an approval was withdrawn",
        },
    )
    release = Story([*said[:at], revoked, *said[at:]]).release()
    assert unverifiable(release) == {"deployments"}
    assert "dec-0002 had been revoked" in text(release, "deployments")
    assert "what holds in production is deny: an approval was withdrawn" in release.remarks


def test_who_made_or_asked_for_it_does_not_count_as_an_approver() -> None:
    for event_type in ("run.started", "model.registered", "deployment.requested"):
        said = [
            replace(each, by="ruth") if each.event_type == event_type else each
            for each in FULL.said
        ]
        release = Story(said).release()
        assert missing(release) == {"approvals"}
        assert "only omar did" in text(release, "approvals")


def test_an_approval_that_a_service_reports_is_no_approval() -> None:
    release = FULL.changed("approval.decided", lambda body: body.update(signature=None)).release()
    assert missing(release) == {"approvals"}
    assert "nobody did" in text(release, "approvals")


def test_an_approval_that_was_taken_back_does_not_count() -> None:
    last = next(each for each in reversed(FULL.said) if each.event_type == "approval.decided")
    body = {**last.body, "decision": "withdrawn", "signature": None}
    taken = replace(
        last, body=body, at=last.at + timedelta(minutes=1), event_id=last.event_id[:-3] + "fff"
    )
    at = FULL.said.index(last) + 1
    release = Story([*FULL.said[:at], taken, *FULL.said[at:]]).release()
    assert missing(release) == {"approvals"}
    assert any(each.startswith("omar withdrawn it") for each in release.remarks)


@pytest.mark.parametrize(
    "change",
    [
        {"role": "auditor"},
        {"principal": "olga"},
        {"expires_at": "2026-09-21T20:00:00Z"},
        {"scope": {"domains": ["fraud"], "max_sensitivity": "internal"}},
        {"scope": {"environments": ["staging"], "max_sensitivity": "internal"}},
    ],
)
def test_a_grant_that_does_not_entitle_leaves_people_missing(change) -> None:
    release = FULL.changed("role.granted", lambda body: body.update(change)).release()
    assert missing(release) == {"people"}


def test_a_grant_that_was_revoked_before_does_not_entitle() -> None:
    first = FULL.said[0]
    revoked = replace(
        first,
        event_type="role.revoked",
        body={"grant_id": "grant-ruth", "reason": "left the team"},
        event_id=first.event_id[:-3] + "fff",
        at=first.at + timedelta(minutes=1),
    )
    release = Story([first, revoked, *FULL.said[1:]]).release()
    assert missing(release) == {"people"}
    assert "ruth as validator" in text(release, "people")


def test_two_codes_of_one_model_are_unverifiable() -> None:
    other = {"repository": "git/else", "commit": "0" * 12, "digest": "sha256:" + "ee" * 32}
    release = FULL.changed("run.started", lambda body: body.update(code=other)).release()
    assert unverifiable(release) == {"code"}


def test_what_serves_before_it_is_decided_on_is_out_of_order() -> None:
    said = [
        replace(each, at=FULL.said[9].at) if each.event_type == "deployment.changed" else each
        for each in FULL.said
    ]
    release = Story(said).release()
    assert unverifiable(release) == {"timeline"}
    assert "deployed before it was registered" in text(release, "timeline")


def spoiled(event_type: str, **change: Any) -> Release:
    """Alter what one type's entries are, behind the ledger's back."""
    return released(list(_spoiled(event_type, **change)))


def _spoiled(event_type: str, **change: Any):
    for raw, sealed in FULL.rows():
        whose = "-" if "/control/" in raw.origin else TENANT
        if raw.event_type != event_type:
            yield read_entry(raw, sealed, DECODER, whose)
            continue
        altered = raw._replace(**{k: v(raw) for k, v in change.items() if k in RawEntry._fields})
        stored = sealed._replace(**{k: v(sealed) for k, v in change.items() if k in Sealed._fields})
        missing_row = "row" in change
        yield read_entry(altered, None if missing_row else stored, DECODER, whose)


RESTS_ON = {
    "model.registered": {"registration", "timeline", "data", "people", "code"},
    "run.started": {"timeline", "parameters", "people", "code", "data"},
    "explanation.attached": {"explanation"},
    "artifact.signed": {"signature", "people"},
    "policy.published": {"policy"},
    "role.granted": {"people"},
    "serving.observed": {"drift"},
}


@pytest.mark.parametrize("event_type", RESTS_ON)
@pytest.mark.parametrize(
    "change",
    [
        {"value": lambda raw: raw.value.replace(b"planned", b"plotted")},
        {"sig": lambda raw: b""},
        {"leaf": lambda sealed: b"\x00" * 32},
        {"verdict": lambda sealed: "revoked_key"},
        {"row": True},
    ],
    ids=["value", "sig", "leaf", "verdict", "no row"],
)
def test_a_piece_that_rests_on_what_was_not_sealed_is_unverifiable(event_type, change) -> None:
    release = spoiled(event_type, **change)
    assert missing(release) == set()
    assert unverifiable(release) == RESTS_ON[event_type]
    assert release.score < 100
    assert any("are not what was sealed" in each for each in release.rests_on)


@pytest.mark.parametrize(
    ("event_type", "pieces"),
    [
        ("explanation.attached", {"explanation"}),
        ("approval.decided", {"approvals"}),
        ("decision.made", {"decision", "deployments"}),
    ],
)
def test_bytes_that_cannot_be_read_any_more_make_it_unverifiable_not_missing(
    event_type, pieces
) -> None:
    release = spoiled(event_type, value=lambda raw: raw.value[:20])
    assert pieces <= unverifiable(release)
    assert not pieces & missing(release)


def test_an_entry_of_another_tenant_or_type_is_not_what_was_sealed() -> None:
    [raw, sealed] = next(r for r in FULL.rows() if r[0].event_type == "model.registered")
    assert read_entry(raw, sealed, DECODER, TENANT).problem == ""
    assert "of tenant acme" in read_entry(raw, sealed, DECODER, "globex").problem
    renamed = raw._replace(event_type="approval.decided")
    assert "of type model.registered" in read_entry(renamed, sealed, DECODER, TENANT).problem


def test_remarks_name_what_is_there_and_needs_a_look() -> None:
    gap = [replace(each, flags=GAP) for each in FULL.entries()[:1]]
    release = released([*gap, *FULL.entries()[1:]])
    assert any("came after a gap" in each for each in release.remarks)
    failed = FULL.changed("validation.reported", lambda body: body.update(passed=False))
    assert any("did not pass" in each for each in failed.release().remarks)
    still_open = FULL.without("alert.resolved").release()
    assert any("an alert is open" in each for each in still_open.remarks)
    bypass = FULL.changed("finding.raised", lambda body: body.update(tier="stop_the_line"))
    assert any("exception expires" in each for each in bypass.release().remarks)
    renamed = FULL.changed(
        "explanation.attached", lambda b: b["subject"].update(name="other", version="9")
    )
    assert "the same digest is also called other 9" in renamed.release().remarks


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 30))
def test_the_order_of_rows_and_repeats_do_not_matter(random, repeated) -> None:
    entries = FULL.entries()
    shuffled = [*entries, *entries[:repeated]]
    random.shuffle(shuffled)
    assert released(shuffled) == released(entries)


@settings(max_examples=40, deadline=None)
@given(st.sets(st.sampled_from(sorted({each.event_type for each in FULL.said}))))
def test_less_evidence_never_scores_a_hundred_nor_breaks(types) -> None:
    release = FULL.without(*types).release()
    assert 0 <= release.score <= 100
    assert release.score == 100 or release.gaps
    to_html(release)
    json.dumps(as_value(release))


HOSTILE = "a\"'</td><script>alert(1)</script>{{score}} `</code>` \u202e\x1b[2J"


def test_no_text_of_an_event_breaks_out_of_the_page() -> None:
    story = FULL.changed("model.registered", lambda b: b.update(intended_use=HOSTILE))
    page = to_html(story.release())
    assert "<script" not in page
    assert "\u202e" not in page
    assert "\x1b" not in page
    shown = HOSTILE.replace("\u202e", "�").replace("\x1b", "�")
    assert html.escape(shown) in page
    assert "{{score}}" in page  # as said, not filled in


def test_the_page_needs_nothing_from_elsewhere_and_says_all() -> None:
    release = FULL.without("explanation.attached").release()
    page = to_html(release)
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|src=|@import|url\(|<script", page)
    for piece in release.pieces:
        assert html.escape(piece.title) in page
    assert "no explanation of the model is attached" in page
    assert f"<b>{release.score}</b>" in page
    for line in release.timeline:
        assert f'title="{line.cited.event_id}"' in page


def test_the_json_names_events_and_positions() -> None:
    value = json.loads(json.dumps(as_value(FULL.without("code.committed").release())))
    assert value["complete"] is False
    assert [gap["piece"] for gap in value["open_gaps"]] == ["code"]
    [piece] = [each for each in value["pieces"] if each["name"] == "registration"]
    [cited] = piece["cited"]
    assert cited["event_type"] == "model.registered"
    assert cited["origin"] == "local/c/lifecycle/0"
    assert isinstance(cited["position"], int)
    assert cited["event_id"]
