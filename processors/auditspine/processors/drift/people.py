"""The people that a model decides on at a deployment: their groups, and what became of them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from auditspine.processors.drift.bias import Assessment
from auditspine.processors.drift.errors import ProfileError
from auditspine.processors.drift.fair_layout import Setting
from auditspine.processors.drift.fair_profile import profiled_groups, seed
from auditspine.processors.drift.layout import Layout
from auditspine.processors.drift.naming import BOTH
from auditspine.processors.drift.policy import DriftPolicy
from auditspine.processors.drift.protected import Groups, Membership
from auditspine.processors.drift.watch import Watch
from auditspine.processors.projection.port import SealedEvent


class People:
    """The groups of people of one model at one deployment, and the assessment of this period.

    Args:
        groups: The groups.
        assessment: Of the period; None until it has a row.
    """

    def __init__(self, groups: Groups | None = None, assessment: Assessment | None = None) -> None:
        self._groups = groups or Groups()
        self._assessment = assessment

    @classmethod
    def decode(cls, value: bytes) -> "People":
        """Read what :meth:`encode` gave."""
        given = json.loads(value)
        kept = given["assessment"]
        return cls(Groups(**given["groups"]), None if kept is None else Assessment.decode(kept))

    def encode(self) -> bytes:
        """Give it as bytes."""
        groups = {"numbers": self._groups.numbers, "rows": self._groups.rows}
        kept = None if self._assessment is None else self._assessment.encode()
        return json.dumps({"groups": groups, "assessment": kept}).encode()

    def setting(self, layout: Layout, policy: DriftPolicy) -> Setting:
        """Give how groups are compared."""
        names = self._groups.attributes
        crossed = [BOTH in name for name in names]
        return Setting(layout, names, crossed, policy.fairness, policy.monitors.warm_up_rows)

    def profiled(
        self, watch: Watch, profile: Mapping[str, Any], policy: DriftPolicy, event: SealedEvent
    ) -> None:
        """Begin with what a training profile says of groups, but of those that are excluded.

        Args:
            watch: New monitors, made of the same profile.
            profile: Its body.
            policy: What may not be read.
            event: The prediction at which it is found.

        Raises:
            ProfileError: It cannot be used.
        """
        domain, deployment = event.envelope["domain"], event.body["deployment"]["name"]
        found = [
            each
            for each in profiled_groups(profile, watch.layout, policy.favourable(deployment))
            if policy.excluded(domain, deployment, each.attribute) is None
        ]
        self._groups.expect([(each.attribute, each.token) for each in found], policy)
        setting = self.setting(watch.layout, policy)
        for column, attribute in enumerate(self._groups.attributes):
            numbers = self._groups.numbers[attribute]
            own = {numbers[each.token]: each for each in found if each.attribute == attribute}
            if any(number < 1 for number in own):
                raise ProfileError(f"profile.groups {attribute}: more groups than are compared")
            if own:
                seed(watch.fair.known, column, own, setting.score)
        watch.fair.grow(setting)

    def read(self, events: Sequence[SealedEvent], policy: DriftPolicy) -> Membership:
        """Tell which groups predictions are of, and count them for the assessment."""
        if not self._groups.numbers and not any(each.body.get("protected") for each in events):
            nobody: list[tuple[()]] = [()] * len(events)
            found = Membership(np.zeros((len(events), 0)), [*nobody], [*nobody])
        else:
            found = self._groups.read(events, policy)
        if self._groups.numbers or policy.exclusions:
            self._assess(events, found, policy)
        return found

    def assessed(
        self, event: SealedEvent, model: Mapping[str, Any], policy: DriftPolicy
    ) -> Mapping[str, Any] | None:
        """Give the body of ``bias.assessed`` when a period is over, and begin another.

        Args:
            event: The first prediction of a report.
            model: The model, as an event has it.
            policy: The policy.
        """
        past = self._assessment
        if past is None or not past.is_over(event.appended_at):
            return None
        self._assessment = None
        return past.body(event.body["deployment"], model, "decisions", event, policy)

    def _assess(
        self, events: Sequence[SealedEvent], found: Membership, policy: DriftPolicy
    ) -> None:
        first = events[0]
        if self._assessment is None:
            minutes = policy.fairness.assess_minutes
            self._assessment = Assessment.begin(first.appended_at, first.position, minutes)
        kept = self._assessment
        kept.predictions += len(events)
        for _, attribute in found.excluded:
            kept.excluded(attribute, 1)
        hoped_for = policy.favourable(first.body["deployment"]["name"])
        decided = np.array([each.body["decision"] in hoped_for for each in events])
        scores = np.array([each.body["score"] for each in events], dtype=float)
        for column, attribute in enumerate(self._groups.attributes):
            codes = found.codes[:, column]
            kept.known(attribute, int((codes >= 0).sum()))
            kept.missing(attribute, int((codes < 0).sum()))
            for number in np.unique(codes[codes >= 0]).astype(int).tolist():
                own = codes == number
                token = self._groups.token(attribute, number)
                kept.group(attribute, number, token, int(own.sum()))
                if number:
                    hits, rows = int(decided[own].sum()), int(own.sum())
                    kept.rate(attribute, number, "selection_rate", hits, rows)
                    own_scores = scores[own & np.isfinite(scores)].tolist()
                    kept.values(attribute, number, "score_mean", own_scores)
