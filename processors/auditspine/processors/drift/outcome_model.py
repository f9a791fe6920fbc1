"""The outcomes of one model at one deployment: what is monitored, assessed and told of them. Pure.

What is found depends on the outcome log and on the predictions that were made, never on which of
them was read when, nor on how segments cut them.
"""

import numpy as np

from auditspine.processors.drift import signals
from auditspine.processors.drift.bias import Assessment
from auditspine.processors.drift.inference import ERROR_SHARE, Step, rank_of
from auditspine.processors.drift.naming import BOTH
from auditspine.processors.drift.outcome_assessed import assessed
from auditspine.processors.drift.outcome_board import Part
from auditspine.processors.drift.outcome_delays import Delays
from auditspine.processors.drift.outcome_layout import (
    MOST,
    Need,
    Pairs,
    error,
    of_answers,
    of_delays,
    of_due,
)
from auditspine.processors.drift.outcome_rows import (
    Answered,
    IsDue,
    Judged,
    Outcome,
    People,
    answered_columns,
    judged_columns,
)
from auditspine.processors.drift.packing import pack, under, unpack
from auditspine.processors.drift.port import Member, Prediction, Predictions
from auditspine.processors.drift.seen import Seen
from auditspine.processors.drift.signals import Family, Where
from auditspine.processors.drift.tables import levels_row
from auditspine.processors.drift.watch import REPORTED, Levels
from auditspine.processors.projection.errors import StateError
from auditspine.processors.projection.port import Derived, SealedEvent

_GROW = 8  # blocks after which new monitors are looked for
_LEAST_RUN = 10_000.0  # rows: no monitor is more nervous than this
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_NO_MODEL = {"kind": "model", "name": "", "version": "", "digest": ""}
_ASSESSED, _OF_PART = 10, 10_000
"""Ordinals of what is derived from one outcome, by what it is; problems are below."""


