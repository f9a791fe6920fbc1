"""Puts a drift report together from what was read. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from auditspine.auditor.alert_rows import TIERS
from auditspine.auditor.drift_report.content import (
    AlertStory,
    Comparison,
    Distribution,
    DriftReport,
    Feature,
    Monitor,
    Signal,
)
from auditspine.auditor.drift_report.fair_content import Assessment
from auditspine.auditor.drift_report.fairness import read_assessments
from auditspine.auditor.drift_report.material import ALL, Current, Material, Of, Sealed, Values
from auditspine.auditor.drift_report.monitors import (
    ANSWERS,
    arrange,
    read_monitors,
    read_signal,
)
from auditspine.auditor.drift_report.names import GroupNames, Labels
from auditspine.auditor.drift_report.ranges import Proof, Range
from auditspine.auditor.drift_report.statistics import at_places, compare
from auditspine.auditor.drift_report.stories import read_stories
from auditspine.auditor.drift_report.wanting import remarks, what_is_missing
from auditspine.schemas.tokens import kept_token

_LEAST_ROWS = 100  # of a group that is compared, where no assessment says how many
_MOST_PROVEN = 100  # signals of no alert that are proven, the newest


def build(material: Material, labels: Labels | None = None) -> DriftReport:
    """Put a report together.

    Args:
        material: What was read.
        labels: What a person calls groups, by attribute and token.

    Returns:
        The report, its proofs without leaf hashes.
    """
    profile = {} if material.profile is None else material.profile.body["profile"]
    assessed = material.said("bias.assessed")
    names = GroupNames(profile.get("groups") or (), assessed, labels or {})
    signals = {each.event_id: read_signal(each) for each in material.said("drift.signalled")}
    alerts = read_stories(material, signals)
    in_alert = {s.event_id for each in alerts if each.state != "resolved" for s in each.signals}
    monitors = read_monitors(material.reports, signals.values(), in_alert)
    fairness = read_assessments(assessed, names)
    features = _Features(material.current, profile, names, fairness).read(monitors)
    arranged = arrange(monitors, [each.name for each in features])
    place = material.place
    open_tiers = [each.tier for each in alerts if each.state != "resolved"]
    return DriftReport(
        *(material.tenant, place.model, place.model_version, place.model_digest, place.deployment),
        *(material.since, material.made_at, material.made_at),
        max(open_tiers, key=TIERS.index, default=""),
        "live" if material.serving is None else material.serving.words,
        max((each.predictions for each in material.reports), default=0),
        _reference(material),
        dict(Counter(each.kind for each in monitors).most_common()),
        _policies(material),
        remarks(material, fairness),
        what_is_missing(material, arranged, fairness),
        alerts,
        tuple(each for each in features if each.name not in ANSWERS),
        tuple(each for each in features if each.name in ANSWERS),
        (material.current.rows.get(ALL, 0), material.current.first_at, material.current.last_at),
        arranged.others,
        fairness,
        arranged.groups,
        arranged.outcomes,
        any(names.label(*each) for each in names.groups()),
        _proofs(material, alerts, fairness, signals),
    )


def with_leaves(report: DriftReport, leaves: Mapping[tuple[str, int], str]) -> DriftReport:
    """Give a report whose proofs have leaf hashes, where they are known.

    Args:
        report: The report.
        leaves: Leaf hashes in hex, by origin and position.
    """
    proofs = tuple(
        replace(
            each,
            first_leaf=leaves.get((each.entries.origin, each.entries.first), ""),
            last_leaf=leaves.get((each.entries.origin, each.entries.last), ""),
        )
        for each in report.proofs
    )
    return replace(report, proofs=proofs)


class _Features:
    """Compares each input of the newest predictions with the training profile."""

    def __init__(
        self,
        current: Current,
        profile: Mapping[str, Any],
        names: GroupNames,
        fairness: Sequence[Assessment],
    ) -> None:
        self._current = current
        self._names = names
        self._least = max((each.least_rows for each in fairness), default=_LEAST_ROWS)
        self._reference = _distributions(profile)
        self._groups = {
            Of(each["attribute"], kept_token(each["token"])): _distributions(each)
            for each in profile.get("groups") or ()
        }

    def read(self, monitors: Sequence[Monitor]) -> list[Feature]:
        """Give each feature, those that moved most first."""
        known = dict.fromkeys((*self._reference, *self._current.values.get(ALL, ())))
        arranged = arrange(monitors, known).features
        features = [
            Feature(
                name,
                self._compare(ALL, "", name, self._reference),
                self._of_groups(name),
                arranged.get(name, ()),
            )
            for name in dict.fromkeys((*known, *arranged))
        ]
        return sorted(features, key=_most_moved)

    def _of_groups(self, name: str) -> tuple[Comparison, ...]:
        found = []
        for of, rows in self._current.rows.items():
            number = self._names.number(of)
            if of != ALL and number is not None and rows >= self._least:
                reference = self._groups.get(of, {})
                group = self._names.name(of.attribute, number)
                found.append(((of.attribute, number), self._compare(of, group, name, reference)))
        return tuple(each for _, each in sorted(found, key=lambda each: each[0]))

    def _compare(
        self, of: Of, whose: str, name: str, reference: Mapping[str, Distribution]
    ) -> Comparison:
        rows = self._current.rows.get(of, 0)
        values = self._current.values.get(of, {}).get(name)
        before = reference.get(name)
        whole = before or self._reference.get(name)
        numeric = bool(whole.quantiles) if whole else values is not None and values.numbers > 0
        is_known = whole is not None or values is not None
        now = _current(rows, values or Values(), numeric=numeric) if rows and is_known else None
        return compare(whose, before, now)


def _distributions(profile: Mapping[str, Any]) -> dict[str, Distribution]:
    """Give the distributions of a profile, or of a group's, by name of the input."""
    rows = int(profile.get("rows", 0))
    score, decision = profile.get("score"), profile.get("decision")
    numeric = [*profile.get("numeric", ()), *([{**score, "name": "(score)"}] if score else ())]
    worded = [
        *profile.get("categorical", ()),
        *([{**decision, "name": "(decision)"}] if decision else ()),
    ]
    found = {
        each["name"]: Distribution(
            rows, each["missing"], at_places(each["probabilities"], each["quantiles"])
        )
        for each in numeric
    }
    for each in worded:
        shares = [(str(one["category"]), float(one["share"])) for one in each["shares"]]
        shares.sort(key=lambda one: -one[1])
        found[each["name"]] = Distribution(rows, each["missing"], shares=tuple(shares))
    return found


