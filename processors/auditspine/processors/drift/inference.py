"""Takes the predictions of one model at one deployment: monitors, reports and what is remarkable.

What happens at an event depends on the events before it alone, never on how segments cut them: so
predictions are taken in pieces that end where something is to be decided.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from auditspine.processors.drift import signals
from auditspine.processors.drift.columns import Group, columns, grouped
from auditspine.processors.drift.errors import ProfileError
from auditspine.processors.drift.layout import Layout, profiled_inputs
from auditspine.processors.drift.people import People
from auditspine.processors.drift.policy import DriftPolicy
from auditspine.processors.drift.port import Prediction, Profiles
from auditspine.processors.drift.protected import Membership, attribute_name
from auditspine.processors.drift.rules import Rules
from auditspine.processors.drift.seen import Seen, artifact
from auditspine.processors.drift.sentences import of_attribute
from auditspine.processors.drift.signals import Family, Where
from auditspine.processors.drift.tables import levels_row
from auditspine.processors.drift.warming import MOST_INPUTS, begin, collect, ready
from auditspine.processors.drift.watch import Alarm, Watch, read_layout
from auditspine.processors.projection.fit import shortened
from auditspine.processors.projection.port import Derived, Row, SealedEvent, State

_LEAST_RUN = 10_000.0  # rows: no monitor is more nervous than this
ERROR_SHARE = 0.1
"""Of the budget of false alarms, what the monitor of errors has; the others share the rest."""
_MOST_NAME = 160  # characters of a feature's name in a monitor's
_ORDINALS = {
    "report": 0,
    "profile": 100,
    "burst": 101,
    "threshold": 102,
    "assessment": 103,
    "monitors": 104,
    "rule": 200,
    "feature": 1000,
    "excluded": 2000,
    "group": 3000,
    "crowded": 4000,
    "bare": 5000,
    "monitor": 100_000,
}
"""Where the ordinals begin of what is derived from one event, by what it is."""


@dataclass(slots=True)
class Step:
    """What one call of the fold works with and gives.

    Attributes:
        state: The partition's state.
        policy: What is monitored.
        profiles: Training profiles.
        rules: Business rules.
        derived: Derived events, in any order.
        levels: Rows of how monitors stood.
    """

    state: State
    policy: DriftPolicy
    profiles: Profiles
    rules: Rules
    derived: list[Derived] = field(default_factory=list)
    levels: list[Row] = field(default_factory=list)


class ModelWatch:
    """One model at one deployment; make it with :meth:`load`.

    Args:
        key: Names it in the state.
        seen: What is known of it.
        watch: Its monitors.
        people: The groups of people that it decides on.

    Attributes:
        watch: Its monitors.
    """

    def __init__(self, key: str, seen: Seen, watch: Watch, people: People) -> None:
        self._key, self._seen, self.watch, self._people = key, seen, watch, people
        self._saved = b""
        self._layout_changed = True

    @classmethod
    def load(cls, step: Step, key: str, first: SealedEvent) -> "ModelWatch":
        """Load it from the state, or begin with its first prediction."""
        known = step.state.get(_key("i", key))
        if known is None:
            return cls(key, Seen.begin(first), Watch(Layout([])), People())
        layout, arrays, people = (step.state.get(_key(kind, key)) for kind in "lwg")
        watch = Watch(read_layout(layout or b"[]"))
        watch.load(arrays or b"")
        groups = People() if people is None else People.decode(people)
        loaded = cls(key, Seen.decode(known), watch, groups)
        loaded._saved, loaded._layout_changed = known, False
        return loaded

    def is_current(self, state: State) -> bool:
        """Tell whether this is what the state holds."""
        return state.get(_key("i", self._key)) == self._saved

    def save(self, state: State) -> None:
        """Put it into the state."""
        self._saved = self._seen.encode()
        state.put(_key("i", self._key), self._saved)
        state.put(_key("w", self._key), self.watch.encode())
        state.put(_key("g", self._key), self._people.encode())
        if self._layout_changed:
            state.put(_key("l", self._key), self.watch.encode_layout())
            self._layout_changed = False

    def take(self, step: Step, events: Sequence[SealedEvent]) -> list[Prediction]:
        """Take predictions; give what their outcomes will ask for."""
        start, waiting = 0, list[Prediction]()
        while start < len(events):
            end = self._end(step, events, start)
            piece = list(events[start:end])
            waiting += _waiting(piece, self._piece(step, piece))
            start = end
        return waiting

    def _end(self, step: Step, events: Sequence[SealedEvent], start: int) -> int:
        """Give where the piece that starts here ends: at the next report or a warm-up's end."""
        every_ms = step.policy.monitors.report_minutes * 60_000
        if self._seen.is_due(events[start].appended_at, every_ms):
            return start + 1
        most = step.policy.monitors.warm_up_rows
        left = (most - len(values) for values in self._seen.warming.values())
        end = min(len(events), start + min((most, *left)))
        is_due = self._seen.is_due
        later = (n for n in range(start, end) if is_due(events[n].appended_at, every_ms))
        return next(later, end)

    def _piece(self, step: Step, events: list[SealedEvent]) -> Membership:
        """Take predictions up to the next decision; give the groups of people that they are of."""
        at = events[0].appended_at
        every_ms = step.policy.monitors.report_minutes * 60_000
        reports = self._seen.is_due(at, every_ms)
        if reports:  # a piece of one event
            self._seen.reported = at - at % every_ms
            self._begin(step, events[0])
        groups = grouped(events)
        self._seen.note(events, {name for group in groups for name in group.names})
        self._rules(step, events)
        self._unknown(step, events, groups)
        people = self._people.read(events, step.policy)
        self._remarks(step, events, people)
        hoped_for = step.policy.favourable(events[0].body["deployment"]["name"])
        taken = columns(self.watch.layout, events, groups, hoped_for, people.codes)
        for found in self.watch.take(taken, self._people.setting(self.watch.layout, step.policy)):
            if isinstance(found, Alarm):
                self._alarm(step, found, events[found.row])
            else:
                cause = events[found.row]
                monitors, rows = self.watch.monitors, self.watch.run_length
                step.levels.append(levels_row(self._seen, monitors, rows, found, cause))
        settings = step.policy.monitors
        inputs = ready(self._seen.warming, settings.warm_up_rows, settings.most_categories)
        if inputs:
            self.watch.add(inputs)
            self._layout_changed = True
        if reports:
            self._report(step, events[-1])
        return people

    def _begin(self, step: Step, event: SealedEvent) -> None:
        """Look for the profile and set the budget: at the first prediction of every report."""
        if not self._seen.profile_event_id:
            self._find_profile(step, event)
        self._people.forget(self.watch, event, step.policy)
        self._set_budget(step, event)
        body = self._people.assessed(event, artifact(self._seen.model), step.policy)
        if body is not None:
            ordinal, reason = _ORDINALS["assessment"], "the period of an assessment is over"
            step.derived.append(Derived(event, ordinal, "bias.assessed", body, reason))

    def _find_profile(self, step: Step, event: SealedEvent) -> None:
        seen = self._seen
        digest = bytes.fromhex(seen.model["digest"])
        found = step.profiles.find(seen.tenant, digest, event.appended_at)
        problem = "no training profile of this model is known" if found is None else found.problem
        if found is not None and not problem:
            try:
                inputs = profiled_inputs(found.profile, step.policy.monitors.most_categories)
                watch = Watch(Layout(inputs))
                self._people.profiled(watch, found.profile, step.policy, event)
            except ProfileError as exc:
                problem = str(exc)
            else:
                seen.profile_event_id = found.event_id
                seen.warming.clear()
                seen.signalled.clear()
                self.watch, self._layout_changed = watch, True
        if problem and seen.speaks("profile", event.appended_at):
            detail = (
                f"{problem}: what its first {step.policy.monitors.warm_up_rows} predictions look "
                "like is the reference"
            )
            self._tell(step, event, "profile", ("profile", "profile", detail), (1, 1))

    def _set_budget(self, step: Step, event: SealedEvent) -> None:
        rows = self._seen.rows_a_week(event.appended_at)
        allowed = step.policy.budget.false_alarms_per_week
        monitors = self._seen.monitors = max(len(self.watch.monitors), 1)
        share = (1 - ERROR_SHARE) * allowed
        self.watch.set_run_length(max(_LEAST_RUN, monitors * rows / share))

    def _report(self, step: Step, event: SealedEvent) -> None:
        seen = self._seen
        burst, usual = seen.is_burst(event.appended_at, step.policy.traffic.burst_factor)
        if burst:
            count = sum(each["count"] for each in seen.report["by"].values())
            detail = f"{count} predictions in one report instead of about {usual:.0f}"
            self._tell(step, event, "burst", ("traffic", "traffic.burst", detail), (count, count))
        at, left_out = event.appended_at, self.watch.fair.left_out
        if left_out and seen.speaks("groups.left_out", at, begun=False):
            detail = "There are more gaps and proxies of groups than there is room for monitors"
            what = "protected", "(monitors).too_many", detail
            self._tell(step, event, "monitors", what, (1, 1))
        unknown = [] if not seen.profile_event_id else self._strange(seen.report["names"])
        drifting = self.watch.drifting()
        for number, (_, own) in enumerate(sorted(seen.report["by"].items())):
            body = signals.served(seen, event, own, unknown, drifting)
            ordinal, reason = _ORDINALS["report"] + number, "what is served, every few minutes"
            step.derived.append(Derived(event, ordinal, "serving.observed", body, reason))
        seen.report = {}
        seen.prune(event.appended_at)

    def _strange(self, names: Sequence[str]) -> list[str]:
        known = self.watch.layout.slots
        return [name for name in names if name not in known or name in self._seen.warming]

    def _rules(self, step: Step, events: Sequence[SealedEvent]) -> None:
        broken = step.rules.broken(self._seen.deployment["name"], events)
        for number, name, index, evaluated in broken:
            cause = events[index]
            if self._seen.speaks(f"rule.{name}", cause.appended_at):
                how = "is broken by" if evaluated else "cannot be evaluated on"
                detail = f"the business rule {name} {how} a prediction"
                self._tell(step, cause, "rule", ("rule", f"rule.{name}", detail), (1, 1), number)

    def _remarks(self, step: Step, events: Sequence[SealedEvent], people: Membership) -> None:
        """Tell of another threshold, of new or too many groups, and of what may not be read."""
        for event in events:
            moved = self._seen.rethresholds(event)
            if moved is not None and self._seen.speaks("(threshold).changed", event.appended_at):
                self._threshold(step, event, *moved)
        for stage, rows, kind, what in (
            ("excluded", people.excluded, "protected", "excluded"),
            ("group", people.begun, "group", "new"),
            ("crowded", people.crowded, "group", "too_many"),
            ("bare", people.bare, "protected", "not_a_token"),
        ):
            numbers = Counter[int]()
            for row, named in rows:
                attribute = attribute_name(named) if named else "(attributes)"
                name, cause = f"{attribute}.{what}", events[row]
                if self._seen.speaks(f"{kind}\0{name}", cause.appended_at):
                    detail = of_attribute(what, attribute if named else "")
                    self._tell(step, cause, stage, (kind, name, detail), (1, 1), numbers[row])
                    numbers[row] += 1

    def _threshold(self, step: Step, cause: SealedEvent, before: float, now: float) -> None:
        name, first = "(threshold).changed", (cause.position, cause.appended_at)
        detail = f"The threshold of decisions is {now:g} instead of {before:g}"
        what = "threshold", name, detail
        where, family = self._where(cause), self._family(step)
        body = signals.of_rule(where, family, cause, what, (1, 1), first)
        body["effect_size"] = now - before
        body["reference"], body["current"] = (
            {"rows": 1, "mean": value, "sd": None} for value in (before, now)
        )
        ordinal = _ORDINALS["threshold"]
        step.derived.append(Derived(cause, ordinal, "drift.signalled", body, body["detail"]))

    def _unknown(self, step: Step, events: Sequence[SealedEvent], groups: Sequence[Group]) -> None:
        """Collect the values of features that no profile knows, and tell of new ones."""
        seen, numbers = self._seen, Counter[int]()
        for row, name, has_room in begin(seen.warming, self.watch.layout.slots, groups):
            monitor = f"{shortened(name, _MOST_NAME)}.new" if has_room else "features.too_many"
            first = events[row]
            if seen.profile_event_id and seen.speaks(f"schema\0{monitor}", first.appended_at):
                detail = f"the training profile does not know the feature {shortened(name, 80)}"
                if not has_room:
                    detail = f"there are more than {MOST_INPUTS} features; the rest is not watched"
                what = ("schema", monitor, detail)
                self._tell(step, first, "feature", what, (0, 1), numbers[row])
                numbers[row] += 1
        collect(seen.warming, events, groups)

    def _alarm(self, step: Step, alarm: Alarm, cause: SealedEvent) -> None:
        rank = rank_of(step.policy, alarm, cause)
        kind, name, feature = alarm.monitor.kind, alarm.monitor.name, alarm.monitor.feature
        at, effect = cause.appended_at, alarm.effect
        # A feature may be named so that one of its monitors is called as one of a group is.
        key = f"{kind}\0{feature}\0{name}"
        if self._seen.speaks(key, at, effect, rank, begun=alarm.begun):
            body = signals.of_alarm(self._where(cause), self._family(step), alarm, cause)
            ordinal = _ORDINALS["monitor"] + alarm.index
            step.derived.append(Derived(cause, ordinal, "drift.signalled", body, body["detail"]))

    def _tell(
        self,
        step: Step,
        cause: SealedEvent,
        stage: str,
        what: tuple[str, str, str],
        count: tuple[int, int],
        number: int = 0,
    ) -> None:
        first = (cause.position, cause.appended_at)
        where = self._where(cause)
        body = signals.of_rule(where, self._family(step), cause, what, count, first)
        ordinal = _ORDINALS[stage] + number
        step.derived.append(Derived(cause, ordinal, "drift.signalled", body, body["detail"]))

    def _where(self, cause: SealedEvent) -> Where:
        body = cause.body
        return Where(body["deployment"], body["model"], self._seen.profile_event_id)

    def _family(self, step: Step) -> Family:
        monitors = self._seen.monitors or max(len(self.watch.monitors), 1)
        share = (1 - ERROR_SHARE) * step.policy.budget.false_alarms_per_week
        rows = self.watch.run_length / monitors * share
        return Family(monitors, rows, step.policy.digest)


