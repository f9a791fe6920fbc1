"""Rounds of chaos: a running stack, events that flow, and one part that is killed meanwhile."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from tests.chaos.alerting import Receiver, delivery_differences, derived_differences
from tests.chaos.decided import release_differences
from tests.chaos.independent import ClickHouse, check, has_landed, source_messages
from tests.chaos.releasing import Releases, people, publish_policy

from auditspine.cli.connections import kafka_properties, trusted_log_keys
from auditspine.cli.control import read_control
from auditspine.cli.processors import PROJECTIONS
from auditspine.cli.settings import load_settings
from auditspine.processors.projection.app import ProjectionConfig
from auditspine.processors.projection.follower import Parts
from auditspine.processors.projection.rebuild import rebuild
from auditspine.producers.client import AuditClient
from auditspine.schemas.catalogue import schema_texts
from auditspine.schemas.codec import Decoder
from auditspine.schemas.examples import example
from auditspine.schemas.parse import parse_json

COMMAND = [sys.executable, "-m", "auditspine.cli"]
VICTIMS = (
    *("ledger-1", "ledger-2", "access-1", "lineage-1", "sink-1", "clickhouse", "kafka"),
    *("drift-1", "alerts-1", "notify-1", "release-1"),
)
SIGNALS = ("SIGKILL", "SIGTERM", "SIGSTOP")
STOPPED_S = 12.0  # longer than every session timeout
SETTLE_S = 180.0
EVENTS = 400
RELEASE_EVERY = 4  # events
KINDS = ("artifact.accessed", "prediction.made", "run.started", "model.registered")
TENANTS = ("north", "south")


class Stack:
    """``auditspine up`` on a directory of its own."""

    def __init__(self, root: Path) -> None:
        self.data = root / "data"
        self.log = (root / "up.log").open("wb")
        self.receiver = Receiver()
        self.process = subprocess.Popen(
            [*COMMAND, "up", "--data-dir", str(self.data)],
            stdout=self.log,
            stderr=self.log,
            env={**os.environ, "AUDITSPINE_NOTIFICATIONS": str(self.receiver.settings(root))},
        )
        wait_for(lambda: self.process.poll() is not None or self.described().get("ready"), "ready")
        assert self.process.poll() is None, (root / "up.log").read_text()
        self.settings = load_settings(data_dir=self.data)

    def described(self) -> dict:
        try:
            return json.loads((self.data / "run" / "up.json").read_text())
        except (OSError, ValueError):
            return {}

    def pid(self, name: str) -> int | None:
        return next((p["pid"] for p in self.described()["parts"] if p["name"] == name), None)

    def run(self, *arguments: str) -> None:
        subprocess.run(
            [*COMMAND, *arguments, "--data-dir", str(self.data)],
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def store(self) -> ClickHouse:
        accounts = json.loads((self.data / "clickhouse" / "accounts.json").read_text())
        url = self.described()["endpoints"]["clickhouse"]
        return ClickHouse(url, "reader", accounts["reader"]["password"], "auditspine")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.log.close()
        self.receiver.close()


def wait_for(condition, what: str, timeout_s: float = SETTLE_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s:.0f} s: {what}")
        time.sleep(0.1)


def event(kind: str, tenant: str, producer: str, name: str):
    content = json.loads(example(kind))
    del content["envelope"]["event_id"]
    del content["envelope"]["occurred_at"]  # now: the example's time grows old
    content["envelope"]["tenant"] = tenant
    content["envelope"]["workload"]["name"] = producer
    if kind == "artifact.accessed":
        content["body"]["artifact"]["name"] = name
    return parse_json(content)


def prediction(tenant: str, producer: str, number: int, choice: random.Random, moved: float):
    """Give a prediction on one of two groups, whose ratio lies where the round says."""
    content = json.loads(example("prediction.made"))
    del content["envelope"]["event_id"]
    del content["envelope"]["occurred_at"]
    content["envelope"]["tenant"] = tenant
    content["envelope"]["workload"]["name"] = producer
    body = content["body"]
    body["prediction_id"] = f"{tenant}-{number}"
    body["features"][0]["number"] = 0.33 + moved + choice.gauss(0, 0.05)
    body["score"] = choice.betavariate(2, 8)
    body["protected"][0]["token"] = f"{number % 2:032x}"
    return parse_json(content)


def choose(seed: int) -> tuple[str, str, int, random.Random]:
    """Give victim, signal and number of the event at which it comes, and what follows."""
    choice = random.Random(seed)
    victim, how = choice.choice(VICTIMS), choice.choice(SIGNALS)
    return victim, how, choice.randrange(EVENTS), choice


def play(
    stack: Stack, seed: int, clients: dict, accesses: Counter, releases: dict[str, Releases]
) -> str:
    """Publish while something is killed; give what was done."""
    victim, how, at, choice = choose(seed)
    other = random.Random(f"releases of {seed}")
    stopped: tuple[int, float] | None = None
    deliveries = []
    moved = 0.2 * (seed % 2)  # a ratio that goes to and fro between rounds
    for number in range(EVENTS):
        if number == at and (pid := stack.pid(victim)) is not None:
            os.kill(pid, getattr(signal, how))
            if how == "SIGSTOP":
                stopped = pid, time.monotonic() + STOPPED_S
        (tenant, producer), client = choice.choice(list(clients.items()))
        kind = choice.choice(
            ("artifact.accessed", "prediction.made", "run.started", "model.registered")
        )
        name = f"snapshot-{choice.randrange(5)}"
        made = (
            prediction(tenant, producer, number, choice, moved)
            if kind == "prediction.made"
            else event(kind, tenant, producer, name)
        )
        deliveries.append(client.publish(made))
        if number % RELEASE_EVERY == 0:
            whose = other.choice(TENANTS)
            one = clients[whose, f"{whose}-one"]
            deliveries += [one.publish(each) for each in releases[whose].some(other)]
        if kind == "artifact.accessed" and not producer.startswith("stranger"):
            accesses[tenant, name] += 1
        time.sleep(choice.random() * 0.01)
    if stopped is not None:
        time.sleep(max(0.0, stopped[1] - time.monotonic()))
        os.kill(stopped[0], signal.SIGCONT)
    for delivery in deliveries:
        delivery.result(120)
    return f"{how} {victim} at {at}"


def run(seeds: Sequence[int], report: Callable[[str], object] = print) -> int:
    """Play a round per seed on one stack; give how many found a difference."""
    failures = 0
    with tempfile.TemporaryDirectory(prefix="auditspine-chaos-") as folder:
        stack = Stack(Path(folder))
        try:
            clients = _clients(stack)
            for (tenant, producer), client in clients.items():
                if producer.endswith("-one"):  # the profile that drift is measured against
                    client.publish(event("run.completed", tenant, producer, "")).result(60)
            releases = _releases(stack, clients)
            accesses: Counter = Counter()
            for number, seed in enumerate(seeds, 1):
                began = time.monotonic()
                done = play(stack, seed, clients, accesses, releases)
                problems = differences(stack, accesses)
                for each in releases.values():
                    each.learn(stack.store())
                took = time.monotonic() - began
                verdict = "ok" if not problems else "FAILED"
                report(f"round {number} seed {seed}: {done}: {verdict} in {took:.1f} s")
                for problem in problems:
                    report(f"  {problem}")
                failures += bool(problems)
            for client in clients.values():
                client.close()
            last = differences(stack, accesses)  # nothing is being published any more
            if not stack.receiver.got:
                last.append("nobody was told anything: there was nothing to compare")
            if not stack.store().rows("SELECT 1 FROM release_states FINAL WHERE allowed LIMIT 1"):
                last.append("nothing was released: there was nothing to compare")
            report(f"{told(stack)} at the end")
            report(f"at the end: {'ok' if not last else 'FAILED'}")
            for problem in last:
                report(f"  {problem}")
            failures += bool(last)
        finally:
            stack.stop()
    return failures


def told(stack: Stack) -> str:
    """Give how much there was to compare."""
    rows = stack.store().rows(
        "SELECT event_type, toUInt32(count()) FROM committed_evidence WHERE event_type IN "
        "('drift.signalled', 'alert.raised', 'notification.delivered', 'decision.made', "
        "'approval.requested', 'exception.expired', 'finding.raised') GROUP BY ALL ORDER BY ALL"
    )
    rows += stack.store().rows(
        "SELECT concat(outcome, ' because ', cause), toUInt32(count()) "
        "FROM release_decisions FINAL GROUP BY ALL ORDER BY ALL"
    )
    pages = stack.receiver.got
    counted = ", ".join(f"{count} {name}" for name, count in rows)
    return f"{counted}; {len(pages)} pages, {pages.total() - len(pages)} repeated"


def differences(stack: Stack, accesses: Counter) -> list[str]:
    """Wait until all that is in the source topics has landed, and compare everything."""
    kafka = stack.described()["endpoints"]["kafka"]
    sources = source_messages(kafka)
    trust = json.loads((stack.data / "trust.json").read_text())
    log_key = bytes.fromhex(trust["log_keys"][0]["public_key"])

    def landed() -> bool:
        try:
            return has_landed(stack.store(), sources, accesses)
        except OSError:  # ClickHouse is down
            return False

    try:
        wait_for(landed, "everything has landed")
    except TimeoutError as exc:
        return [str(exc)]
    problems = check(stack.store(), log_key, sources, accesses) + _rebuild_differences(stack)
    return problems + _alerting_differences(stack)


def _alerting_differences(stack: Stack) -> list[str]:
    """Wait until nothing is derived any more and everybody was told; give what still differs."""
    problems: list[str] = []

    def settled() -> bool:
        problems[:] = derived_differences(stack.settings, stack.store())
        problems.extend(delivery_differences(stack.store(), stack.receiver))
        problems.extend(release_differences(stack.settings, stack.store()))
        return not problems

    with suppress(TimeoutError):
        wait_for(settled, "signals, alerts, pages and releases agree")
    return problems


def _releases(stack: Stack, clients: dict[tuple[str, str], AuditClient]) -> dict[str, Releases]:
    """Publish a policy, and what every release rests on."""
    provider = people()
    publish_policy(stack.settings, provider)
    made = {}
    for tenant in TENANTS:
        client = clients[tenant, f"{tenant}-one"]
        made[tenant] = Releases(client, stack.settings, provider)
        for each in made[tenant].begin():
            client.publish(each)
        client.flush(60)
    return made


def _rebuild_differences(stack: Stack) -> list[str]:
    """Compare each projection's states with the fold of the sealed topics, from nothing."""
    settings = stack.settings
    kafka = kafka_properties(settings)
    texts = {**schema_texts(), **read_control(kafka, settings.topics).schemas}
    keys = trusted_log_keys(settings.trust_path)
    config = ProjectionConfig(settings.topics, kafka["bootstrap.servers"], {"log_level": "0"})
    return [
        f"{name} {each.topic}/{each.partition}: {each.differing} of {each.keys} keys differ from "
        "a rebuild"
        for name, make in PROJECTIONS.items()
        for each in rebuild(
            config, Parts(make(settings), Decoder(texts), None, keys, settings.state_path)
        )
        if not each.equal
    ]


def _clients(stack: Stack) -> dict[tuple[str, str], AuditClient]:
    made = {}
    for tenant in TENANTS:
        stack.run("tenants", "register", tenant)
        for producer in (f"{tenant}-one", f"{tenant}-two", f"stranger-{tenant}"):
            stack.run("keys", "create", producer)
            if not producer.startswith("stranger"):
                stack.run("keys", "register", producer, "--tenant", tenant)
            made[tenant, producer] = AuditClient(
                {"log_level": "0", "bootstrap.servers": stack.described()["endpoints"]["kafka"]},
                tenant=tenant,
                producer=producer,
                key=stack.data / "keys" / f"{producer}.pem",
                domain="credit",
                environment="test",
            )
    return made
