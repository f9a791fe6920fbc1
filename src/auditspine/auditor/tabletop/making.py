"""The pieces about how a model was made: data, code, settings, figures, explanation. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from auditspine.auditor.tabletop.dossier import Dossier, label
from auditspine.auditor.tabletop.entry import Entry
from auditspine.auditor.tabletop.findings import counted, listed, missing, present, unverifiable
from auditspine.auditor.tabletop.report import Fact, Found

_DATA = (  # kind of artifact, event that registers it, field that names it there
    ("snapshot", "dataset.snapshotted", "snapshot"),
    ("labels", "labels.applied", "labels"),
    ("feature", "feature.defined", "feature"),
    ("dataset", "dataset.registered", "dataset"),
)


def registration(dossier: Dossier) -> Found:
    """Whether it was registered, with what it is for and what it is not for."""
    entries = dossier.registrations()
    if not entries:
        return missing(
            "no model.registered names this digest",
            "publish model.registered for this digest, with intended use, limitations and owner",
        )
    body = entries[0].body
    facts = [
        Fact("model", label(body["model"]), body["model"]["digest"]),
        Fact("algorithm", body["algorithm"]),
        Fact("intended use", body["intended_use"]),
        Fact("limitations", body["limitations"]),
        Fact("owner", body["owner"]),
    ]
    return present(f"{body['algorithm']}, owned by {body['owner']}", facts, entries)


def data(dossier: Dossier) -> Found:
    """Whether every dataset, snapshot, label and feature that it came of is registered."""
    trained = _trained_on(dossier)
    if not any(ref["kind"] == "snapshot" for ref in trained.values()):
        return missing(
            "neither its registration nor its run names a training snapshot",
            "publish model.registered or run.started with the snapshots that it was trained on",
        )
    reports = dossier.about("validation.reported")
    cited = {**trained, **{e.body["snapshot"]["digest"]: e.body["snapshot"] for e in reports}}
    facts: list[Fact] = []
    entries = [*dossier.started(), *dossier.registrations()]
    lacking: list[str] = []
    datasets: dict[str, Mapping[str, Any]] = {}
    for kind, event_type, name in _DATA:
        wanted = {key: ref for key, ref in cited.items() if ref["kind"] == kind}
        for digest, ref in {**wanted, **(datasets if kind == "dataset" else {})}.items():
            found = [e for e in dossier.of(event_type) if e.body[name]["digest"] == digest]
            facts.append(Fact(kind, _about(ref, found), digest))
            entries += found[:1]
            if not found:
                lacking.append(f"{kind} {label(ref)} ({event_type})")
            elif kind == "snapshot":
                datasets[found[0].body["dataset"]["digest"]] = found[0].body["dataset"]
    if lacking:
        return missing(
            f"cited, but registered by no event: {listed(lacking)}",
            "publish the events in brackets for these digests",
            facts,
            entries,
        )
    return present(_counts(facts), facts, entries)


def code(dossier: Dossier) -> Found:
    """Whether the code is named alike everywhere, and was committed with its review."""
    named = {
        each.body["code"]["digest"]: each.body["code"]
        for each in (*dossier.started(), *dossier.registrations())
    }
    sources = [*dossier.started(), *dossier.registrations()]
    facts = [
        Fact("code", f"{each['repository']} at {each['commit']}", digest)
        for digest, each in named.items()
    ]
    if not named:
        return missing(
            "neither its registration nor its run names its code",
            "publish run.started or model.registered with repository, commit and digest",
        )
    if len(named) > 1:
        return unverifiable(
            f"its run and its registration name {len(named)} different codes",
            "find out which code ran, and publish a registration under that digest",
            facts,
            sources,
        )
    [digest] = named
    commits = [e for e in dossier.of("code.committed") if e.body["code"]["digest"] == digest]
    if not commits:
        return missing(
            "no code.committed says who wrote and who reviewed it",
            "publish code.committed for this digest, with author and reviewers",
            facts,
            sources,
        )
    body = commits[0].body
    reviewers = listed(body["reviewers"]) or "nobody"
    facts.append(Fact("written by", f"{body['author']}, reviewed by {reviewers}"))
    said = f"{body['code']['repository']} at {body['code']['commit'][:12]}, reviewed by {reviewers}"
    return present(said, facts, [*sources, commits[0]])


def parameters(dossier: Dossier) -> Found:
    """Whether the run's settings, seed and environment are recorded."""
    started = dossier.started()
    if not started:
        return missing(
            "no run.started of the run that trained it",
            "publish run.started with parameters, seed and environment",
        )
    body = started[0].body
    facts = [Fact("run", f"{body['name']} {body['run_id']}")]
    facts += [
        Fact(each["name"], " ".join(filter(None, (each["value"], each["unit"]))))
        for each in body["params"]
    ]
    seed = "none, or not fixed" if body["seed"] is None else str(body["seed"])
    facts.append(Fact("seed", seed))
    environment = body["environment"]
    facts.append(Fact("environment", label(environment), environment["digest"]))
    if not body["params"]:
        return missing(
            "the run recorded no parameter",
            "publish the runs to come with their parameters",
            facts,
            started,
        )
    said = f"{counted(len(body['params']), 'parameter')}, seed {seed}, {label(environment)}"
    return present(said, facts, started)


