"""How likely each cause is, by what was seen: naive Bayes over a small table. Pure.

The numbers are judgement, not measurement: nobody has counted causes of drift by what was seen. Of
each thing that may be seen they say how likely one sees it when a cause is behind an alert. They
are taken for independent, which they are not, so that the result is surer than it should be: no
number is below 0.02, and what is about the same thing is one row. docs/alerts.md has the table.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

CLASSES = (
    *("data_quality", "pipeline_break", "population_shift"),
    *("label_delay", "degradation", "policy_drift"),
)
"""What may be behind an alert; symbols of ``auditspine.events.Disposition``."""

PRIORS = MappingProxyType(dict(zip(CLASSES, (0.25, 0.25, 0.2, 0.1, 0.1, 0.1), strict=True)))
"""How likely each is before anything is seen."""

# The columns are in the order of CLASSES.
_ROWS = {
    # what is not there, or does not change
    "missing": (0.60, 0.30, 0.03, 0.02, 0.02, 0.02),
    # values of another type, or that were never seen
    "unknown_values": (0.35, 0.40, 0.15, 0.02, 0.02, 0.05),
    # a feature lies two standard deviations off: a unit, a factor
    "large_jump": (0.40, 0.50, 0.10, 0.02, 0.02, 0.02),
    "one_feature": (0.50, 0.50, 0.15, 0.05, 0.10, 0.05),
    "many_features": (0.10, 0.25, 0.60, 0.05, 0.10, 0.05),
    # the same model is as before at other deployments
    "one_place": (0.50, 0.50, 0.20, 0.20, 0.15, 0.50),
    # a change upstream shortly before
    "feature_changed": (0.05, 0.60, 0.03, 0.02, 0.02, 0.10),
    "data_changed": (0.25, 0.40, 0.15, 0.05, 0.05, 0.05),
    "release": (0.05, 0.40, 0.05, 0.05, 0.20, 0.40),
    "no_change": (0.50, 0.20, 0.75, 0.60, 0.60, 0.50),
    # what the model makes of it
    "score_follows": (0.40, 0.40, 0.50, 0.05, 0.20, 0.05),
    "score_alone": (0.05, 0.25, 0.05, 0.02, 0.10, 0.10),
    "decisions_alone": (0.05, 0.10, 0.05, 0.02, 0.05, 0.70),
    "threshold": (0.02, 0.10, 0.02, 0.02, 0.02, 0.80),
    "rule": (0.15, 0.10, 0.05, 0.02, 0.05, 0.60),
    "served": (0.02, 0.10, 0.02, 0.02, 0.02, 0.90),
    "silent": (0.10, 0.60, 0.05, 0.02, 0.02, 0.10),
    # what became of it
    "error_alone": (0.05, 0.10, 0.05, 0.20, 0.70, 0.05),
    "error_and_inputs": (0.30, 0.40, 0.40, 0.05, 0.30, 0.05),
    "late": (0.10, 0.10, 0.05, 0.80, 0.05, 0.03),
    "odd_outcomes": (0.40, 0.30, 0.03, 0.40, 0.05, 0.05),
    # groups of people
    "shares": (0.10, 0.10, 0.60, 0.02, 0.02, 0.05),
    "proxy": (0.15, 0.20, 0.30, 0.02, 0.10, 0.10),
    "protected": (0.50, 0.35, 0.05, 0.02, 0.02, 0.20),
}
LIKELIHOODS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {name: dict(zip(CLASSES, row, strict=True)) for name, row in _ROWS.items()}
)
"""How likely each thing is seen, by what is behind it."""

_SPEAKS = 1.5  # times as likely as on average, at which something speaks for or against a class
_MOST_SENTENCES = 6  # of a class
_PARTS = 10_000  # that a probability is told in; the likeliest has the rest


class Evidence(NamedTuple):
    """Something that was seen.

    Attributes:
        name: A row of :data:`LIKELIHOODS`.
        sentence: What was seen, in words.
    """

    name: str
    sentence: str


class Class(NamedTuple):
    """What may be behind an alert.

    Attributes:
        disposition: One of :data:`CLASSES`.
        probability: How likely, 0 to 1.
        evidence: What speaks for it or against it, the strongest first.
    """

    disposition: str
    probability: float
    evidence: tuple[str, ...]


def classes(seen: Iterable[Evidence]) -> tuple[Class, ...]:
    """Give all classes by what was seen, the likeliest first; they add up to 1.

    Source: naive Bayes with the priors and likelihoods of this module.
    """
    evidence = tuple(sorted(seen))
    weights = dict(PRIORS)
    for each in evidence:
        weights = {name: weight * LIKELIHOODS[each.name][name] for name, weight in weights.items()}
        total = sum(weights.values())
        weights = {name: weight / total for name, weight in weights.items()}
    parts = {name: int(weight * _PARTS) for name, weight in weights.items()}
    ordered = sorted(parts, key=lambda name: (-parts[name], CLASSES.index(name)))
    parts[ordered[0]] += _PARTS - sum(parts.values())
    return tuple(Class(name, parts[name] / _PARTS, _sentences(name, evidence)) for name in ordered)


def _sentences(disposition: str, evidence: Iterable[Evidence]) -> tuple[str, ...]:
    """Say what speaks for a class or against it, by how much likelier it is seen with it."""
    found: list[tuple[float, str]] = []
    for each in evidence:
        row = LIKELIHOODS[each.name]
        others = [value for name, value in row.items() if name != disposition]
        ratio = row[disposition] / (sum(others) / len(others))
        if ratio >= _SPEAKS:
            found.append((-ratio, each.sentence))
        elif ratio <= 1 / _SPEAKS:
            found.append((-1 / ratio, f"Against it: {each.sentence}"))
    return tuple(sentence for _, sentence in sorted(found)[:_MOST_SENTENCES])
