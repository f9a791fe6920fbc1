"""What groups of people are called on a page: by numbers, or as whoever knows their values says."""

from collections.abc import Iterable, Mapping

from auditspine.auditor.drift_report.material import Of, Sealed
from auditspine.schemas.tokens import kept_token

BOTH = " & "
"""Between two attributes, and their tokens, that are looked at together."""

Labels = Mapping[str, Mapping[str, str]]
"""Labels by attribute and token."""


class GroupNames:
    """Numbers and names of groups.

    Args:
        profile: The training profile's groups, whose numbers come first.
        assessments: ``bias.assessed``, which say the numbers of groups.
        labels: What a person calls them.
    """

    def __init__(
        self, profile: Iterable[Mapping[str, str]], assessments: Iterable[Sealed], labels: Labels
    ) -> None:
        self._numbers: dict[Of, int] = {}
        self._tokens: dict[tuple[str, int], str] = {}
        self._labels = labels
        counts: dict[str, int] = {}
        for each in profile:
            counts[each["attribute"]] = counts.get(each["attribute"], 0) + 1
            self._know(Of(each["attribute"], kept_token(each["token"])), counts[each["attribute"]])
        for event in assessments:
            for group in event.body["groups"]:
                self._know(Of(group["attribute"], group["token"]), int(group["number"]))

    def number(self, of: Of) -> int | None:
        """Give the number of a group; None when nothing says it."""
        return self._numbers.get(of)

    def name(self, attribute: str, number: int) -> str:
        """Give what a group is called, such as ``sex group 2 (women)``."""
        label = self.label(attribute, number)
        return f"{attribute} group {number}" + (f" ({label})" if label else "")

    def label(self, attribute: str, number: int) -> str:
        """Give what a person calls a group; empty when nobody said."""
        attributes = attribute.split(BOTH)
        tokens = self._tokens.get((attribute, number), "").split(BOTH)
        if len(attributes) != len(tokens):
            return ""
        found = [
            self._labels.get(name, {}).get(token, "")
            for name, token in zip(attributes, tokens, strict=True)
        ]
        return BOTH.join(found) if all(found) else ""

    def groups(self) -> list[tuple[str, int]]:
        """Give attribute and number of each that is known."""
        return sorted(self._tokens)

    def _know(self, of: Of, number: int) -> None:
        self._numbers[of] = number
        self._tokens[of.attribute, number] = of.token
