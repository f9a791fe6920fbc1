"""The pieces about what followed: deployments, drift, alerts, investigations, findings. Pure."""

from auditspine.auditor.tabletop.dossier import Dossier, label
from auditspine.auditor.tabletop.entry import Entry
from auditspine.auditor.tabletop.findings import counted, listed, missing, present, unverifiable
from auditspine.auditor.tabletop.report import Fact, Found

_STOPS = ("paused", "retired")  # needs no decision
_WATCH = "publish its predictions and let the drift processor run; nothing shows it watched it"


def deployments(dossier: Dossier) -> Found:
    """Whether it serves, each time on a decision that allowed this digest there."""
    entries = dossier.about("deployment.changed")
    if not entries:
        return missing(
            "no deployment.changed names this digest",
            "publish deployment.changed with the decision_id that allows it, when it is deployed",
        )
    facts, used, bad = [], list(entries), []
    for each in entries:
        decision = _decision_of(dossier, each)
        problem = _not_allowed(dossier, each, decision)
        facts.append(_change(each))
        used += [decision] if decision else []
        bad += [f"{_where(each)}: {problem}"] if problem else []
    if bad:
        return unverifiable(
            listed(bad),
            "take it out of service or have it decided on, and deploy with the decision's id",
            facts,
            used,
        )
    said = listed(f"{e.body['action']} in {e.body['environment']}" for e in entries)
    waived = sorted(
        exception_id
        for exception_id, decisions in dossier.exceptions().items()
        if any(each in used for each in decisions)
    )
    rests = f"; it rests on exception {listed(waived)}" if waived else ""
    return present(f"{said}, each on a decision that allows it{rests}", facts, used)


def drift(dossier: Dossier) -> Found:
    """Whether its serving was watched, and what was signalled."""
    seen, signals = dossier.about("serving.observed"), dossier.about("drift.signalled")
    facts = [
        Fact(
            each.body["feature"] or each.body["kind"],
            f"{each.body['detail']} (effect {each.body['effect_size']:+.2f}, "
            f"{each.body['rows']:,} rows)",
        )
        for each in signals
    ]
    if not seen:
        return missing("no serving.observed: nobody watched it serve", _WATCH, facts, signals)
    said = counted(len(signals), "signal") if signals else "none seen"
    since, until = seen[0].body["started_at"][:16], seen[-1].body["ended_at"][:16]
    facts.insert(0, Fact("watched", f"{since}Z to {until}Z, {listed(_places(seen))}"))
    return present(f"{said} while it was watched", facts, [*seen[:1], *seen[1:][-1:], *signals])


def alerts(dossier: Dossier) -> Found:
    """Whether alerts are there with the signals that they rest on; none seen counts if watched."""
    raised = dossier.about("alert.raised")
    ids = {each.body["alert_id"] for each in raised}
    followed = dossier.about("investigation.opened", "serving_state.changed")
    unknown = {each.body["alert_id"] for each in followed} - ids - {None}
    if unknown:
        return missing(
            f"followed up, but not raised in this evidence: {listed(sorted(unknown))}",
            "read the evidence where the alerts processor's events landed",
            (),
            followed,
        )
    if not raised:
        if dossier.about("serving.observed", "drift.signalled"):
            return present("none seen while it was watched")
        return missing("none, but nobody watched it serve", _WATCH)
    about = [e for e in dossier.of("alert.resolved") if e.body["alert_id"] in ids]
    over = {each.body["alert_id"]: each for each in about}
    last = {each.body["alert_id"]: each for each in raised}
    facts = [
        Fact(
            each.body["tier"].replace("_", " "),
            f"{each.body['title']} ({alert_id}, "
            + (f"over: {over[alert_id].body['reason']})" if alert_id in over else "open)"),
        )
        for alert_id, each in last.items()
    ]
    absent = {s for each in raised for s in each.body["signals"] if dossier.by_id(s) is None}
    if absent:
        return missing(
            f"of the signals that they rest on, {len(absent)} cannot be found",
            "read the evidence where the drift processor's events landed",
            facts,
            [*raised, *about],
        )
    open_ = len(ids - over.keys())
    return present(f"{counted(len(ids), 'alert')}, {open_} open", facts, [*raised, *about])


