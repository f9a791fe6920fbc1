"""What a release decision looks like on a terminal."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from auditspine.cli.console import printable
from auditspine.schemas.models import DecisionMadeBody

_MARKS = {"passed": ("✓", "good"), "waived": ("~", "warn"), "failed": ("✗", "bad")}
_WORDS = {
    "allow": ("ALLOWED", "good"),
    "needs_review": ("NEEDS REVIEW", "warn"),
    "deny": ("DENIED", "bad"),
}


def show_decision(decision: DecisionMadeBody, *, all_rules: bool = True) -> RenderableType:
    """Give a decision: the outcome, each rule with its reason, and what it rests on.

    Args:
        decision: The decision.
        all_rules: Whether rules that passed are shown as well.
    """
    word, style = _WORDS[decision.outcome]
    model = f"{decision.model.name} {decision.model.version}"
    head = Text.assemble(
        (word, style),
        "  ",
        printable(f"{model} for {decision.environment}"),
        (f"  {decision.decision_id}", "dim"),
    )
    rules = Table.grid(padding=(0, 2))
    rules.add_column(no_wrap=True)
    rules.add_column(no_wrap=True)
    rules.add_column(overflow="fold")
    for each in sorted(decision.rules, key=lambda rule: rule.result in ("passed", "waived")):
        if all_rules or each.result != "passed":
            mark, colour = _MARKS.get(each.result, ("!", "bad"))
            reason = "" if each.result == "passed" else printable(each.reason)
            rules.add_row(Text(mark, colour), Text(printable(each.rule)), Text(reason))
    return Group(head, rules, _rests(decision))


def _rests(decision: DecisionMadeBody) -> Text:
    policy = "no policy" if decision.policy is None else f"policy {decision.policy.hex()[:12]}"
    where = ", ".join(decision.jurisdictions)
    judged = f"class {decision.risk_class}{f' in {where}' if where else ''}"
    parts = [policy, judged, f"{len(decision.positions)} logs read"]
    if decision.exceptions:
        parts.append(f"exceptions {', '.join(decision.exceptions)}")
    if decision.valid_until is not None:
        parts.append(f"valid until {decision.valid_until:%Y-%m-%d %H:%M} UTC")
    return Text(printable("  rests on " + "; ".join(parts)), style="dim")
