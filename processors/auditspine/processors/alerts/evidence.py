"""What signals and changes speak for: rows of :data:`~.likelihoods.LIKELIHOODS`, in words. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from auditspine.processors.alerts.changes import Preceding
from auditspine.processors.alerts.likelihoods import Evidence
from auditspine.processors.alerts.signs import Sign, features_of, groups_of
from auditspine.processors.projection.fit import as_sentence

_LARGE = 2.0  # standard deviations
_UNITS = (("days", 86_400), ("hours", 3600), ("minutes", 60), ("seconds", 1))
_EXACT = 10  # below which a span has a decimal
_NAMED = 3  # that a sentence names


@dataclass(frozen=True, slots=True)
class Case:
    """All that an analysis rests on.

    Attributes:
        kind: Kind of the alert.
        signs: What was signalled.
        changes: What changed upstream before, the likeliest first.
        many: Features that are many when they move together.
        is_told: Whether the tenant tells of what is upstream.
        quiet: Other deployments where the same model serves and no monitor signalled.
    """

    kind: str
    signs: Sequence[Sign]
    changes: Sequence[Preceding]
    many: int
    is_told: bool
    quiet: int

    @property
    def inputs(self) -> tuple[str, ...]:
        """Features that themselves moved, the most first."""
        return features_of(each for each in self.signs if each.is_input)


def seen_in(case: Case) -> tuple[Evidence, ...]:
    """Give what was seen."""
    parts = (_inputs(case), _changes(case), _answers(case), _outcomes(case), _groups(case))
    return tuple(Evidence(name, as_sentence(sentence)) for part in parts for name, sentence in part)


def _inputs(case: Case) -> Iterator[tuple[str, str]]:
    broken = [each for each in case.signs if each.is_broken]
    absent = features_of(each for each in broken if each.kind in ("missing", "constant"))
    unknown = features_of(each for each in broken if each.kind in ("schema", "new_category"))
    jumped = features_of(
        each
        for each in case.signs
        if each.is_input and each.kind == "location" and abs(each.effect) >= _LARGE
    )
    if absent:
        yield "missing", f"{_words(absent)}: values are missing or stuck"
    if unknown:
        yield "unknown_values", f"{_words(unknown)}: values of another type or never seen before"
    if jumped:
        yield "large_jump", f"{_words(jumped)}: two training standard deviations off, or more"
    if len(case.inputs) >= case.many:
        yield "many_features", f"{len(case.inputs)} features moved together"
    elif len(case.inputs) == 1:
        yield "one_feature", f"{case.inputs[0]} moved and no other feature"
    if case.quiet:
        where = "another deployment" if case.quiet == 1 else f"{case.quiet} other deployments"
        yield "one_place", f"the same model is as before at {where}"


def _changes(case: Case) -> Iterator[tuple[str, str]]:
    rows = {
        **dict.fromkeys(("dataset", "source"), "data_changed"),
        **dict.fromkeys(("deployment", "configuration"), "release"),
        "feature": "feature_changed",
    }
    shortly = [each for each in case.changes if each.is_shortly]
    told: set[str] = set()
    for each in shortly:
        row = rows.get(each.relation, "")
        if row and each.is_near and row not in told:
            told.add(row)
            yield row, change_words(each)
    if not shortly and case.is_told:
        yield "no_change", "no change upstream is known shortly before"


def change_words(each: Preceding) -> str:
    """Say what changed, and how long before it most likely began to move."""
    artifact = each.change.artifact
    what = f"{each.change.event_type} of {artifact.kind} {artifact.name} {artifact.version}"
    seconds = round(abs(each.before) / 1_000_000)
    if not seconds:
        return f"{what}, at that moment"
    unit, length = next((each for each in _UNITS if seconds >= 2 * each[1]), _UNITS[-1])
    size = seconds / length
    span = f"{size:.0f}" if size >= _EXACT else f"{size:.1f}".removesuffix(".0")
    return f"{what}, {span} {unit} {'before' if each.before > 0 else 'after'}"


def _answers(case: Case) -> Iterator[tuple[str, str]]:
    kinds = {each.kind for each in case.signs} | {case.kind}
    scored = any(each.is_score for each in case.signs)
    decided = any(each.is_decision for each in case.signs)
    if case.inputs and (scored or decided):
        yield "score_follows", "scores or decisions moved with the features"
    elif scored:
        yield "score_alone", "scores moved and no feature did"
    elif decided:
        yield "decisions_alone", "decisions moved although neither features nor scores did"
    if "threshold" in kinds:
        yield "threshold", "the threshold of decisions changed"
    if "rule" in kinds:
        yield "rule", "predictions break a business rule"
    if "served" in kinds:
        yield "served", "what serves is not what may serve"
    if "traffic" in kinds:
        yield "silent", "the number of predictions is not as usual"


def _outcomes(case: Case) -> Iterator[tuple[str, str]]:
    kinds = {each.kind for each in case.signs} | {case.kind}
    if any(each.is_error for each in case.signs):
        if case.inputs:
            yield "error_and_inputs", "errors and features moved together"
        else:
            yield "error_alone", "errors or calibration moved and no feature did"
    if kinds & {"delay", "coverage"}:
        yield "late", "outcomes come later than usual, or not at all"
    if "outcome" in kinds:
        yield "odd_outcomes", "outcomes are such as cannot be"


def _groups(case: Case) -> Iterator[tuple[str, str]]:
    shares = [each for each in case.signs if each.is_share]
    proxies = [each for each in case.signs if each.kind == "proxy"]
    if shares:
        who = _words(groups_of(shares)) or "a group that is new"
        yield "shares", f"other people apply: {who}"
    if proxies:
        features = _words(features_of(proxies)) or "the score"
        yield "proxy", f"{features} tells more of {_words(groups_of(proxies))} than it did"
    if any(each.kind == "protected" for each in case.signs):
        yield "protected", "protected attributes are missing, or sent where they may not be"


def _words(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
