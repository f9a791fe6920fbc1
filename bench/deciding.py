"""What a release decision costs without Kafka, and what a log that goes on costs the fold."""

import time
from collections.abc import Callable, Collection, Iterable
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.keyfile import public_bytes
from auditspine.processors.projection.port import DERIVED, Derived, SealedEvent
from auditspine.processors.release.book import Book
from auditspine.processors.release.facts import gather
from auditspine.processors.release.fold import ReleaseProjection
from auditspine.processors.release.policy import ReleasePolicy, parse_policy
from auditspine.processors.release.port import HeldRole, InForce
from auditspine.processors.release.rules import RuleSet, judge
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder, encode
from auditspine.schemas.models import Event
from bench.backbone import PRODUCER, TENANT
from bench.release_load import FIRST, NEXT, PEOPLE, Team, ref

_LOG, _CONTROL = "local/bench/lifecycle/0", "local/bench/control/0"
_ROUNDS, _ASKED = 5, 200
_STANDING = 300


def measure() -> dict[str, float]:
    """Give decisions per second, and what one event costs where much stands and waits."""
    return {**_decisions(), **_log()}


def _decisions() -> dict[str, float]:
    """Ask again and again for one model: 20 features, 5 snapshots, 4 approvals."""
    world = _World()
    world.release("one")
    for person in PEOPLE:
        world.take(world.team.approved(person, "one", NEXT))
    request = world.events([world.team.request("one", NEXT)])
    [decided] = world.fold(request)
    if decided.body["outcome"] != "allow":
        raise AssertionError(decided.body["reason"])
    ruleset, facts = world.judged(request[0])
    rates, judged = [], []
    for _ in range(_ROUNDS):
        asked = world.events(world.team.request("one", NEXT) for _ in range(_ASKED))
        rates.append(_ASKED / _seconds(lambda: [world.fold([each]) for each in asked]))  # noqa: B023
        alone = _seconds(lambda: [judge(ruleset, facts) for _ in range(_ASKED)])
        judged.append(_ASKED / alone)
    return {
        "decisions/s": sorted(rates)[_ROUNDS // 2],
        "rules alone/s": sorted(judged)[_ROUNDS // 2],
    }


def _log() -> dict[str, float]:
    """Let as many releases stand as requests wait, and go on with what concerns none of them."""
    world = _World()
    for number in range(_STANDING):
        world.release(f"stands-{number}")
        [decided] = world.take(world.team.request(f"stands-{number}", NEXT))[:1]
        if decided.body["outcome"] != "needs_review":
            raise AssertionError(decided.body["reason"])
    beat = world.sealed("producer.heartbeat", {"epoch": 1, "streams": []})
    dataset = {"dataset": ref("dataset", "another"), "permitted_purposes": ()}
    alert = {
        "alert_id": "alert-1",
        "tier": "review",
        "model": ref("model", "another"),
        "deployment": ref("deployment", "another"),
    }
    flagged = {"dataset": ref("dataset", "another")}
    costs: dict[str, tuple[SealedEvent, int]] = {
        "a heartbeat, µs": (beat, 10_000),
        "a dataset, µs": (world.sealed("dataset.registered", dataset), 1000),
        "news of another model, µs": (world.events(world.team.model("other"))[2], 1000),
        "an alert, ms": (world.sealed("alert.raised", alert), 5),
        "a flagged dataset, ms": (world.sealed("dataset.flagged", flagged), 5),
    }
    found: dict[str, float] = {}
    for what, (event, times) in costs.items():
        spent = _seconds(lambda: [world.fold([event]) for _ in range(times)])  # noqa: B023
        found[what] = spent / times * (1e6 if what.endswith("µs") else 1e3)
    return found


class _World:
    """A lifecycle log that is folded into a state in memory."""

    origin = _CONTROL

    def __init__(self) -> None:
        self.team = Team.of(TENANT, PRODUCER, Ed25519PrivateKey.generate())
        self.policy: ReleasePolicy = parse_policy(self.team.policy())
        self._values: dict[bytes, bytes] = {}
        self._projection = ReleaseProjection(self, self)
        self._decoder = Decoder(schema_texts())
        self._key = public_bytes(self.team.key)
        self._size = 0
        self.fold(self.events(self.team.data()))

    def at(self, tenant: str, control_size: int) -> InForce:
        """Give the policy, as the control log would."""
        del tenant, control_size
        return InForce(self.policy, self.policy.digest)

    def held(
        self, tenant: str, principal: str, roles: Collection[str], where: tuple[str, str], at: int
    ) -> HeldRole:
        """Give a role: everybody may approve."""
        del tenant, principal, roles, where, at
        return HeldRole("release_approver", "", "local/bench/access/0", 0)

    def get(self, key: bytes) -> bytes | None:
        """Give a value of the state."""
        return self._values.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Set a value of the state."""
        self._values[key] = value

    def events(self, events: Iterable[Event]) -> list[SealedEvent]:
        """Give events as a log has them."""
        found = []
        for each in events:
            decoded = self._decoder.decode(encode(each))
            found.append(self._sealed(decoded.event_type, decoded.envelope, decoded.body))
        return found

    def sealed(self, event_type: str, body: dict[str, Any]) -> SealedEvent:
        """Give an event of another producer."""
        model = self.events([self.team.request("one", FIRST)])[0]
        return self._sealed(event_type, model.envelope, body)

    def _sealed(self, event_type: str, envelope: Any, body: Any) -> SealedEvent:
        self._size += 1
        now = int(time.time() * 1000)
        return SealedEvent(
            *(_LOG, self._size - 1, now, event_type, envelope, body, self._key), control_size=1
        )

    def fold(self, events: list[SealedEvent]) -> list[Derived]:
        """Fold events; give what is derived."""
        changes = self._projection.fold(events, self)
        return [cast("Derived", row[0]) for row in changes.get(DERIVED, ())]

    def take(self, event: Event) -> list[Derived]:
        """Fold an event."""
        return self.fold(self.events([event]))

    def release(self, name: str) -> None:
        """Make a model, and take it to the first environment."""
        self.fold(self.events(self.team.model(name)))
        [decided] = self.take(self.team.request(name, FIRST))
        if decided.body["outcome"] != "allow":
            raise AssertionError(decided.body["reason"])
        self.take(self.team.deployed(name, FIRST, decided.body["decision_id"]))

    def judged(self, request: SealedEvent) -> tuple[RuleSet, Any]:
        """Give the rules that a request was judged by, and the facts."""
        book, tenant = Book(self), self.team.tenant
        kept = book.request(tenant, request.envelope["event_id"])
        if kept is None:
            raise AssertionError("expected the request in the state, got none")
        domain = self.policy.domain(kept.domain)
        ruleset = self.policy.ruleset(kept.risk_class, domain.jurisdictions)
        facts = gather(book, self.policy, tenant, kept, request.appended_at)
        return ruleset, facts.document


def _seconds(work: Callable[[], object]) -> float:
    """Give the processor's seconds: other work on the machine counts little."""
    began = time.process_time()
    work()
    return time.process_time() - began
