"""The people that a model decides on at a deployment: their groups, and what became of them."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from auditspine.processors.drift.bias import Assessment
from auditspine.processors.drift.errors import ProfileError
from auditspine.processors.drift.fair_layout import Setting
from auditspine.processors.drift.fair_profile import ProfiledGroup, profiled_groups, seed
from auditspine.processors.drift.layout import Layout
from auditspine.processors.drift.naming import BOTH
from auditspine.processors.drift.policy import DriftPolicy
from auditspine.processors.drift.protected import (
    MOST_ATTRIBUTES,
    Groups,
    Membership,
    attribute_name,
    excluded_by,
)
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
        kept_of = ("numbers", "rows", "given", "barred", "full")
        groups = {name: getattr(self._groups, name) for name in kept_of}
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
        where = event.envelope["domain"], event.body["deployment"]["name"]
        told = profile.get("groups") or ()  # profiles of before there were groups have none
        allowed = (each for each in told if excluded_by(each["attribute"], where, policy) is None)
        found = profiled_groups(allowed, watch.layout, policy.favourable(where[1]))
        _check(found, policy)
        names = {attribute_name(each["attribute"]): each["attribute"] for each in told}
        self._groups.expect([(names[each.attribute], each.token) for each in found], policy)
        setting = self.setting(watch.layout, policy)
        for column, attribute in enumerate(self._groups.attributes):
            numbers = self._groups.numbers[attribute]
            own = {
                numbers[each.token]: each
                for each in found
                if each.attribute == attribute and each.token in numbers
            }
            if own:
                seed(watch.fair.known, column, own, setting.score, setting.telling)
        watch.fair.grow(setting)

    def forget(self, watch: Watch, event: SealedEvent, policy: DriftPolicy) -> None:
        """Forget what was known of attributes that the policy has excluded since.

        What outcomes wait for keeps its groups and is not read; assessments that were told stay.

        Args:
            watch: The monitors.
            event: A prediction; of its domain and deployment are the exclusions.
            policy: The policy.
        """
        where = event.envelope["domain"], event.body["deployment"]["name"]
        columns = self._groups.forget(where, policy)
        if not columns:
            return
        watch.forget(columns)
        if self._assessment is not None:
            for column in columns:
                self._assessment.forget(self._groups.attributes[column])

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
            known, missing = int((codes >= 0).sum()), int((codes < 0).sum())
            if known or missing:
                kept.known(attribute, known)
                kept.missing(attribute, missing)
            for number in np.unique(codes[codes >= 0]).astype(int).tolist():
                own = codes == number
                token = self._groups.token(attribute, number)
                kept.group(attribute, number, token, int(own.sum()))
                if number:
                    hits, rows = int(decided[own].sum()), int(own.sum())
                    kept.rate(attribute, number, "selection_rate", hits, rows)
                    own_scores = scores[own & np.isfinite(scores)].tolist()
                    kept.values(attribute, number, "score_mean", own_scores)


def _check(found: Sequence[ProfiledGroup], policy: DriftPolicy) -> None:
    """Check that a profile's groups can be compared."""
    counts = Counter(each.attribute for each in found)
    for attribute, count in counts.items():
        if count > policy.fairness.most_groups:
            raise ProfileError(f"profile.groups {attribute}: more groups than are compared")
    if len(counts) > MOST_ATTRIBUTES:
        raise ProfileError(f"profile.groups: more than {MOST_ATTRIBUTES} attributes")
