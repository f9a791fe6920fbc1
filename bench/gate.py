"""From a deployment request to its sealed decision, with the workers that `auditspine up` runs."""

import time
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Self

from auditspine.cli.connections import trusted_log_keys
from auditspine.cli.flow import measure as measure_flow
from auditspine.cli.operator import await_sealed, speaking, watch_control
from auditspine.cli.sealed_watch import SealedWatch
from auditspine.cli.stack import WORKERS
from auditspine.ledger.control import EVERY_TENANT
from auditspine.ledger.keyfile import read_key
from auditspine.producers.client import AuditClient
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder
from auditspine.schemas.errors import UndecodableError
from auditspine.schemas.models import DecisionMade, DecisionMadeBody, Event
from bench.backbone import PRODUCER, TENANT, Backbone, wait_for
from bench.release_load import FIRST, NEXT, Team

_MODELS = 8
_SEQUENTIAL, _AT_ONCE = 200, 500
_PATIENCE_S = 120.0


def measure(backbone: Backbone) -> dict[str, float]:
    """Give milliseconds of requests one after another, and the rate of many at once.

    Every request is of a model with 20 features, 5 snapshots and 2 approvals, and is allowed by
    the shipped policy's rules.
    """
    team = Team.of(TENANT, PRODUCER, read_key(backbone.key))
    with ExitStack() as stack:
        for name in WORKERS:
            kind = name.partition("-")[0]
            command = ("sink",) if kind == "sink" else ("worker", kind)
            stack.enter_context(backbone.command(*command, "--instance", name))
        watch = stack.enter_context(watch_control(backbone.settings))
        with speaking(backbone.settings) as operator:
            said = operator.publish_policy("release", team.policy(), [EVERY_TENANT], "measured")
        await_sealed(watch, [said], _PATIENCE_S)
        gate = stack.enter_context(_Gate(backbone))
        _prepare(gate, team)
        wait_for(
            lambda: all(flow.is_settled for flow in measure_flow(backbone.settings)),
            "nothing is on its way",
        )
        delays = sorted(_ask_in_turn(gate, team))
        rate = _ask_at_once(gate, team)
    return {
        "one by one, p50 ms": delays[len(delays) // 2] * 1e3,
        "one by one, p99 ms": delays[len(delays) * 99 // 100] * 1e3,
        "one by one, max ms": delays[-1] * 1e3,
        f"{_AT_ONCE} at once, decisions/s": rate,
    }


class _Gate:
    """Publishes a tenant's events, and reads decisions back as the ledger sealed them."""

    def __init__(self, backbone: Backbone) -> None:
        settings = backbone.settings
        topics = {settings.topics.sealed("lifecycle"): settings.partitions}
        self._client: AuditClient = backbone.client()
        self._watch = SealedWatch(backbone.kafka, topics, trusted_log_keys(settings.trust_path))
        self._decoder = Decoder(schema_texts())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._watch.__exit__()

    def say(self, events: Iterable[Event]) -> None:
        """Publish events; return when the broker has them."""
        for each in events:
            self._client.publish(each)
        self._client.flush(_PATIENCE_S)

    def allowed(self, requests: Iterable[Event]) -> list[DecisionMadeBody]:
        """Publish requests and give the decision on each; all of them allow."""
        asked = {str(each.envelope.event_id): each for each in requests}
        self.say(asked.values())
        found: dict[str, DecisionMadeBody] = {}
        for value in self._watch.values(_PATIENCE_S):
            decision = self._decision(value)
            if decision is None or decision.request_id not in asked:
                continue
            if decision.outcome != "allow":
                raise AssertionError(decision.reason)
            found[decision.request_id] = decision
            if len(found) == len(asked):
                return list(found.values())
        raise AssertionError(f"expected {len(asked)} decisions, got {len(found)}")

    def _decision(self, value: bytes) -> DecisionMadeBody | None:
        try:
            event = self._decoder.decode(value).to_model()
        except UndecodableError:
            return None
        return event.body if isinstance(event, DecisionMade) else None


def _prepare(gate: _Gate, team: Team) -> None:
    """Take models to where the next environment may be asked for."""
    names = [_name(number) for number in range(_MODELS)]
    gate.say(team.grants())
    gate.say(team.data())
    for name in names:
        gate.say(team.model(name))
    first = gate.allowed(team.request(name, FIRST) for name in names)
    gate.say(team.deployed(each.model.name, FIRST, each.decision_id) for each in first)
    gate.say(team.approved(who, name, NEXT) for name in names for who in ("ana", "tom"))
    gate.allowed(team.request(name, NEXT) for name in names)


def _ask_in_turn(gate: _Gate, team: Team) -> list[float]:
    delays = []
    for number in range(_SEQUENTIAL):
        request = team.request(_name(number), NEXT)
        began = time.perf_counter()
        gate.allowed([request])
        delays.append(time.perf_counter() - began)
    return delays


def _ask_at_once(gate: _Gate, team: Team) -> float:
    requests = [team.request(_name(number), NEXT) for number in range(_AT_ONCE)]
    began = time.perf_counter()
    gate.allowed(requests)
    return _AT_ONCE / (time.perf_counter() - began)


def _name(number: int) -> str:
    return f"released-{number % _MODELS}"
