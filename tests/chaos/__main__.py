"""Kills parts of a running stack at seeded random points while events flow, and checks each time.

``python -m tests.chaos --rounds 60 --seed 7``. A failing round is found again by its seed: the
choices of victim, signal and moment follow from it; what the machine does meanwhile does not.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.chaos.independent import ClickHouse, check

from auditspine.cli.flow import measure
from auditspine.cli.settings import load_settings
from auditspine.producers.client import AuditClient
from auditspine.schemas.examples import example
from auditspine.schemas.parse import parse_json

COMMAND = [sys.executable, "-m", "auditspine.cli"]
VICTIMS = ("ledger-1", "ledger-2", "access-1", "sink-1", "clickhouse", "kafka")
SIGNALS = ("SIGKILL", "SIGTERM", "SIGSTOP")
STOPPED_S = 12.0  # longer than every session timeout
SETTLE_S = 180.0
EVENTS = 400
TENANTS = ("north", "south")


class Stack:
    """``auditspine up`` on a directory of its own."""

    def __init__(self, root: Path) -> None:
        self.data = root / "data"
        self.log = (root / "up.log").open("wb")
        self.process = subprocess.Popen(
            [*COMMAND, "up", "--data-dir", str(self.data)], stdout=self.log, stderr=self.log
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


def wait_for(condition, what: str, timeout_s: float = SETTLE_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s:.0f} s: {what}")
        time.sleep(0.1)


def settled(stack: Stack, accesses: Counter) -> bool:
    try:
        flows = measure(stack.settings)
        counted = stack.store().rows("SELECT sum(count) FROM access_edges FINAL")
    except Exception:  # noqa: BLE001 - a part is down
        return False
    return all(flow.is_settled for flow in flows) and int(counted[0][0]) >= accesses.total()


def event(kind: str, tenant: str, producer: str, name: str):
    content = json.loads(example(kind))
    del content["envelope"]["event_id"]
    content["envelope"]["tenant"] = tenant
    content["envelope"]["workload"]["name"] = producer
    if kind == "artifact.accessed":
        content["body"]["artifact"]["name"] = name
    return parse_json(content)


def play(stack: Stack, seed: int, clients: dict, accesses: Counter) -> str:
    """Publish while something is killed; give what was done."""
    choice = random.Random(seed)
    victim, how = choice.choice(VICTIMS), choice.choice(SIGNALS)
    at = choice.randrange(EVENTS)
    stopped: tuple[int, float] | None = None
    deliveries = []
    for number in range(EVENTS):
        if number == at and (pid := stack.pid(victim)) is not None:
            os.kill(pid, getattr(signal, how))
            if how == "SIGSTOP":
                stopped = pid, time.monotonic() + STOPPED_S
        (tenant, producer), client = choice.choice(list(clients.items()))
        kind = choice.choice(("artifact.accessed", "prediction.made", "run.started"))
        name = f"snapshot-{choice.randrange(5)}"
        deliveries.append(client.publish(event(kind, tenant, producer, name)))
        if kind == "artifact.accessed" and not producer.startswith("stranger"):
            accesses[tenant, name] += 1
        time.sleep(choice.random() * 0.01)
    if stopped is not None:
        time.sleep(max(0.0, stopped[1] - time.monotonic()))
        os.kill(stopped[0], signal.SIGCONT)
    for delivery in deliveries:
        delivery.result(120)
    return f"{how} {victim} at {at}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    failures = 0
    with tempfile.TemporaryDirectory(prefix="auditspine-chaos-") as folder:
        stack = Stack(Path(folder))
        try:
            clients = _clients(stack)
            accesses: Counter = Counter()
            trust = json.loads((stack.data / "trust.json").read_text())
            log_key = bytes.fromhex(trust["log_keys"][0]["public_key"])
            for number in range(options.rounds):
                began, seed = time.monotonic(), options.seed + number
                done = play(stack, seed, clients, accesses)
                try:
                    wait_for(lambda: settled(stack, accesses), "everything has landed")
                    kafka = stack.described()["endpoints"]["kafka"]
                    problems = check(kafka, stack.store(), log_key, accesses)
                except TimeoutError as exc:
                    problems = [str(exc)]
                took = time.monotonic() - began
                verdict = "ok" if not problems else "FAILED"
                print(
                    f"round {number + 1} seed {seed}: {done}: {verdict} in {took:.1f} s", flush=True
                )
                for problem in problems:
                    print(f"  {problem}", flush=True)
                failures += bool(problems)
            for client in clients.values():
                client.close()
        finally:
            stack.stop()
    print(f"{options.rounds - failures} of {options.rounds} rounds without a difference")
    return 1 if failures else 0


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


if __name__ == "__main__":
    sys.exit(main())
