"""What monitors of groups are called: by an attribute and numbers, never by a value. Pure.

A group is called by its number within its attribute, as in ``bias.assessed``: what a number stands
for is known only to whoever holds the key of the tokens.
"""

import re
from dataclasses import dataclass

BOTH = " & "
"""Between two attributes, and their tokens, that are looked at together."""

_MEASURES = (
    *("share", "selection_rate", "score", "true_positive_rate", "false_positive_rate"),
    *("calibration", "delay", "coverage"),
)
"""What monitors of groups are of; a feature's monitor has none of these names."""

_OF_GROUPS = re.compile(
    rf"(?P<attribute>.+)\.(?P<first>\d+)(?:-(?P<second>\d+))?\.(?P<what>{'|'.join(_MEASURES)})"
)
_OF_PROXY = re.compile(r"(?P<what>.+)~(?P<attribute>.+)\.(?P<first>\d+)")


@dataclass(frozen=True, slots=True)
class Named:
    """What a monitor's name says.

    Attributes:
        attribute: The protected attribute, or two of them.
        groups: Numbers of one group or two; of a proxy, the group against all others.
        what: Measure, or for a proxy what has become predictive.
        is_proxy: Whether it is one.
    """

    attribute: str
    groups: tuple[int, ...]
    what: str
    is_proxy: bool = False


def of_group(attribute: str, number: int, what: str) -> str:
    """Name the monitor of a measure of one group, such as ``sex.2.selection_rate``."""
    return f"{attribute}.{number}.{what}"


def of_pair(attribute: str, first: int, second: int, what: str) -> str:
    """Name the monitor of a gap between two groups, such as ``sex.1-2.selection_rate``."""
    return f"{attribute}.{first}-{second}.{what}"


def of_proxy(given: str, attribute: str, number: int) -> str:
    """Name the monitor of how much an input tells of a group, such as ``income~sex.2``."""
    return f"{given}~{attribute}.{number}"


def read(monitor: str) -> Named | None:
    """Read a monitor's name; None where it is of no group."""
    proxy = _OF_PROXY.fullmatch(monitor)
    if proxy is not None:
        return Named(proxy["attribute"], (int(proxy["first"]),), proxy["what"], is_proxy=True)
    found = _OF_GROUPS.fullmatch(monitor)
    if found is None:
        return None
    second = () if found["second"] is None else (int(found["second"]),)
    return Named(found["attribute"], (int(found["first"]), *second), found["what"])
