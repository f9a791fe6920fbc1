"""What a drift report says of synthetic material."""

import json
import math
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.auditor.drift_report_story import (
    CHANGED,
    DIGEST,
    LEAVES,
    NASTY,
    NOW,
    ORIGIN,
    POLICY,
    TOKENS,
    bare,
    event,
    lognormal,
    material,
    normal,
)

from auditspine.auditor.drift_report.build import build, with_leaves
from auditspine.auditor.drift_report.content import Distribution, as_value
from auditspine.auditor.drift_report.monitors import arrange, feature_of, read_monitors
from auditspine.auditor.drift_report.statistics import (
    PLACES,
    at_places,
    compare,
    differing_shares,
    histogram,
    largest_difference,
    mean_shift,
)
from auditspine.processors.drift.naming import of_group, of_pair, of_proxy


def of_numbers(quantiles, rows: int = 2000, missing: float = 0.0) -> Distribution:
    return Distribution(rows, missing, tuple(quantiles))


@pytest.mark.parametrize(("sd", "expected"), [(0.25, 0.0995), (0.5, 0.1974), (1.0, 0.3829)])
def test_the_largest_difference_is_that_of_two_normal_distributions(sd, expected) -> None:
    found = largest_difference(normal(0, 1), normal(sd, 1))
    assert found == pytest.approx(expected, abs=0.002)
    assert mean_shift(normal(0, 1), normal(sd, 1)) == pytest.approx(sd, abs=0.005)


def test_values_that_many_rows_share_are_no_difference() -> None:
    inflated = tuple(max(0.0, value) for value in normal(0.2, 1))
    assert largest_difference(inflated, inflated) == 0
    assert mean_shift((1.0,) * len(PLACES), (2.0,) * len(PLACES)) is None
    assert sum(histogram(inflated, -1, 4, 20)) == pytest.approx(1, abs=0.02)


def test_quantiles_of_a_profile_are_taken_between_those_that_it_has() -> None:
    found = at_places([0.1, 0.5, 0.9], [1.0, 5.0, 9.0])
    assert dict(zip(PLACES, found, strict=True))[0.3] == pytest.approx(3.0)
    assert (found[0], found[-1]) == (1.0, 9.0)
    assert at_places([], []) == ()


def test_shares_differ_by_half_the_sum_and_by_chance_as_rows_say() -> None:
    total, chance = differing_shares([("a", 0.5), ("b", 0.5)], [("a", 0.4), ("c", 0.6)], 1 / 100)
    assert total == pytest.approx(0.6)
    assert chance == pytest.approx(math.sqrt(2 / math.pi * 0.25 / 100))


def test_what_is_missing_or_of_another_type_counts_when_it_is_more() -> None:
    gone = compare("", of_numbers(normal(0, 1)), of_numbers(normal(0, 1), missing=0.3))
    assert gone.distance == pytest.approx(0.3)
    typed = Distribution(2000, 0.0, normal(0, 1), (), 0.4)
    assert compare("", of_numbers(normal(0, 1)), typed).distance == pytest.approx(0.4)
    assert compare("", None, typed).distance is None
    assert not compare("", of_numbers(normal(0, 1)), of_numbers(normal(0.01, 1))).is_far


def test_features_are_sorted_by_how_far_they_moved() -> None:
    found = build(material())
    names = [each.name for each in found.features]
    assert names == ["loan_amount", "income", "purpose", "debt_to_income", "months_employed"]
    assert [each.overall.is_far for each in found.features] == [True] * 4 + [False]
    assert {each.name for each in found.answers} == {"(score)", "(decision)"}


def test_monitors_are_where_what_they_watch_is() -> None:
    found = build(material())
    monitors = {each.name: {m.name for m in each.monitors} for each in found.features}
    assert {"income.location", "income~sex.2"} <= monitors["income"]
    assert {"purpose=car", "purpose=car~sex.2"} <= monitors["purpose"]
    assert "(score)~sex.2" in {m.name for each in found.answers for m in each.monitors}
    assert set(found.group_monitors) == {"sex", "ethnicity"}
    assert "sex.2.calibration" in {each.name for each in found.group_monitors["sex"]}
    outcomes = {each.name for each in found.outcomes}
    assert outcomes == {"error", "calibration", "delay", "coverage", "outcome.negative_delay"}
    assert {each.name for each in found.others} == {"(threshold).changed", "rule.no-income"}


