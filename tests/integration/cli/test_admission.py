"""``auditspine admission`` over TLS, fed by decisions on the real broker."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from confluent_kafka.admin import AdminClient, NewTopic
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.certificates import Authority
from tests.unit.producers.admission_cases import MODEL, OTHER, changed, document, named
from tests.waiting import await_true

from auditspine.cli.admitting import sealed_keys
from auditspine.cli.errors import CliError
from auditspine.cli.settings import Settings
from auditspine.ledger.errors import LedgerError
from auditspine.ledger.note import raw_public_key
from auditspine.ledger.topics import Topics
from auditspine.producers.admission.workload import DECISION_ID, MODEL_DIGEST
from auditspine.sinks.alive import AliveLoop
from auditspine.sinks.releases import ReleaseStates, release_topic
from auditspine.sinks.signed_topic import Followed

sys.path.insert(0, str(Path(__file__).parents[1] / "processors"))
from ledger_world import LOG_KEY, Backbone, running

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "ledger"))
from control_world import control_event, key_registered, key_revoked, public

TENANT, ENVIRONMENT = "acme", "production"
TOKEN = "0123456789abcdef0123456789abcdef"
LISTENING = re.compile(r"listening on (https?://\S+)")


class Nowhere:
    """ClickHouse is not needed here."""

    def write(self, *_: object) -> None:
        pass


@dataclass
class Processor:
    """The release processor's end of the releases topic."""

    servers: str
    topics: Topics
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    versions: int = 0

    def __post_init__(self) -> None:
        name = self.topics.releases
        config = {**self.topics.config(name), "min.insync.replicas": "1"}
        admin = AdminClient({"bootstrap.servers": self.servers})
        new = NewTopic(name, self.topics.partitions, 1, config=config)
        for future in admin.create_topics([new]).values():
            future.result(20)
        self.topic = release_topic({"bootstrap.servers": self.servers}, self.topics, self.key)
        self.states = ReleaseStates(Nowhere(), self.topic)
        self.loop = AliveLoop(self.topic, self.followed, every_s=0.2)
        self.thread = threading.Thread(target=self.loop.run)
        self.thread.start()

    def followed(self) -> dict[int, Followed]:
        return dict.fromkeys(range(self.topics.partitions), Followed(9, 0))

    def decide(self, digest: bytes, *, allowed: bool, decision: str, **other: Any) -> None:
        self.versions += 1
        row = {
            "tenant": TENANT,
            "environment": ENVIRONMENT,
            "model_digest": digest,
            "allowed": allowed,
            "decision_id": decision,
            "reason": "every rule passed" if allowed else "revoked: not_quarantined",
            "since": 1_700_000_000_000,
            "until": None,
            "version": self.versions,
            **other,
        }
        self.states.write("release_states", tuple(row), [tuple(row.values())])

    def end(self) -> None:
        self.loop.stop()
        self.thread.join(20)
        self.topic.close()


@dataclass
class Webhook:
    """The command in a process of its own."""

    process: subprocess.Popen
    url: str
    session: requests.Session

    def validate(self, asked: dict) -> dict:
        done = self.session.post(f"{self.url}/validate", json=asked, timeout=5)
        assert done.status_code == 200
        response = done.json()["response"]
        assert response["uid"] == asked["request"]["uid"]
        return response

    def allows(self, asked: dict) -> bool:
        return self.validate(asked)["allowed"]

    def why_not(self, asked: dict) -> str:
        response = self.validate(asked)
        assert response["allowed"] is False
        assert response["status"]["code"] == 403
        return response["status"]["message"]

    def is_ready(self) -> bool:
        return self.session.get(f"{self.url}/readyz", timeout=5).status_code == 200


@dataclass
class World:
    processor: Processor
    authority: Authority
    folder: Path
    started: list[subprocess.Popen] = field(default_factory=list)

    def start(self, *options: str, tls: bool = True) -> Webhook:
        process = self.open(*options, tls=tls)
        line = process.stdout.readline()
        found = LISTENING.search(line)
        assert found, line + process.stderr.read()
        chosen = requests.Session()
        chosen.trust_env = False  # the machine's own bundle would go before
        chosen.verify = str(self.authority.file)
        webhook = Webhook(process, found[1], chosen)
        await_true(webhook.is_ready, "the guard knows", 20)
        return webhook

    def open(self, *options: str, tls: bool = True) -> subprocess.Popen:
        known = ["--release-key", raw_public_key(self.processor.key).hex()]
        files = [self.folder / "web.crt", self.folder / "web.key"]
        if tls and not files[0].exists():
            self.authority.issue("web")
        secured = ["--tls-cert", str(files[0]), "--tls-key", str(files[1])] if tls else []
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "auditspine.cli", "admission", "--tenant", TENANT),
                *("--env", ENVIRONMENT, "--port", "0", *known, *secured, *options),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={
                **os.environ,
                "AUDITSPINE_BOOTSTRAP_SERVERS": self.processor.servers,
                "AUDITSPINE_TOPIC_PREFIX": self.processor.topics.prefix,
            },
        )
        self.started.append(process)
        return process


