"""The drift policy says what each tier does, and what it cannot mean is an error."""

import pytest
from tests.unit.processors.alert_events import policy_with

from auditspine.processors.drift.errors import PolicyError
from auditspine.processors.drift.policy import shipped_policy
from auditspine.processors.drift.policy_parts import Tier

ACTIONS = {
    "informational": "informational = []\n",
    "caution": 'caution = ["notify"]\n',
    "review": 'review = ["notify", "investigate"]\n',
    "stop_the_line": ('stop_the_line = ["notify", "investigate", "freeze_releases", "fallback"]\n'),
}


@pytest.mark.parametrize("tier", list(ACTIONS))
def test_a_tier_without_actions_is_an_error_that_names_it(tier) -> None:
    with pytest.raises(PolicyError, match=rf"actions: no {tier}: expected one for each of"):
        policy_with((ACTIONS[tier], ""))


def test_an_informational_tier_that_does_something_is_an_error() -> None:
    with pytest.raises(PolicyError, match=r"actions\.informational: expected none"):
        policy_with((ACTIONS["informational"], 'informational = ["notify"]\n'))


def test_a_tier_may_do_nothing() -> None:
    policy = policy_with((ACTIONS["caution"], "caution = []\n"))
    assert policy.actions_of(Tier.CAUTION) == ()


def test_the_shipped_policy_names_all_tiers_and_stops_a_model_at_one_deployment() -> None:
    policy = shipped_policy()
    assert set(policy.actions) == set(Tier)
    assert policy.actions_of(Tier.STOP_THE_LINE)[-2:] == ("freeze_releases", "fallback")
    assert not any("quarantine" in policy.actions_of(tier) for tier in Tier)


def test_patterns_are_of_features_when_the_empty_name_does_not_match() -> None:
    assert shipped_policy().feature_patterns() == ()
    policy = policy_with(
        (
            'kinds = ["error", "rule"]\n',
            'kinds = ["error", "rule"]\nfeatures = ["", "income", "*", "debt_*", "income"]\n',
        )
    )
    assert policy.feature_patterns() == ("income", "debt_*")