@pytest.mark.parametrize(
    ("monitor", "kind", "expected"),
    [
        ("a.b.location", "location", "a.b"),
        ("a=b.missing", "missing", "a=b"),
        ("a=b=c d", "category", "a=b"),
        ("new=x", "category", "new"),
        ("fresh.new", "schema", "fresh"),
        ("(decision)=a=b", "decision", "(decision)"),
        (of_proxy("a=b=car", "sex & age", 2), "proxy", "a=b"),
        (of_proxy("a.b", "sex", 2), "proxy", "a.b"),
        (of_proxy("a.b.constant", "sex", 2), "proxy", "a.b"),
        (of_proxy("new.missing", "sex", 2), "proxy", "new"),
        (of_proxy("new=x.missing", "sex", 2), "proxy", "new"),
    ],
)
def test_a_feature_may_be_called_as_an_aspect_is(monitor, kind, expected) -> None:
    assert feature_of(monitor, kind, {"a.b", "a=b"}) == expected


def test_monitors_of_groups_are_named_as_the_processor_names_them() -> None:
    names = [of_group("sex & age", 2, "share"), of_pair("x.y", 1, 2, "true_positive_rate")]
    signals = [
        replace(build(material()).outcomes[0], name=name, kind=kind)
        for name, kind in zip(names, ("group", "calibration"), strict=True)
    ]
    assert set(arrange(signals, []).groups) == {"sex & age", "x.y"}


def test_an_alert_has_its_interval_analysis_and_disposition() -> None:
    found = {each.alert_id[-1]: each for each in build(material()).alerts}
    assert found["1"].earliest == CHANGED - timedelta(hours=2)
    assert found["1"].analysis.causes[0].disposition == "pipeline_break"
    assert found["1"].analysis.changes[0].minutes_before == 3.1
    assert found["3"].disposition == "data_quality"
    assert "fallback" in found["3"].actions
    assert found["4"].analysis is None


def test_open_alerts_come_first_and_give_the_tier() -> None:
    found = build(material())
    assert [each.state for each in found.alerts][-1] == "resolved"
    assert found.tier == "review"
    assert found.serving == "fallback, releases frozen"
    assert found.policies == (POLICY,)


def test_only_a_monitor_whose_signal_an_open_alert_rests_on_is_in_alert() -> None:
    found = build(material())
    told = {m.name for each in found.features for m in each.monitors if m.in_alert}
    assert told == {"income.location", "debt_to_income.missing"}


def test_gaps_have_their_past_and_groups_their_numbers() -> None:
    [decisions, outcomes] = build(material()).fairness
    [sex, age, both] = decisions.attributes
    assert (sex.attribute, both.attribute) == ("sex", "age_band & sex")
    [gap, _] = sex.gaps
    assert (gap.first, gap.second, len(gap.past)) == ("sex group 1", "sex group 2", 7)
    assert [at for at, *_ in gap.past] == sorted(at for at, *_ in gap.past)
    assert age.small_groups == 1
    assert outcomes.error_rate_high == 0.16
    assert decisions.exclusions[0].predictions == 318


def test_labels_are_shown_where_they_are_given_and_only_then() -> None:
    plain = json.dumps(as_value(build(material())))
    assert "women" not in plain
    found = build(material(), {"sex": {TOKENS["sex"][1]: "women"}, "age_band": {"a1": "under 30"}})
    assert found.labelled
    names = {group.name for of in found.fairness for each in of.attributes for group in each.groups}
    assert {"sex group 2 (women)", "sex group 1", "age_band group 1 (under 30)"} <= names
    assert not build(material(), {"sex": {"unknown": "x"}}).labelled