def rank_of(policy: DriftPolicy, alarm: Alarm, cause: SealedEvent) -> int:
    """Give the rank of the tier that a signal of an alarm has at once."""
    risk = policy.risk_class(cause.envelope["domain"], cause.body["deployment"]["name"])
    monitor = alarm.monitor
    return policy.tier(risk, monitor.kind, alarm.effect, 0, monitor.feature).rank


def prediction_key(tenant: str, deployment: str, prediction_id: str) -> bytes:
    """Give the key by which an outcome finds its prediction, 16 bytes."""
    key: bytes = _begun(tenant, deployment, prediction_id).digest()[:16]
    return key


def _begun(tenant: str, deployment: str, rest: str = "") -> Any:
    return sha256(f"{tenant}\0{deployment}\0{rest}".encode("utf-8", "surrogatepass"))


def _waiting(events: Sequence[SealedEvent], people: Membership) -> list[Prediction]:
    """Give what outcomes will ask of predictions of one model at one deployment."""
    first = events[0]
    begun = _begun(first.envelope["tenant"], first.body["deployment"]["name"])
    model, place = first.body["model"], begun.digest()[:16]
    answered = (model["name"], model["version"], bytes(model["digest"]).hex())
    found = []
    for event, members, without in zip(events, people.members, people.without, strict=True):
        body, key = event.body, begun.copy()
        key.update(body["prediction_id"].encode("utf-8", "surrogatepass"))
        made = event.envelope["occurred_at"] // 1000  # microseconds on the wire
        what = body["decision"], made, float(body["score"]), place
        found.append(
            Prediction(key.digest()[:16], event.appended_at, answered, *what, members, without)
        )
    return found


def _key(kind: str, key: str) -> bytes:
    return f"{kind}{key}".encode("utf-8", "surrogatepass")
