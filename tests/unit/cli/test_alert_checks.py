"""What cannot be said about an alert."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.cli.alert_examples import NOW, alert, serving

from auditspine.cli.alert_checks import check_higher, investigation_of, silence_span
from auditspine.cli.errors import CliError
from auditspine.cli.options import parse_span
from auditspine.processors.drift.policy_parts import Tier


def test_a_tier_that_is_not_higher_is_refused_with_those_that_are() -> None:
    with pytest.raises(CliError, match="of tier review: expected stop_the_line, got review"):
        check_higher(alert(), Tier.REVIEW)
    with pytest.raises(CliError, match="the highest there is"):
        check_higher(alert(tier="stop_the_line"), Tier.CAUTION)
    check_higher(alert(tier="informational"), Tier.CAUTION)


def test_the_investigation_of_an_alert_is_what_a_disposition_ends() -> None:
    assert investigation_of(alert(), None) == "inv-424a5d1d5e68d7fa"


def test_an_alert_without_an_investigation_says_how_it_ends() -> None:
    with pytest.raises(CliError, match="no investigation: it is over by itself"):
        investigation_of(alert(investigation_id="", tier="caution"), None)
    with pytest.raises(CliError, match="no investigation"):
        investigation_of(alert(investigation_id=""), serving(alert_id="alert-of-another"))


def test_what_holds_a_model_back_can_be_ended_although_it_has_no_investigation() -> None:
    assert investigation_of(alert(investigation_id=""), serving()) == "inv-424a5d1d5e68d7fa"


def test_an_alert_that_is_over_can_be_ended_only_while_the_model_is_held_back() -> None:
    over = alert(state="resolved", resolved_at=NOW)
    with pytest.raises(CliError, match="over since 2026-11-26 03:00:00 UTC, and holds nothing"):
        investigation_of(over, serving(state="live", releases_frozen=False, alert_id=""))
    assert investigation_of(over, serving()) == over.investigation_id


@pytest.mark.parametrize(
    ("text", "span"),
    [("30m", timedelta(minutes=30)), ("2h", timedelta(hours=2)), ("1 d", timedelta(days=1))],
)
def test_a_silence_is_as_long_as_it_is_said_to_be(text, span) -> None:
    assert silence_span(text, None, None, NOW) == (NOW, NOW + span)


def test_a_silence_may_begin_later() -> None:
    starts, ends = silence_span("2h", None, "2026-12-01T22:00Z", NOW)
    assert starts == datetime(2026, 12, 1, 22, tzinfo=UTC)
    assert ends - starts == timedelta(hours=2)


@pytest.mark.parametrize(
    ("span", "until", "since", "words"),
    [
        (None, None, None, "give --for or --until"),
        ("1h", "2026-12-01", None, "give --for or --until"),
        (None, "2026-11-26T02:59Z", None, "over already: until 2026-11-26 02:59 UTC"),
        (None, "2026-12-01", "2026-12-02", "ends before it begins: from 2026-12-02 00:00 UTC"),
        ("1h", None, "2026-11-25", "over already"),
        ("2x", None, None, "expected a span such as 30m, 2h or 1d, got 2x"),
        ("0h", None, None, "more than nothing"),
        ("367d", None, None, "at most 366d"),
        ("-2h", None, None, "expected a span"),
        (None, "tomorrow", None, "--until: expected a time"),
    ],
)
def test_a_silence_that_cannot_be_is_refused(span, until, since, words) -> None:
    with pytest.raises(CliError, match=words):
        silence_span(span, until, since, NOW)


def test_a_span_has_no_more_digits_than_a_year_needs() -> None:
    with pytest.raises(CliError):
        parse_span("--for", "9" * 30 + "d")