@pytest.mark.parametrize("count", [5, 200])
def test_no_token_is_in_a_report(count) -> None:
    text = json.dumps(as_value(build(material(count))))
    for tokens in TOKENS.values():
        assert not [each for each in tokens if f'"{each}"' in text or f"& {each}" in text]


def test_groups_of_few_rows_are_not_compared() -> None:
    income = build(material()).features[1]
    assert [each.whose for each in income.groups] == [
        *("age_band group 1", "age_band group 2", "sex group 1", "sex group 2"),
    ]


def test_proofs_name_entries_and_their_leaf_hashes() -> None:
    found = with_leaves(build(material()), LEAVES)
    sections = {each.section for each in found.proofs}
    assert sections == {"Alerts", "Signals", "Features", "Fairness"}
    first = next(each for each in found.proofs if each.entries.first == 117_001)
    assert (first.entries.origin, first.first_leaf) == (ORIGIN, "ab" * 32)
    assert len(set(found.proofs)) == len(found.proofs)


def test_nothing_known_says_of_each_section_why() -> None:
    found = build(bare())
    assert set(found.missing) == {
        *("alerts", "monitors", "predictions", "reference", "groups", "fairness", "outcomes"),
    }
    assert (found.tier, found.serving, found.predictions) == ("", "live", 0)
    assert found.proofs == ()


def test_parts_that_are_missing_are_told_one_by_one() -> None:
    given = material()
    assert set(build(replace(given, profile=None)).missing) == {"reference"}
    events = [
        each
        for each in given.events
        if each.event_type != "bias.assessed" and each.body.get("monitor") != "calibration"
    ]
    reports = [each for each in given.reports if each.origin == ORIGIN]
    found = build(replace(given, events=events, reports=reports))
    assert set(found.missing) == {"outcomes"}
    quiet = replace(given, alerts=[], events=[], reports=[])
    assert {"alerts", "monitors", "fairness"} <= set(build(quiet).missing)


def test_a_feature_without_a_reference_is_shown_and_not_compared() -> None:
    found = build(replace(material(), profile=None))
    assert all(each.overall.distance is None for each in found.features)
    assert next(each for each in found.features if each.name == "income").overall.current.quantiles


def test_what_is_there_beside_it_is_remarked() -> None:
    found = build(material(most_rows=5000, more_alerts=3))
    assert any("Other versions" in each and "2" in each for each in found.remarks)
    assert any("3 more alerts" in each for each in found.remarks)
    assert any("Only 2,000 predictions" in each for each in found.remarks)


def test_a_report_of_fewer_monitors_is_joined_to_the_others() -> None:
    reports = material().reports
    found = {each.name: each for each in read_monitors(reports, [], ())}
    assert len(found["income.location"].times) == 60
    assert len(found["error"].times) == 60
    assert found["income.location"].near[-1] == 1


def test_json_has_all_of_it() -> None:
    value = json.loads(json.dumps(as_value(build(material()))))
    assert value["digest"] == DIGEST
    assert value["until"] == NOW.isoformat()
    assert value["alerts"][0]["analysis"]["causes"][0]["probability"] == 0.82
    assert NASTY in json.dumps(value, ensure_ascii=False).replace('\\"', '"')


def test_an_analysis_of_a_later_revision_counts() -> None:
    given = material()
    [first, *_] = [each for each in given.events if each.event_type == "investigation.analysed"]
    later = event(
        "investigation.analysed",
        {**first.body, "revision": 2, "likeliest": "population_shift"},
        NOW,
        99,
    )
    found = build(replace(given, events=[later, *given.events]))
    of = next(each for each in found.alerts if each.alert_id == first.body["alert_id"])
    assert of.analysis.likeliest == "population_shift"


def test_a_heavy_tail_is_told_by_the_shift_and_the_distance() -> None:
    of = compare("", of_numbers(lognormal(1, 1)), of_numbers(lognormal(1000, 1)))
    assert of.distance == pytest.approx(0.98)
    assert of.shift > 100
