"""What an alarm means, in one sentence for people; no group is called by its value. Pure."""

from auditspine.processors.drift.naming import Named, read
from auditspine.processors.drift.watch import Alarm

_OF_A_GROUP = {
    "selection_rate": "decides in favour of {who}",
    "true_positive_rate": "decides in favour of {who} where the outcome is good",
    "false_positive_rate": "decides in favour of {who} where the outcome is not good",
    "coverage": "has outcomes of {who} when they are due",
}
_GAPS = {
    "selection_rate": "decisions in favour of {who}",
    "true_positive_rate": "decisions in favour of {who} where outcomes are good",
    "false_positive_rate": "decisions in favour of {who} where outcomes are not good",
}
_SHARES = {
    "shape": "near its middle",
    "constant": "different from its usual value",
    "new_category": "in a category that training did not know",
    "other": "in a rare category",
    "missing": "missing",
    "schema": "absent or of another type",
}


def sentence(alarm: Alarm) -> str:
    """Say what moved, and how far."""
    monitor, named = alarm.monitor, read(alarm.monitor.name)
    if named is not None and monitor.kind in ("proxy", "fairness", "group", "coverage"):
        return _of_people(alarm, named)
    if monitor.kind == "calibration":
        return _calibration(alarm, named)
    if monitor.kind == "delay":
        whose = "" if named is None else f" of {_who(named)}"
        way = "longer" if alarm.effect > 0 else "shorter"
        return f"Outcomes{whose} take {way} than they did: {1 + alarm.effect:.2f} times as long"
    if monitor.name == "coverage":
        mean, found = alarm.expected[0], alarm.found[0]
        return f"{found:.1%} of the outcomes that are due are there, instead of {mean:.1%}"
    return _of_an_input(alarm)


def of_attribute(what: str, attribute: str) -> str:
    """Say what is remarkable of a protected attribute.

    Args:
        what: ``excluded``, ``new``, ``not_a_token`` or ``too_many``.
        attribute: Its name; empty for all together.
    """
    if what == "excluded":
        return f"The protected attribute {attribute} is excluded by the policy, and came"
    if what == "not_a_token":
        return f"The protected attribute {attribute} came with what is no token: is it in clear?"
    if what == "new":
        return f"The protected attribute {attribute} has a group that was not there before"
    if not attribute:
        return "There are more protected attributes than are looked at; the first are"
    return f"The protected attribute {attribute} has more groups than are compared; the first are"


def _of_an_input(alarm: Alarm) -> str:
    monitor, effect = alarm.monitor, alarm.effect
    subject = monitor.name.rpartition(".")[0] or monitor.name
    mean, found = alarm.expected[0], alarm.found[0]
    way = "higher" if effect > 0 else "lower"
    if monitor.name.endswith(".location"):
        return f"{subject} lies {abs(effect):.2f} training standard deviations {way} than expected"
    if monitor.name.endswith(".scale"):
        return f"{subject} scatters {1 + effect:.2f} times as much as expected"
    what = _SHARES.get(monitor.name.rpartition(".")[2])
    if what is None:
        return f"{monitor.name}: {found:.1%} instead of {mean:.1%}"
    return f"{subject} is {what} in {found:.1%} of the rows instead of {mean:.1%}"


def _of_people(alarm: Alarm, named: Named) -> str:
    mean, found, who = alarm.expected[0], alarm.found[0], _who(named)
    if named.is_proxy:
        more = "more" if abs(found) > abs(mean) else "less"
        return (
            f"{named.what} tells {more} of {who} than it did: {found:+.2f} instead of {mean:+.2f}"
        )
    if alarm.monitor.kind == "fairness":
        if named.what == "score":
            return (
                f"The scores of {who} lie {found:+.2f} training standard deviations apart, "
                f"instead of {mean:+.2f}"
            )
        what = _GAPS[named.what].format(who=who)
        return f"The shares of {what} lie {found:+.1%} apart, instead of {mean:+.1%}"
    if named.what == "share":
        return f"{who} is {found:.1%} of the rows instead of {mean:.1%}"
    if named.what == "score":
        way = "higher" if alarm.effect > 0 else "lower"
        return (
            f"The score of {who} lies {abs(alarm.effect):.2f} standard deviations {way} than before"
        )
    what = _OF_A_GROUP[named.what].format(who=who)
    return f"The model {what} in {found:.1%} of the cases instead of {mean:.1%}"


def _calibration(alarm: Alarm, named: Named | None) -> str:
    whose = "" if named is None else f" of {_who(named)}"
    way = "more" if alarm.effect > 0 else "less"
    return (
        f"What the score{whose} is the probability of comes {way} often than it says, "
        f"by {abs(alarm.effect):.1%}"
    )


def _who(named: Named) -> str:
    numbers = " and ".join(map(str, named.groups))
    return f"{named.attribute} {'groups' if len(named.groups) > 1 else 'group'} {numbers}"
