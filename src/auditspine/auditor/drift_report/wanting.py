"""Why a part of a drift report is empty, and what to know before reading it. Pure."""

from collections.abc import Mapping, Sequence

from auditspine.auditor.drift_report.fair_content import Assessment
from auditspine.auditor.drift_report.material import ALL, Material
from auditspine.auditor.drift_report.monitors import Arranged


def what_is_missing(
    material: Material, arranged: Arranged, fairness: Sequence[Assessment]
) -> Mapping[str, str]:
    """Say for each section that is empty why it is.

    Args:
        material: What was read.
        arranged: The monitors.
        fairness: The latest assessments.

    Returns:
        One or two sentences, by the section: alerts, monitors, predictions, reference, groups,
        fairness, outcomes.
    """
    found = {}
    where = f"at {material.place.deployment}" if material.place.deployment else "anywhere"
    if not material.alerts:
        found["alerts"] = "No alert was raised in the period, and none is open."
    if not material.reports:
        found["monitors"] = (
            "No monitor reported in the period. The first report comes after 400 predictions, "
            "while the drift processor runs: `auditspine status`."
        )
    if not material.current.rows.get(ALL):
        found["predictions"] = (
            f"No prediction of this model {where} has landed: there is nothing to compare. "
            "What waits to be sealed or to land is in `auditspine status`."
        )
    if material.profile is None:
        found["reference"] = (
            "No run.completed says what this model's inputs looked like in training, so there is "
            "no reference to draw. Monitors, if any, learned theirs from the first predictions."
        )
    if not material.attributes:
        found["groups"] = (
            "No protected attribute was read: predictions carry none, or the policy excludes "
            "all that they carry."
        )
    if not fairness and not arranged.groups:
        found["fairness"] = _no_fairness(material)
    has_outcomes = arranged.outcomes or any(each.basis == "outcomes" for each in fairness)
    if not has_outcomes:
        found["outcomes"] = (
            "No outcome of this model's predictions was compared in the period: none was observed, "
            "or too few for a report. Error, calibration and delay are not known."
        )
    return found


def remarks(material: Material, fairness: Sequence[Assessment]) -> tuple[str, ...]:
    """Say what to know before reading.

    Args:
        material: What was read.
        fairness: The latest assessments.
    """
    said = []
    if material.others:
        named = ", ".join(material.others[:5])
        said.append(
            f"Other versions were watched there, and are not in this report: {named}. Name one "
            f"as {material.place.model}@VERSION."
        )
    if material.more_alerts:
        said.append(f"{material.more_alerts} more alerts of the period are left out.")
    rows = material.current.rows.get(ALL, 0)
    if 0 < rows < material.most_rows:
        said.append(
            f"Only {rows:,} predictions are there to compare, of {material.most_rows:,} asked for."
        )
    if fairness and not any(each.attributes for each in fairness):
        said.append("The assessments name exclusions only: no attribute was processed.")
    return tuple(said)


def _no_fairness(material: Material) -> str:
    if material.attributes:
        return (
            "Predictions carry protected attributes, and no period of assessment is over yet: "
            "a bias.assessed comes when one ends (assess_minutes of the drift policy)."
        )
    return (
        "Predictions carry no protected attribute that the policy lets be processed, so nothing "
        "can be said about groups of people. Absence of figures is no sign of fairness."
    )
