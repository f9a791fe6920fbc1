"""What alerts and monitors look like in a terminal."""

import json
from datetime import timedelta

import pytest
from rich.console import Console
from tests.unit.cli.alert_examples import NOW, PLACE, alert, report, serving, signal, story

from auditspine.auditor.alert_rows import Happening, Said, short_ids
from auditspine.cli.alert_screen import steps_lines, story_screen
from auditspine.cli.alert_steps import next_steps
from auditspine.cli.alert_table import alerts_table
from auditspine.cli.console import _THEME
from auditspine.cli.drift_screen import watched, watched_screen, watched_value
from auditspine.schemas.examples import example

WIDTHS = pytest.mark.parametrize("width", [80, 120])


def shown(content, width: int = 120) -> str:
    console = Console(width=width, force_terminal=False, theme=_THEME)
    with console.capture() as capture:
        console.print(content)
    text = capture.get()
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    return text


def commands(of, held) -> list[str]:
    return [step.command for step in next_steps(of, held, "acme")]


@WIDTHS
def test_the_table_has_every_column_at_every_width(width) -> None:
    rows = [alert(), alert(alert_id="alert-9dbd59093bd8dc11", silenced_until=NOW + timedelta(1))]
    text = shown(alerts_table(rows, width, NOW), width)
    for word in ("424a5d1d", "9dbd5909", "review", "open", "mortgage-risk-eu", "mortgage-risk 3"):
        assert word in text
    for word in ("income: location", "20 min", "+0.90 sd", "silenced", "3"):
        assert word in text


def test_short_ids_are_as_long_as_they_must_be_to_differ() -> None:
    rows = [alert(alert_id=f"alert-aaaaaaaaa{end}") for end in "bc"]
    assert list(short_ids(rows).values()) == ["aaaaaaaaab", "aaaaaaaaac"]
    assert list(short_ids([alert()]).values()) == ["424a5d1d"]


@WIDTHS
def test_one_screen_says_what_moved_how_sure_and_what_was_done(width) -> None:
    text = " ".join(shown(story_screen(story(held=serving()), NOW), width).split())
    for word in (
        "REVIEW open alert-424a5d1d5e68d7fa",
        "income: location, +0.90 sd",
        "20 min ago; 3 signals",
        "by chance once in so many predictions, here in 15 weeks",
        "15 monitors of this model",
        "income.location +0.00 sd +0.90 sd +0.90 sd 50 02:40:00 1",
        "told the owner, opened an investigation, because monitors signalled it",
        "fallback, releases frozen since",
        "inv-424a5d1d5e68d7fa, open: the model is not promoted",
        "on-call delivered at attempt 2 02:40:02",
        "entries 1,500 to 1,749 of local/cluster/topic/3",
    ):
        assert word in text


def test_a_monitor_that_signalled_often_is_one_row_with_its_latest_signal() -> None:
    signals = [signal(), signal(effect_size=1.5), signal("income.scale", kind="scale")]
    lines = shown(story_screen(story(signals=signals), NOW)).splitlines()
    [row] = [line for line in lines if "income.location" in line and "sd" in line]
    assert row.split()[-1] == "2"
    assert "+1.50 sd" in row


def test_a_long_history_shows_its_beginning_and_its_end() -> None:
    happened = [Happening(NOW, "signalled", "", f"number {n}.", str(n)) for n in range(30)]
    text = shown(story_screen(story(history=happened), NOW))
    assert "number 1." in text
    assert "number 2." not in text
    assert "18 more" in text
    assert "number 20." in text
    assert "number 29." in text


def test_what_has_not_landed_is_said_to_be_missing() -> None:
    text = shown(story_screen(story(signals=[], raised=[], told=[], history=[]), NOW))
    assert "the signals have not landed in ClickHouse yet" in text
    assert "what was done has not landed in ClickHouse yet" in text
    assert "nobody" in text


def test_a_counted_signal_speaks_of_no_chance() -> None:
    served = signal("profile", kind="profile", false_alarms_per_week=0.0, effect_size=1.0)
    text = shown(story_screen(story(alert(kind="profile", features=[]), signals=[served]), NOW))
    assert "no chance is involved" in text


def test_what_others_wrote_moves_no_cursor() -> None:
    evil = alert(title="a\x1b[2Jb", deployment="d\x1b[1m", features=["f\x1b]0;x\x07"])
    for content in (story_screen(story(evil), NOW), alerts_table([evil], 120, NOW)):
        assert "\x1b[2J" not in shown(content)
        assert "\x07" not in shown(content)


def test_an_open_alert_can_be_taken_on_silenced_escalated_and_closed() -> None:
    said = "\n".join(commands(alert(), None))
    for word in (
        "acknowledge alert-424a5d1d5e68d7fa",
        "--to stop_the_line",
        "silence",
        "drift show",
    ):
        assert word in said
    assert "disposition alert-424a5d1d5e68d7fa" in said
    assert "--resume" not in said