@pytest.fixture
def world(kafka, topic_prefix, tmp_path) -> Iterator[World]:
    processor = Processor(kafka.bootstrap_servers, Topics(prefix=topic_prefix))
    made = World(processor, Authority(tmp_path), tmp_path)
    yield made
    for process in made.started:
        process.kill()
        process.communicate()
    processor.end()


def pod(digest: bytes) -> dict:
    return changed("pod_create", metadata__annotations={MODEL_DIGEST: named(digest)})


def test_only_an_allowed_digest_gets_in_and_a_revoked_one_no_more(world: World) -> None:
    world.processor.decide(MODEL, allowed=True, decision="decision-1")
    webhook = world.start()
    await_true(lambda: webhook.allows(document("pod_create")), "the decision arrived", 5)
    message = webhook.why_not(pod(OTHER))
    assert message.startswith(f"{named(OTHER)} may not go to production: ")
    asked = document("pod_create")
    asked["request"]["object"]["metadata"]["annotations"][DECISION_ID] = "decision-0"
    assert "expected decision-1" in webhook.why_not(asked)

    began = time.monotonic()
    world.processor.decide(MODEL, allowed=False, decision="decision-2")
    await_true(lambda: not webhook.allows(document("pod_create")), "the revocation arrived", 5)
    assert time.monotonic() - began < 2
    assert webhook.why_not(pod(MODEL)) == (
        f"{named(MODEL)} may not go to production: revoked: not_quarantined (decision decision-2)"
    )


def test_an_allowance_that_is_over_is_none(world: World) -> None:
    until = int(time.time() * 1000) + 2000
    world.processor.decide(MODEL, allowed=True, decision="decision-1", until=until)
    webhook = world.start()
    await_true(lambda: not webhook.allows(pod(MODEL)), "it is over", 10)
    assert "decision-1" in webhook.why_not(pod(MODEL))


def test_a_stale_webhook_refuses_everything_and_says_so(world: World) -> None:
    world.processor.decide(MODEL, allowed=True, decision="decision-1")
    webhook = world.start("--max-staleness", "2")
    await_true(lambda: webhook.allows(pod(MODEL)), "the decision arrived", 5)
    world.processor.end()
    ended = time.monotonic()
    await_true(lambda: not webhook.allows(pod(MODEL)), "it is stale", 10)
    assert time.monotonic() - ended < 4
    assert "unknown: what is known is" in webhook.why_not(pod(MODEL))
    assert not webhook.is_ready()
    assert webhook.session.get(f"{webhook.url}/healthz", timeout=5).status_code == 200
    assert webhook.allows(document("pod_delete"))


def test_a_mutable_tag_does_not_get_in_where_images_count(world: World) -> None:
    for digest, decision in ((MODEL, "decision-1"), (b"i" * 32, "decision-3")):
        world.processor.decide(digest, allowed=True, decision=decision)
    webhook = world.start("--images", "all")
    await_true(lambda: webhook.allows(document("pod_create")), "the decisions arrived", 5)
    asked = changed("pod_create", spec__containers__0__image="scorer:production")
    assert webhook.why_not(asked) == (
        "the image of container scorer is not pinned by digest (name@sha256:…)"
    )
    asked = changed("pod_create", spec__containers__0__image=f"scorer@{named(OTHER)}")
    assert f"container scorer: {named(OTHER)} may not go" in webhook.why_not(asked)


def test_a_forged_decision_lets_nothing_in(world: World, topic_prefix) -> None:
    webhook = world.start()
    forger = release_topic(
        {"bootstrap.servers": world.processor.servers},
        Topics(prefix=topic_prefix),
        Ed25519PrivateKey.generate(),
    )
    true_states = world.processor.states
    world.processor.states = ReleaseStates(Nowhere(), forger)
    world.processor.decide(MODEL, allowed=True, decision="decision-1")
    world.processor.states = true_states
    world.processor.decide(OTHER, allowed=True, decision="decision-2")
    await_true(lambda: webhook.allows(pod(OTHER)), "what came after it arrived", 5)
    assert not webhook.allows(pod(MODEL))
    forger.close()


def test_a_decision_of_another_tenant_or_environment_lets_nothing_in(world: World) -> None:
    world.processor.decide(MODEL, allowed=True, decision="decision-1", tenant="globex")
    world.processor.decide(MODEL, allowed=True, decision="decision-2", environment="staging")
    world.processor.decide(OTHER, allowed=True, decision="decision-3")
    webhook = world.start()
    await_true(lambda: webhook.allows(pod(OTHER)), "the decisions arrived", 5)
    assert not webhook.allows(pod(MODEL))


