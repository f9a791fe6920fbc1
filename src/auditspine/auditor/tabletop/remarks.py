"""What a reader should look at although it is there, and what the report rests on. Pure."""

from collections.abc import Iterator

from auditspine.auditor.tabletop.deciding import standing_of
from auditspine.auditor.tabletop.dossier import Dossier, label
from auditspine.auditor.tabletop.entry import Entry
from auditspine.auditor.tabletop.findings import counted, listed
from auditspine.auditor.tabletop.signatures import time_of
from auditspine.auditor.tabletop.timeline import after_gaps

_ELSEWHERE = (
    "Whether the logs are whole, and signed with keys that you trust, is not checked here: run "
    "`auditspine verify`."
)
_GRAVE = ("review", "stop_the_line")


def remarks(dossier: Dossier) -> tuple[str, ...]:
    """Give what a reader should look at, in sentences."""
    return (*_names(dossier), *_decided(dossier), *_held(dossier), *_followed(dossier))


def rests_on(dossier: Dossier) -> tuple[str, ...]:
    """Say what was checked and what was not, in sentences."""
    entries = [*dossier.entries, *dossier.unread]
    spoiled = [each for each in entries if each.problem]
    if spoiled:
        checked = (
            f"{len(spoiled)} of {len(entries)} entries are not what was sealed: "
            f"{listed(map(_place, spoiled))}."
        )
    else:
        checked = (
            f"{len(entries)} entries were read from their raw bytes; each has the leaf hash that "
            "was sealed."
        )
    said = [
        f"Entries are read from the committed evidence of tenant {dossier.tenant}.",
        checked,
        _ELSEWHERE,
    ]
    if any(e.body["signature"] for e in dossier.about("approval.decided", "exception.granted")):
        said.append(
            "Personal signatures were checked with the key in the event, and that the login's "
            "identity token is for this key. The identity token itself was not checked here: the "
            "release processor checks it when it decides."
        )
    return tuple(said)


def _names(dossier: Dossier) -> Iterator[str]:
    called = {
        label(ref)
        for each in dossier.entries
        for ref in (each.body.get("model"), each.body.get("subject"))
        if isinstance(ref, dict) and ref.get("digest") == dossier.digest
    }
    other = sorted(called - {f"{dossier.name} {dossier.version}"})
    if other:
        yield f"the same digest is also called {listed(other)}"
    late = after_gaps(dossier)
    if late:
        yield (
            f"{counted(len(late), 'event')} came after a gap in what was sent: something "
            f"may be missing before {listed(map(_place, late))}"
        )


def _decided(dossier: Dossier) -> Iterator[str]:
    for each in dossier.about("validation.reported"):
        if not each.body["passed"]:
            yield f"a validation did not pass: {_place(each)}"
    for each in dossier.about("approval.decided"):
        if each.body["decision"] in ("rejected", "withdrawn"):
            yield f"{each.principal} {each.body['decision']} it: {each.reason}"
    for each in standing_of(dossier.decisions()):
        if each.body["outcome"] != "allow":
            yield (
                f"what holds in {each.body['environment']} is {each.body['outcome']}: "
                f"{each.body['reason']}"
            )
    last = dossier.entries[-1].at if dossier.entries else None
    for each in dossier.about("exception.granted"):
        if last is not None and time_of(each.body["expires_at"]) <= last:
            yield f"exception {each.body['exception_id']} had run out by the last event"


def _held(dossier: Dossier) -> Iterator[str]:
    quarantined = dossier.about("artifact.quarantined")
    if quarantined and quarantined[-1].body["action"] == "quarantined":
        yield f"it is quarantined: {quarantined[-1].body['reason']}"
    for each in dossier.about("artifact.retired"):
        yield f"it is retired: {each.body['reason']}"
    places = {
        each.body["deployment"]["name"]: each for each in dossier.about("serving_state.changed")
    }
    for name, each in places.items():
        if each.body["state"] != "live":
            yield f"it is held back at {name}, {each.body['state']}: {each.body['reason']}"
    for each in dossier.of("dataset.flagged"):
        yield f"{label(each.body['dataset'])} is flagged for removal: {each.body['reason']}"
    for each in dossier.of("feature.deprecated"):
        yield f"feature {label(each.body['feature'])} is deprecated: {each.body['reason']}"


def _followed(dossier: Dossier) -> Iterator[str]:
    over = {each.body["alert_id"] for each in dossier.of("alert.resolved")}
    last = {each.body["alert_id"]: each for each in dossier.about("alert.raised")}
    for alert_id, each in last.items():
        if alert_id not in over and each.body["tier"] in _GRAVE:
            yield f"an alert is open: {each.body['title']} ({alert_id})"
    for each in dossier.about("finding.raised"):
        if each.body["tier"] in _GRAVE:
            yield f"{each.body['kind'].replace('_', ' ')}: {each.body['title']}"


def _place(entry: Entry) -> str:
    return f"{entry.event_type} at {entry.origin} {entry.position}"