def metrics(dossier: Dossier) -> Found:
    """Whether the run and a validation measured it, on the whole and on slices."""
    completed, reports = dossier.completed(), dossier.about("validation.reported")
    entries = [*completed, *reports]
    facts = [Fact(f"run: {name}", text) for each in completed for name, text in _measured(each)]
    for each in reports:
        facts.append(Fact("validation", _verdict(each), each.body["evaluation"]["digest"]))
        facts += [Fact(name, text) for name, text in _measured(each)]
    sliced = any(m["slice"] for each in reports for m in each.body["metrics"])
    lacking = [
        *([] if completed else ["run.completed of the run that trained it"]),
        *([] if reports else ["validation.reported of it"]),
        *([] if sliced or not reports else ["figure of a slice, such as a protected group"]),
    ]
    if lacking:
        return missing(
            "no " + "; no ".join(lacking),
            "publish run.completed and validation.reported, with metrics of slices",
            facts,
            entries,
        )
    figures = sum(len(each.body["metrics"]) for each in reports)
    return present(f"{_verdict(reports[-1])}, {counted(figures, 'figure')}", facts, entries)


def explanation(dossier: Dossier) -> Found:
    """Whether the model, not only single predictions, is explained."""
    entries = [
        each for each in dossier.about("explanation.attached") if each.body["prediction_id"] is None
    ]
    if not entries:
        return missing(
            "no explanation of the model is attached",
            "publish explanation.attached for this digest, without a prediction",
        )
    facts = [
        Fact(each.body["method"], each.body["place"], each.body["explanation"]["digest"])
        for each in entries
    ]
    return present(listed(each.body["method"] for each in entries), facts, entries)


def _trained_on(dossier: Dossier) -> dict[str, Mapping[str, Any]]:
    """Give what it was trained on, by digest, as registration and run say."""
    refs: list[Mapping[str, Any]] = []
    for each in dossier.registrations():
        refs += [*each.body["training_snapshots"], *each.body["labels"], *each.body["features"]]
    for each in dossier.started():
        refs += [*each.body["inputs"], *each.body["features"]]
    return {ref["digest"]: ref for ref in refs}


def _about(ref: Mapping[str, Any], found: list[Entry]) -> str:
    if not found:
        return f"{label(ref)}: registered by no event"
    body = found[0].body
    more = {
        "dataset.snapshotted": lambda: f", {body['rows']:,} rows, {body['split']}",
        "labels.applied": lambda: f", {body['column']}, {body['method']} by {body['labeller']}",
        "dataset.registered": lambda: f", {body['licence']}, owned by {body['owner']}",
        "feature.defined": lambda: f", owned by {body['owner']}",
    }
    return label(ref) + more[found[0].event_type]()


def _counts(facts: Iterable[Fact]) -> str:
    kinds = [each.label for each in facts]
    words = {"dataset": "dataset", "snapshot": "snapshot", "feature": "feature"}
    said = [counted(kinds.count(kind), word) for kind, word in words.items() if kind in kinds]
    if "labels" in kinds:
        said.append(f"labels of {counted(kinds.count('labels'), 'kind')}")
    return ", ".join(said) + ", each registered with its digest"


def _verdict(report: Entry) -> str:
    verdict = "passed" if report.body["passed"] else "failed"
    by = "independent" if report.body["independent"] else "by its makers"
    return f"validation {verdict}, {by}"


def _measured(entry: Entry) -> Iterator[tuple[str, str]]:
    for each in entry.body["metrics"]:
        part = each["slice"]
        of = f" where {part['attribute']} = {part['value']}" if part else ""
        unit = "" if each["unit"] == "1" else f" {each['unit']}"
        yield each["name"] + of, f"{each['value']:.6g}{unit}"