def _current(rows: int, values: Values, *, numeric: bool) -> Distribution:
    valued = values.numbers + values.worded
    missing = max(0.0, 1 - valued / rows)
    other = (values.worded if numeric else values.numbers) / valued if valued else 0.0
    if numeric:
        return Distribution(rows, missing, values.quantiles, (), other)
    shares = sorted(values.texts.items(), key=lambda each: -each[1])
    of = max(values.worded, 1)
    return Distribution(rows, missing, (), tuple((name, n / of) for name, n in shares), other)


def _most_moved(feature: Feature) -> tuple[bool, float, float, str]:
    distance = feature.overall.distance
    nearest = max((each.near[-1] for each in feature.monitors if each.near), default=0.0)
    return distance is None, -(distance or 0.0), -nearest, feature.name


def _reference(material: Material) -> str:
    if material.profile is None:
        return "the first predictions: there is no training profile"
    rows = int(material.profile.body["profile"]["rows"])
    run = material.profile.body["run_id"]
    return f"the training profile of run {run}, taken from {rows:,} rows"


def _policies(material: Material) -> tuple[str, ...]:
    """Give the digests of the drift policies, the newest first."""
    named = [
        str(event.body["policy"])
        for event in reversed(material.events)
        if event.event_type in ("drift.signalled", "bias.assessed")
    ]
    return tuple(dict.fromkeys(named))


def _proofs(
    material: Material,
    alerts: Iterable[AlertStory],
    fairness: Iterable[Assessment],
    signals: Mapping[str, Signal],
) -> tuple[Proof, ...]:
    found: list[tuple[str, str, Range]] = []
    proven = set()
    for alert in alerts:
        found += [("Alerts", alert.title, each) for each in alert.entries]
        for signal in alert.signals:
            proven.add(signal.event_id)
            if signal.entries not in alert.entries:
                found.append(("Alerts", f"signal of {signal.monitor}", signal.entries))
        if alert.analysis is not None:
            found.append(("Alerts", f"analysis of {alert.alert_id}", alert.analysis.entries))
    rest = [each for each in signals.values() if each.event_id not in proven]
    found += [("Signals", each.monitor, each.entries) for each in rest[-_MOST_PROVEN:]]
    if material.profile is not None:
        found.append(("Features", "training profile", material.profile.entries))
    found += [("Features", "newest predictions", each) for each in material.current.ranges]
    for assessment in fairness:
        what = f"assessment of {assessment.basis}"
        found.append(("Fairness", f"what the {what} rests on", assessment.entries))
        said = _latest(material.said("bias.assessed"), assessment.basis)
        found.append(("Fairness", what, said.entries))
    return tuple(Proof(*each, "", "") for each in dict.fromkeys(found))


def _latest(events: Iterable[Sealed], basis: str) -> Sealed:
    return max(
        (each for each in events if each.body["basis"] == basis),
        key=lambda each: (each.body["ended_at"], each.at),
    )