class OutcomeModel:
    """The outcomes of one model at one deployment; make it with :meth:`begin` or :meth:`decode`.

    Args:
        seen: What is known of it.
    """

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._people = People()
        self._answers, self._due = Part(len(Answered)), Part(len(IsDue))
        self._waits = Part(len(Judged))
        self._pairs = Pairs.begin()
        self._delays = Delays()
        self._period: Assessment | None = None
        self._after = -1  # what was made until then has been asked for, if it was due
        self._judged = -1  # what was made until then has been judged by its delay
        self._latest = -1  # when the latest outcome came
        self._excluded: dict[tuple[str, str], bool] = {}  # by domain and attribute

    @classmethod
    def begin(cls, event: SealedEvent, found: Prediction | None) -> "OutcomeModel":
        """Begin with the first outcome; with none found, of no model."""
        body = event.body
        deployment = {**body["deployment"], "digest": bytes(body["deployment"]["digest"]).hex()}
        model = _NO_MODEL if found is None else found.reference
        return cls(Seen(str(event.envelope["tenant"]), deployment, model, event.appended_at))

    @classmethod
    def decode(cls, value: bytes) -> "OutcomeModel":
        """Read what :meth:`encode` gave.

        Raises:
            StateError: It is of another format.
        """
        head, arrays = unpack(value)
        model = cls(Seen.decode(head["seen"].encode()))
        model._people = People(head["people"])
        try:
            model._answers.load(head["answers"], under(arrays, "a."))
            model._due.load(head["due"], under(arrays, "d."))
            model._waits.load(head["waits"], under(arrays, "w."))
        except (ValueError, KeyError) as exc:
            raise StateError(f"a monitor's state cannot be used: {exc}") from exc
        first, second = (arrays[f"pairs.{name}"].astype(np.intp) for name in ("first", "second"))
        model._pairs = Pairs(first, second, arrays["pairs.sums"], head["paired"])
        model._delays = Delays.restored(head["delays"], under(arrays, "delays."))
        model._period = None if head["period"] is None else Assessment.decode(head["period"])
        model._after, model._judged = head["after"], head["judged"]
        model._latest = head["latest"]
        return model

    def encode(self) -> bytes:
        """Give it as bytes."""
        answers, arrays = self._answers.state()
        due, more = self._due.state()
        waits, rest = self._waits.state()
        kinds, delays = self._delays.state()
        head = {
            "seen": self._seen.encode().decode(),
            "people": self._people.entries,
            "answers": answers,
            "due": due,
            "waits": waits,
            "paired": self._pairs.people,
            "delays": kinds,
            "period": None if self._period is None else self._period.encode(),
            "after": self._after,
            "judged": self._judged,
            "latest": self._latest,
        }
        return pack(
            head,
            {f"a.{name}": array for name, array in arrays.items()}
            | {f"d.{name}": array for name, array in more.items()}
            | {f"w.{name}": array for name, array in rest.items()}
            | {f"delays.{name}": array for name, array in delays.items()}
            | {
                "pairs.first": self._pairs.first.astype(float),
                "pairs.second": self._pairs.second.astype(float),
                "pairs.sums": self._pairs.sums,
            },
        )

    def look(
        self, step: Step, event: SealedEvent, found: Prediction, predictions: Predictions
    ) -> None:
        """Look at the clock: what has become due, and whether a period is over.

        What was due when the outcome before this one came is asked for: where outcomes come in
        batches, those of one are there when it is judged.

        Raises:
            NotYet: The inference log is not read as far as what is due.
        """
        at = event.appended_at
        if self._period is None:
            self._begin_period(step, event)
            self._after = self._judged = found.at - 1  # outcomes come from here on
        assert self._period is not None
        if self._period.is_over(at):
            until = min(self._latest, self._period.ended)
            self._ask(step, event, found, predictions, until)
            self._assess(step, event, found)
            self._begin_period(step, event)
        every_ms = step.policy.monitors.report_minutes * 60_000
        if self._seen.is_due(at, every_ms):
            self._seen.reported = at - at % every_ms
            self._seen.prune(at)
            self._ask(step, event, found, predictions, self._latest)
        self._latest = max(at, self._latest)

    def take(
        self, step: Step, event: SealedEvent, found: Prediction, row: tuple[float, ...]
    ) -> None:
        """Take an answered prediction.

        Args:
            step: What the call of the fold works with.
            event: The outcome.
            found: The prediction.
            row: What is known of it; see :class:`~.outcome_rows.Outcome`.
        """
        if not self._answers.blocks and not self._answers.lane.rows:
            self._refer(step, event)
        self._seen.rows += 1
        who = self._who(step, event, found.members, found.without)
        if self._answers.lane.append(row, who, (event.position, event.appended_at)):
            self._block(step, event, found)

    def problem(
        self,
        step: Step,
        event: SealedEvent,
        found: Prediction | None,
        what: tuple[str, str],
        ordinal: int = 0,
    ) -> None:
        """Tell of an outcome that cannot count, or not wholly: its monitor and why."""
        monitor, detail = what
        if self._seen.speaks(monitor, event.appended_at):
            where, family = self._where(event, found), self._family(step, event.appended_at)
            at = (event.position, event.appended_at)
            told = ("outcome", monitor, detail)
            body = signals.of_rule(where, family, event, told, (1, 1), at)
            step.derived.append(Derived(event, ordinal, "drift.signalled", body, body["detail"]))

    def _who(
        self,
        step: Step,
        event: SealedEvent,
        members: tuple[Member, ...],
        without: tuple[str, ...],
    ) -> tuple[int, ...]:
        """Give the groups of a person, without what the policy excludes since the prediction."""
        if step.policy.exclusions:
            members = tuple(each for each in members if not self._excludes(step, event, each[0]))
            without = tuple(each for each in without if not self._excludes(step, event, each))
        return self._people.who(members, without)

    def _excludes(self, step: Step, event: SealedEvent, attribute: str) -> bool:
        domain, deployment = event.envelope["domain"], event.body["deployment"]["name"]
        known = self._excluded.get((domain, attribute))
        if known is None:
            parts = attribute.split(BOTH)
            known = any(step.policy.excluded(domain, deployment, each) for each in parts)
            self._excluded[domain, attribute] = known
        return known

    def _refer(self, step: Step, event: SealedEvent) -> None:
        """Take how often decisions are wrong from the training profile, if there is one."""
        digest = bytes.fromhex(self._seen.model["digest"])
        found = step.profiles.find(self._seen.tenant, digest, event.appended_at)
        if found is None or found.problem or found.profile["error_rate"] is None:
            return
        self._seen.profile_event_id = found.event_id
        rate, rows = float(found.profile["error_rate"]), float(found.profile["rows"])
        self._answers.grow([error(rate, rows)], MOST)

    def _block(self, step: Step, event: SealedEvent, found: Prediction) -> None:
        part = self._answers
        rows = np.array(part.lane.rows)
        need = Need.of(step.policy)
        delays, arrived = rows[:, [Outcome.DELAY_MS, Outcome.ARRIVED_MS]].T
        self._delays.note(delays, arrived, need.answered)
        columns = answered_columns(rows)
        run_length = self._run_length(step, event.appended_at)
        block, told = part.step(len(self._people), columns, run_length)
        self._pairs.learn(self._people, block.sums)
        self._tell(step, event, found, part, told)
        if part.blocks % _GROW == 0:
            every = of_answers(self._people, part.lane.known, self._pairs, need)
            part.grow(every, self._room(part))
        if part.blocks % REPORTED == 0:
            self._report(step, event)

    def _ask(
        self,
        step: Step,
        event: SealedEvent,
        found: Prediction,
        predictions: Predictions,
        until: int,
    ) -> None:
        """Ask for the predictions that have become due until a time, or old enough to be judged."""
        longest = step.policy.monitors.outcome_days * _DAY_MS
        due_ms = step.policy.due_ms(event.body["deployment"]["name"])
        at, place = (event.appended_at, event.version), (event.position, event.appended_at)
        if due_ms is not None:
            through = until - min(due_ms, longest)
            for each in predictions.due(event.origin, found, self._after, through, at):
                who = self._who(step, event, each.members, ())
                if self._due.lane.append((1.0, float(each.answered)), who, place):
                    self._due_block(step, event, found)
            self._after = max(self._after, through)
        if self._delays.age >= 0:
            through = until - min(self._delays.age, longest)
            for each in predictions.due(event.origin, found, self._judged, through, at):
                if each.answered and each.delay is None:
                    continue  # of which it cannot be said
                who = self._who(step, event, each.members, ())
                row = (self._delays.judged(each.delay), float(each.at // _HOUR_MS % 24))
                if self._waits.lane.append(row, who, place):
                    self._waits_block(step, event, found)
            self._judged = max(self._judged, through)

    def _due_block(self, step: Step, event: SealedEvent, found: Prediction) -> None:
        part = self._due
        columns = np.array(part.lane.rows)
        _, told = part.step(len(self._people), columns, self._length(step, event, part))
        self._tell(step, event, found, part, told)
        if part.blocks % _GROW == 0:
            every = of_due(self._people, part.lane.known, Need.of(step.policy))
            part.grow(every, self._room(part))

    def _waits_block(self, step: Step, event: SealedEvent, found: Prediction) -> None:
        part, need = self._waits, Need.of(step.policy)
        delays, made = np.array(part.lane.rows).T
        who, hours = part.lane.who, np.bincount(made.astype(int), minlength=24)
        columns = judged_columns(self._delays.scores(delays))
        length = self._length(step, event, part)
        _, told = part.step(len(self._people), columns, length, hours)
        self._tell(step, event, found, part, told)
        learned = self._delays.learn(delays.tolist(), who, need.answered)
        if learned is not None:
            part.lane.learn(learned[1], judged_columns(learned[0]))
        if part.blocks % _GROW == 0:
            every = of_delays(self._people, part.lane.known, need, self._delays.late)
            part.grow(every, self._room(part))

    def _length(self, step: Step, event: SealedEvent, part: Part) -> float:
        """Give the run length in a part's rows: there may be more than answered predictions."""
        answered, rows = self._answers.blocks, part.blocks
        return self._run_length(step, event.appended_at) * max(rows / max(answered, 1), 1.0)

    def _room(self, part: Part) -> int:
        others = (each for each in self._parts if each is not part)
        return MOST - sum(len(each.board.watched) for each in others)

    def _tell(
        self,
        step: Step,
        event: SealedEvent,
        found: Prediction,
        part: Part,
        told: list[tuple[int, bool]],
    ) -> None:
        """Tell of monitors; of errors only that there are more, of coverage that there is less."""
        at, first = event.appended_at, _OF_PART * (1 + self._parts.index(part))
        run_length = self._run_length(step, at)
        for index, begun in told:
            alarm = part.board.alarm(index, run_length, at, begun=begun)
            name, kind, effect = alarm.monitor.name, alarm.monitor.kind, alarm.effect
            if (kind == "error" and effect <= 0) or (kind == "coverage" and effect >= 0):
                continue
            if self._seen.speaks(name, at, effect, rank_of(step.policy, alarm, event), begun=begun):
                where, family = self._where(event, found), self._family(step, at)
                body = signals.of_alarm(where, family, alarm, event)
                step.derived.append(
                    Derived(event, first + index, "drift.signalled", body, body["detail"])
                )

    def _begin_period(self, step: Step, event: SealedEvent) -> None:
        minutes = step.policy.fairness.assess_minutes
        self._period = Assessment.begin(event.appended_at, event.position, minutes)

    def _assess(self, step: Step, event: SealedEvent, found: Prediction) -> None:
        assert self._period is not None
        people, rows = len(self._people), self._answers.lane.rows
        columns = answered_columns(np.array(rows).reshape(-1, len(Outcome)))
        due_columns = np.array(self._due.lane.rows).reshape(-1, len(IsDue))
        sums = (
            self._answers.lane.end_period(people, columns),
            self._due.lane.end_period(people, due_columns),
        )
        where = self._where(event, found)
        body = assessed(self._period, self._people, sums, where, event, step.policy)
        if body is not None:
            reason = "how groups fared by outcomes, every period"
            step.derived.append(Derived(event, _ASSESSED, "bias.assessed", body, reason))

    def _report(self, step: Step, event: SealedEvent) -> None:
        boards = [part.board for part in self._parts]
        stood = zip(*(board.levels() for board in boards), strict=True)
        levels, expected, found = (np.concatenate(each) for each in stood)
        monitors = [each.monitor for board in boards for each in board.watched]
        how = Levels(0, self._answers.blocks, levels, expected, found)
        rows = self._run_length(step, event.appended_at)
        step.levels.append(levels_row(self._seen, monitors, rows, how, event))

    def _where(self, event: SealedEvent, found: Prediction | None) -> Where:
        """Give of what a signal speaks."""
        model = self._seen.model if found is None else found.reference
        digest = bytes.fromhex(model["digest"]) or bytes(32)
        named = {**model, "name": model["name"] or "-", "version": model["version"] or "-"}
        return Where(
            event.body["deployment"], {**named, "digest": digest}, self._seen.profile_event_id
        )

    def _family(self, step: Step, at: int) -> Family:
        """Give the budget: monitors over outcomes have a share of a model's for themselves."""
        return Family(self._monitors, self._seen.rows_a_week(at), step.policy.digest)

    def _run_length(self, step: Step, at: int) -> float:
        share = ERROR_SHARE * step.policy.budget.false_alarms_per_week
        return max(_LEAST_RUN, self._monitors * self._seen.rows_a_week(at) / share)

    @property
    def _parts(self) -> tuple[Part, ...]:
        return self._answers, self._due, self._waits

    @property
    def _monitors(self) -> int:
        return max(sum(len(each.board.watched) for each in self._parts), 1)
