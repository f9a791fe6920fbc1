"""Edits the tiers of a drift policy's text, so that comments stay. Pure.

A row cannot say for which kind or risk class it does not hold, and the highest tier among matching
rows counts. So a row that must ask for more of one of them is split: it keeps the others, and rows
with a larger effect follow it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from auditspine.cli.errors import CliError
from auditspine.processors.drift.policy import DriftPolicy
from auditspine.processors.drift.policy_parts import TierRow

_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*tiers[ \t]*\]\]", re.MULTILINE)
_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)
_COMMENTS = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*\Z")
_ARRAY = re.compile(r"""\[(?:[^\]"'#]|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|\#[^\n]*)*\]""")

Effects = Mapping[tuple[str, str], float]
"""Least effects from now on, by risk class and kind."""


def with_effects(text: str, policy: DriftPolicy, changed: Mapping[int, Effects]) -> str:
    """Give a policy's text with larger effects for some kinds of some rows.

    Args:
        text: The text.
        policy: What it says.
        changed: Effects by the number of a row of ``policy.tiers``, from 0.

    Raises:
        CliError: The rows are not written as ``[[tiers]]`` each.
    """
    starts = [each.start() for each in _HEADER.finditer(text)]
    if len(starts) != len(policy.tiers):
        raise CliError(
            f"the policy's text cannot be edited: expected {len(policy.tiers)} times [[tiers]], "
            f"got {len(starts)}"
        )
    for number in sorted(changed, reverse=True):
        start, end = _block(text, starts[number])
        rows = list(_split(policy, policy.tiers[number], changed[number]))
        block = _edited(text[start:end], policy.tiers[number], rows[0])
        more = "".join(f"\n\n{_written(each)}" for each in rows[1:])
        text = f"{text[:start]}{block}{more}{text[end:]}"
    return text


def with_budget(text: str, budget: float) -> str:
    """Give a policy's text with another budget of false alarms a week; it must name one.

    Raises:
        CliError: It names none.
    """
    pattern = re.compile(r"^([ \t]*false_alarms_per_week[ \t]*=[ \t]*)[^\s#]+", re.MULTILINE)
    new, count = pattern.subn(rf"\g<1>{budget!r}", text)
    if count != 1:
        raise CliError(
            f"the policy's text cannot be edited: expected false_alarms_per_week once, got {count}"
        )
    return new


def _block(text: str, start: int) -> tuple[int, int]:
    """Give where a row begins and its last line ends; comments that follow are the next one's."""
    header = text.index("\n", start) + 1 if "\n" in text[start:] else len(text)
    following = _TABLE.search(text, header)
    block = text[start : following.start() if following else len(text)]
    comments = _COMMENTS.search(block)
    return start, start + (comments.start() if comments else len(block))


def _split(policy: DriftPolicy, row: TierRow, effects: Effects) -> Iterator[TierRow]:
    """Give the rows that take a row's place: what stays as it is first."""
    classes = tuple(each.name for each in policy.risk) if "*" in row.risk else row.risk
    found: dict[tuple[float, tuple[str, ...]], list[str]] = {}
    for risk in classes:
        by_effect = sorted(
            (effects.get((risk, kind), row.effect), place, kind)
            for place, kind in enumerate(row.kinds)
        )
        for effect, each in groupby(by_effect, key=lambda one: one[0]):
            found.setdefault((effect, tuple(kind for _, _, kind in each)), []).append(risk)
    for (effect, kinds), risks in sorted(found.items()):
        whole = ("*",) if "*" in row.risk and len(risks) == len(classes) else tuple(risks)
        yield row.model_copy(update={"risk": whole, "kinds": kinds, "effect": effect})


def _edited(block: str, before: TierRow, after: TierRow) -> str:
    """Give a row's text with what is different in it."""
    for name in ("risk", "kinds"):
        if getattr(before, name) != getattr(after, name):
            block = _with(block, name, _listed(getattr(after, name)), _ARRAY.pattern)
    if before.effect != after.effect:
        block = _with(block, "effect", repr(after.effect), r"[^\s#]+")
    return block


def _with(block: str, name: str, value: str, pattern: str) -> str:
    found = re.search(rf"^([ \t]*{name}[ \t]*=[ \t]*){pattern}", block, re.MULTILINE)
    if found is not None:
        return f"{block[: found.start()]}{found[1]}{value}{block[found.end() :]}"
    place = re.search(r"^[ \t]*tier[ \t]*=", block, re.MULTILINE)
    if place is None:
        raise CliError(f"the policy's text cannot be edited: expected {name} or tier in a row")
    return f"{block[: place.start()]}{name} = {value}\n{block[place.start() :]}"


def _written(row: TierRow) -> str:
    lines = ["[[tiers]]", f"risk = {_listed(row.risk)}", f"kinds = {_listed(row.kinds)}"]
    if row.effect:
        lines.append(f"effect = {row.effect!r}")
    if row.minutes:
        lines.append(f"minutes = {row.minutes}")
    if row.features != ("*",):
        lines.append(f"features = {_listed(row.features)}")
    return "\n".join([*lines, f'tier = "{row.tier}"'])


def _listed(words: Sequence[str]) -> str:
    escaped = (each.replace("\\", "\\\\").replace('"', '\\"') for each in words)
    return "[" + ", ".join(f'"{each}"' for each in escaped) + "]"
