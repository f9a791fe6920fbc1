"""What happened, in ledger order, and whether that order can be right. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from auditspine.auditor.tabletop.dossier import Dossier, label
from auditspine.auditor.tabletop.entry import GAP, Entry
from auditspine.auditor.tabletop.findings import counted, listed, missing, present, unverifiable
from auditspine.auditor.tabletop.report import Fact, Found, Line, cite

_Body = Mapping[str, Any]
_ASIDE = ("role.granted", "role.revoked", "policy.published")
_SERVES = ("deployed", "scaled", "resumed", "rolled_back")

_WORDS: dict[str, Callable[[_Body], str]] = {
    "dataset.registered": lambda b: f"dataset {label(b['dataset'])}",
    "dataset.snapshotted": lambda b: f"snapshot {label(b['snapshot'])}, {b['rows']:,} rows",
    "dataset.flagged": lambda b: f"{label(b['dataset'])} must go: {b['reason']}",
    "labels.applied": lambda b: f"labels {label(b['labels'])} by {b['labeller']}",
    "feature.defined": lambda b: f"feature {label(b['feature'])}",
    "feature.deprecated": lambda b: f"feature {label(b['feature'])} deprecated: {b['reason']}",
    "code.committed": lambda b: f"{b['code']['repository']} at {b['code']['commit'][:12]}",
    "run.started": lambda b: f"run {b['run_id']} of {b['name']} began",
    "run.completed": lambda b: f"run {b['run_id']} {b['status']}",
    "model.registered": lambda b: f"registered, owned by {b['owner']}",
    "validation.reported": lambda b: "passed" if b["passed"] else "failed",
    "explanation.attached": lambda b: f"explained by {b['method']}",
    "artifact.signed": lambda b: f"its bytes signed, {b['format']}",
    "artifact.quarantined": lambda b: f"{b['action']}: {b['reason']}",
    "artifact.retired": lambda b: f"retired: {b['reason']}",
    "approval.requested": lambda b: f"{b['given']} of {b['needed']} for {b['environment']}",
    "approval.decided": lambda b: f"{b['decision'].replace('_', ' ')} as {b['role']}",
    "deployment.requested": lambda b: f"to {b['environment']}, for {b['purpose']}",
    "decision.made": lambda b: f"{b['outcome']} in {b['environment']}: {b['reason']}",
    "exception.granted": lambda b: f"{b['exception_id']} for {listed(b['rules'])}",
    "exception.expired": lambda b: f"{b['exception_id']} is over",
    "deployment.changed": lambda b: f"{label(b['deployment'])} {b['action']} in {b['environment']}",
    "drift.signalled": lambda b: b["detail"],
    "serving.observed": lambda b: (
        f"{b['predictions']:,} predictions of {b['deployment']['name']} watched"
    ),
    "serving_state.changed": lambda b: f"{b['state']} at {b['deployment']['name']}",
    "alert.raised": lambda b: f"{b['tier'].replace('_', ' ')}: {b['title']}",
    "alert.acknowledged": lambda b: b["comment"],
    "alert.escalated": lambda b: f"to {b['to_tier'].replace('_', ' ')}: {b['reason']}",
    "alert.resolved": lambda b: b["reason"],
    "investigation.opened": lambda b: b["question"],
    "investigation.analysed": lambda b: b["detail"],
    "investigation.dispositioned": lambda b: (
        f"{b['disposition'].replace('_', ' ')}: {b['rationale']}"
    ),
    "finding.raised": lambda b: f"{b['tier'].replace('_', ' ')}: {b['title']}",
    "role.granted": lambda b: f"{b['role']} to {b['principal']}",
    "role.revoked": lambda b: f"{b['grant_id']}: {b['reason']}",
    "policy.published": lambda b: f"policy {b['name']} {b['digest'][7:19]}",
}


def timeline(dossier: Dossier) -> Found:
    """Whether the story has a beginning, and no step that comes before what it rests on."""
    began = [*dossier.started(), *dossier.registrations()]
    entries = [e for e in dossier.entries if e.event_type not in _ASIDE]
    if not began:
        return missing(
            "no event says when it was made",
            "publish run.started and model.registered of it",
        )
    disorder = _disorder(dossier)
    ends = [min(began, key=lambda e: e.place), entries[-1]]
    facts = [Fact("began", _when(ends[0])), Fact("last", _when(ends[1]))]
    if disorder:
        return unverifiable(
            listed(disorder),
            "nothing can change the order of what is sealed; record why it was so, as an exception",
            facts,
            entries,
        )
    logs = len({each.origin for each in entries})
    return present(
        f"{counted(len(entries), 'event')} in {counted(logs, 'log')}, "
        f"{ends[0].at:%Y-%m-%d} to {ends[1].at:%Y-%m-%d}",
        facts,
        [*began, entries[-1]],
    )


def lines(dossier: Dossier) -> tuple[Line, ...]:
    """Give every event in a few words, in ledger order."""
    return tuple(
        Line(each.at, each.principal, each.event_type, describe(each), cite(each))
        for each in dossier.entries
    )


def describe(entry: Entry) -> str:
    """Say in a few words what an event says; its reason where its type is not known here."""
    words = _WORDS.get(entry.event_type)
    return entry.reason if words is None else words(entry.body)


def after_gaps(dossier: Dossier) -> list[Entry]:
    """Give the entries before which their producer left out sequence numbers."""
    return [each for each in dossier.entries if each.flags & GAP]


def _disorder(dossier: Dossier) -> list[str]:
    registered, decided = dossier.registrations(), dossier.decisions()
    serving = [e for e in dossier.about("deployment.changed") if e.body["action"] in _SERVES]
    found = []
    if serving and registered and serving[0].place < registered[0].place:
        found.append("it was deployed before it was registered")
    if serving and decided and serving[0].place < decided[0].place:
        found.append("it was deployed before anything was decided on it")
    return found


def _when(entry: Entry) -> str:
    return f"{entry.at:%Y-%m-%d %H:%M:%SZ}, {entry.event_type}"