def test_the_registry_hook_needs_its_token_and_answers_for_one_environment(world: World) -> None:
    world.processor.decide(MODEL, allowed=True, decision="decision-1")
    token = world.folder / "token"
    token.touch(0o600)
    token.write_text(TOKEN + "\n")
    webhook = world.start("--registry-token-file", str(token))

    def ask(**given) -> tuple[int, dict]:
        asked = {"digest": named(MODEL), **given}
        done = webhook.session.post(f"{webhook.url}/registry", json=asked, timeout=5)
        return done.status_code, done.json()

    assert ask()[0] == 401
    webhook.session.headers["Authorization"] = f"Bearer {TOKEN}"
    await_true(lambda: ask()[0] == 200, "the decision arrived", 5)
    assert ask(environment=ENVIRONMENT)[1]["decision_id"] == "decision-1"
    assert ask(environment="staging")[0] == 403
    assert ask(digest=named(OTHER))[0] == 403
    assert ask(env=ENVIRONMENT)[0] == 400
    assert webhook.allows(pod(MODEL))


def test_nothing_but_tls_with_the_given_certificate_is_spoken(world: World) -> None:
    webhook = world.start()
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{webhook.url}/healthz", timeout=5)
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(webhook.url.replace("https:", "http:") + "/healthz", timeout=5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_and_leaves_no_object_in_its_log(world: World, number: int) -> None:
    webhook = world.start()
    assert not webhook.allows(pod(MODEL))
    webhook.process.send_signal(number)
    out, err = webhook.process.communicate(timeout=20)
    assert (webhook.process.returncode, out) == (0, "")
    assert f"refused '{pod(MODEL)['request']['uid']}': {named(MODEL)} may not go" in err
    assert "hunter2" not in err
    assert "Traceback" not in err


def test_plain_http_is_for_this_machine_alone(world: World) -> None:
    webhook = world.start("--no-tls", tls=False)
    assert webhook.url.startswith("http://127.0.0.1:")
    refused = world.open("--no-tls", "--host", "0.0.0.0", tls=False)
    assert "allowed on a loopback address only" in refused.communicate(timeout=30)[1]
    assert refused.returncode == 2
    refused = world.open(tls=False)
    assert "give --tls-cert and --tls-key" in refused.communicate(timeout=30)[1]
    assert refused.returncode == 2


def trusting(world: World, backbone: Backbone, origin: str, key: Ed25519PrivateKey) -> Settings:
    path = world.folder / "trust.json"
    path.write_text(
        json.dumps(
            {
                "version": 1,
                "control_origin": origin,
                "operator_keys": ["11" * 32],
                "log_keys": [
                    {"public_key": public(key).hex(), "valid_from": None, "valid_to": None}
                ],
                "witnesses": [],
            }
        )
    )
    return Settings(
        trust=path, topic_prefix=backbone.topics.prefix, partitions=backbone.topics.partitions
    )


def test_without_keys_given_the_sealed_control_log_names_them(world: World) -> None:
    backbone = Backbone(world.processor.servers, world.processor.topics.prefix, 4).create()
    kafka = {"bootstrap.servers": world.processor.servers}
    own = {"producer": "auditspine-release", "tenants": ["*"], "event_types": ["decision.made"]}
    former = Ed25519PrivateKey.generate()
    with running(backbone.config()):
        backbone.bootstrap()
        backbone.await_sealed("control", 0)
        origin = backbone.segments("control", 0)[0][0].origin
        opened = {"origin": origin, "topic": backbone.topics.source("control"), "partition": 0}
        opened |= {"public_key": public(LOG_KEY), "format": 1}
        backbone.say(control_event("log.opened", opened))
        backbone.await_sealed("control", 0)
        settings = trusting(world, backbone, origin, LOG_KEY)
        with pytest.raises(CliError, match="names no key of the release processor"):
            sealed_keys(settings, kafka, TENANT)
        imposter = {**own, "producer": "release"}
        backbone.say(
            key_registered(world.processor.key, **own),
            key_registered(former, **own),
            key_revoked(former),
            key_registered(Ed25519PrivateKey.generate(), **imposter),
            key_registered(Ed25519PrivateKey.generate(), **{**own, "event_types": ["*"]}),
            key_registered(Ed25519PrivateKey.generate(), **{**own, "tenants": ["globex"]}),
        )
        backbone.await_sealed("control", 0)
    assert sealed_keys(settings, kafka, TENANT) == [public(world.processor.key)]
    elsewhere = trusting(world, backbone, origin + "x", LOG_KEY)
    with pytest.raises(CliError, match="is not the control log that the trust file"):
        sealed_keys(elsewhere, kafka, TENANT)
    stranger = trusting(world, backbone, origin, Ed25519PrivateKey.generate())
    with pytest.raises(LedgerError):
        sealed_keys(stranger, kafka, TENANT)