def investigations(dossier: Dossier) -> Found:
    """Whether each investigation ended with a disposition."""
    opened, ends = dossier.about("investigation.opened"), dossier.of("investigation.dispositioned")
    named = {each.body["investigation_id"] for each in opened}
    orphans = [each for each in ends if each.body["investigation_id"] not in named]
    if orphans:
        return missing(
            f"ended, but never opened: {listed(e.body['investigation_id'] for e in orphans)}",
            "read the evidence where the alerts processor's events landed",
            (),
            orphans,
        )
    if not opened:
        if dossier.about("serving.observed", "drift.signalled", "alert.raised"):
            return present("none was opened")
        return missing("none, but nobody watched it serve", _WATCH)
    ended = {each.body["investigation_id"]: each for each in ends}
    facts, entries, lacking = [], list(opened), []
    for each in opened:
        end = ended.get(each.body["investigation_id"])
        facts.append(Fact(each.body["investigation_id"], _ended(each, end)))
        if end is None:
            lacking.append(each.body["investigation_id"])
        else:
            entries.append(end)
    if lacking:
        return missing(
            f"without a disposition: {listed(lacking)}",
            "say what it was about: `auditspine alerts disposition`",
            facts,
            entries,
        )
    return present(
        listed(
            ended[e.body["investigation_id"]].body["disposition"].replace("_", " ") for e in opened
        ),
        facts,
        entries,
    )


def findings(dossier: Dossier) -> Found:
    """Whether the release processor looked for what went around it, and what it found."""
    raised = dossier.about("finding.raised")
    facts = [
        Fact(
            e.body["kind"].replace("_", " "),
            f"{e.body['tier'].replace('_', ' ')}: {e.body['title']}",
        )
        for e in raised
    ]
    if raised:
        return present(counted(len(raised), "finding"), facts, raised)
    spoke = dossier.about("decision.made", "approval.requested")
    if spoke:
        return present("none raised by the release processor", (), spoke[-1:])
    return missing(
        "none, but the release processor never spoke of it",
        "run the release processor over the lifecycle log",
    )


def _decision_of(dossier: Dossier, entry: Entry) -> Entry | None:
    named = entry.body["decision_id"]
    decisions = dossier.of("decision.made")
    return next((each for each in decisions if each.body["decision_id"] == named), None)


def _not_allowed(dossier: Dossier, entry: Entry, decision: Entry | None) -> str:
    """Say why the decision that a deployment names does not carry it; empty when it does."""
    body, named = entry.body, entry.body["decision_id"]
    if body["action"] in _STOPS:
        return ""
    if decision is None:
        return f"{named} is not in the evidence" if named else "it names no decision"
    said = decision.body
    if said["outcome"] != "allow":
        return f"{named} says {said['outcome']}"
    if said["model"]["digest"] != dossier.digest or said["environment"] != body["environment"]:
        return f"{named} is for {label(said['model'])} in {said['environment']}, not for this"
    revoked = any(
        each.body["supersedes"] == named
        and each.body["outcome"] != "allow"
        and each.place < entry.place
        for each in dossier.of("decision.made")
    )
    return f"{named} had been revoked" if revoked else ""


def _change(entry: Entry) -> Fact:
    body = entry.body
    rests = f"on {body['decision_id']}" if body["decision_id"] else "on no decision"
    share = f"{body['traffic_share']:.0%} of the traffic"
    return Fact(
        body["action"].replace("_", " "),
        f"{_where(entry)}, {share}, by {entry.principal}, {rests}",
        body["deployment"]["digest"],
    )


def _where(entry: Entry) -> str:
    return f"{label(entry.body['deployment'])} in {entry.body['environment']}"


def _ended(opened: Entry, end: Entry | None) -> str:
    if end is None:
        return f"{opened.body['question']} — open, with {opened.body['owner']}"
    said = end.body["disposition"].replace("_", " ")
    return f"{opened.body['question']} — {said}, by {end.principal}: {end.body['rationale']}"


def _places(entries: list[Entry]) -> list[str]:
    return [each.body["deployment"]["name"] for each in entries]