def test_a_model_out_of_service_can_be_brought_back_after_its_alert_is_over() -> None:
    over = alert(state="resolved", investigating=False)
    [command] = commands(over, serving())
    assert command.endswith("--resume --tenant acme")
    assert commands(over, serving(alert_id="alert-of-another")) == []
    assert "Nothing is left to be done." in next(steps_lines(story(over), "acme")).plain


def test_an_acknowledged_caution_is_not_taken_on_again_and_opens_no_disposition() -> None:
    of = alert(tier="caution", state="acknowledged", investigation_id="", investigating=False)
    said = "\n".join(commands(of, None))
    assert "acknowledge" not in said
    assert "--to review" in said
    assert "disposition" not in said


def test_a_command_with_an_odd_name_is_still_one_argument() -> None:
    said = "\n".join(commands(alert(deployment="a; rm -rf /"), None))
    assert "drift show 'a; rm -rf /'" in said


@WIDTHS
def test_monitors_are_shown_nearest_first_and_quiet_ones_in_one_line(width) -> None:
    reports = [
        report({"a.location": 1e-4, "b.location": 1e-4, "c.location": 1e-4}),
        report({"a.location": 1e-4, "b.location": 0.2, "c.location": 1.0}),
    ]
    seen = watched(PLACE, reports, [alert()], serving())
    text = shown(watched_screen(seen, NOW, width), width)
    assert text.index("c.location") < text.index("b.location") < text.index("1 others are quiet")
    assert "SIGNAL" in text
    assert "77%" in text
    assert "▁█" in text
    assert "fallback, releases frozen" in text
    assert "424a5d1d" in text
    assert "the training profile" in text
    everything = shown(watched_screen(seen, NOW, width, every=True), width)
    assert "quiet" not in everything
    assert "a.location" in everything


def test_a_monitor_that_was_near_a_while_ago_is_not_quiet() -> None:
    seen = watched(PLACE, [report({"a": 1.0}), report({"a": 1e-5})], [], None)
    assert not seen.monitors[0].is_quiet
    assert "live" in shown(watched_screen(seen, NOW, 120))


def test_a_monitor_of_an_open_alert_comes_first_however_near_it_is_now() -> None:
    reports = [report({"a.location": 1e-6, "b.location": 0.2})]
    seen = watched(PLACE, reports, [alert()], None, {"a.location"})
    text = shown(watched_screen(seen, NOW, 120))
    assert text.index("a.location") < text.index("IN ALERT") < text.index("b.location")
    assert [each["in_alert"] for each in watched_value(seen)["monitors"]] == [True, False]


def test_monitors_that_were_added_later_have_a_shorter_past() -> None:
    reports = [report({"b": 0.5}), report({"a": 0.1, "b": 1e-6})]
    value = watched_value(watched(PLACE, reports, [], None))
    assert {each["monitor"]: len(each["past"]) for each in value["monitors"]} == {"a": 1, "b": 2}


def test_a_place_without_monitors_says_why() -> None:
    seen = watched(PLACE, [report({}, profiled=False)], [], None)
    assert "no monitors yet" in shown(watched_screen(seen, NOW, 80), 80)


def test_the_newest_reports_of_two_logs_make_up_the_monitors_of_a_place() -> None:
    inference = [
        report({"a": level}, origin="i", at=NOW - timedelta(hours=each))
        for each, level in ((3, 1e-5), (1, 1e-3))
    ]
    outcomes = [
        report({"error": 0.5}, origin="o", predictions=300, kinds=["error"], run_length=1e4)
    ]
    value = watched_value(watched(PLACE, [*inference, *outcomes], [], None))
    found = {each["monitor"]: each["level"] for each in value["monitors"]}
    assert found == {"a": 1e-3, "error": 0.5}
    assert value["predictions"] == 1500
    assert [len(each["past"]) for each in value["monitors"]] == [1, 2]


@WIDTHS
def test_what_may_be_behind_it_is_told_with_what_came_before(width) -> None:
    analysed = Said("a", NOW, json.loads(example("investigation.analysed"))["body"])
    text = " ".join(shown(story_screen(story(analysed=analysed), NOW), width).split())
    for words in (
        "What may be behind it",
        "began 11-25 13:40:02 to 11-25 13:42:50 UTC, most likely 13:41:07",
        "upstream feature.defined of feature debt_to_income 4, 3.1 minutes before",
        "likeliest 82% pipeline_break",
        "debt_to_income was defined anew 3 minutes before it moved",
        "10% data_quality",
        "by judgement, not measurement",
    ):
        assert words in text
    assert "What may be behind it" not in shown(story_screen(story(), NOW), width)
