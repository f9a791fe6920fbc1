import pytest

from auditspine.producers.envelopes import defaults
from auditspine.producers.errors import EventError, SetupError
from auditspine.schemas.models import Actor, Classification, Correlation, Workload


def test_an_envelope_says_who_where_and_why_by_default() -> None:
    made = defaults("svc", "acme", "credit", "prod", {}).envelope("schedule", "nightly run", {})
    assert (made.tenant, made.domain, made.environment) == ("acme", "credit", "prod")
    assert (made.actor.principal, made.actor.kind) == ("svc", "workload")
    assert made.workload.name == "svc"
    assert (made.intent.trigger, made.intent.reason) == ("schedule", "nightly run")
    assert made.intent.justification is None


def test_each_envelope_is_an_event_of_its_own() -> None:
    shared = defaults("svc", "acme", "credit", "prod", {})
    assert len({shared.envelope("t", "r", {}).event_id for _ in range(100)}) == 100


def test_what_is_given_once_is_in_every_envelope() -> None:
    person = Actor(principal="ann", kind="person", roles=("validator",))
    workload = Workload(name="svc", version="2.1")
    restricted = Classification(sensitivity="restricted")
    given = {"actor": person, "workload": workload, "classification": restricted}
    made = defaults("svc", "acme", "credit", "prod", given).envelope("t", "r", {})
    assert (made.actor, made.workload, made.classification) == (person, workload, restricted)


def test_one_envelope_can_differ() -> None:
    shared = defaults("svc", "acme", "credit", "prod", {})
    person = Actor(principal="ann", kind="person")
    fields = {
        "actor": person,
        "correlation": Correlation(run_id="r1"),
        "justification": "TICKET-1",
    }
    made = shared.envelope("request", "approved", fields)
    assert (made.actor, made.correlation.run_id) == (person, "r1")
    assert made.intent.justification == "TICKET-1"
    assert shared.envelope("t", "r", {}).actor.principal == "svc"


@pytest.mark.parametrize(
    ("fields", "named"), [({"domain": "a b SECRET"}, "domain"), ({"colour": "SECRET"}, "colour")]
)
def test_a_wrong_field_is_named_and_its_value_is_not(fields, named) -> None:
    shared = defaults("svc", "acme", "credit", "prod", {})
    with pytest.raises(EventError, match=named) as caught:
        shared.envelope("t", "r", fields)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        (("svc", "", "credit", "prod", {}), "tenant"),
        (("svc", "acme", "", "prod", {}), "domain"),
        (("", "acme", "credit", "prod", {}), "name"),
        (("svc", "acme", "credit", "prod", {"workload": Workload(name="other")}), "workload.name"),
    ],
)
def test_wrong_settings_are_found_when_the_client_is_made(setting, named) -> None:
    with pytest.raises(SetupError, match=named):
        defaults(*setting)
