"""Signatures and quarantines from the command line into the sealed log, on the real stack."""

import base64
import json
import signal

import pytest
from tests.integration.cli.cli_stack import Stack
from tests.waiting import await_true

from auditspine.ledger.intoto import covers
from auditspine.schemas.formats import parse_digest

pytestmark = pytest.mark.timeout(600)  # seconds; the first test also starts the stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A stack with a workload that may sign artifacts, one that may not, and a model."""
    running = Stack(tmp_path_factory.mktemp("artifacts")).start()
    assert running.run("tenants", "register", "acme")[0] == 0
    for producer, types in (("trainer", "artifact.*"), ("scorer", "prediction.made")):
        assert running.run("keys", "create", producer)[0] == 0
        registering = ("keys", "register", producer, "--tenant", "acme", "--event-type", types)
        assert running.run(*registering)[0] == 0
    model = running.root / "model"
    model.mkdir()
    (model / "weights.bin").write_bytes(b"weights" * 1000)
    (model / "config.json").write_text("{}")
    yield running
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(60) == 0
    assert running.left() == []


def sign(stack: Stack, workload: str) -> tuple[int, str, str]:
    naming = ("--name", "mortgage-risk", "--version", "3", "--tenant", "acme")
    return stack.run("artifact", "sign", "model", "--publish", "--workload", workload, *naming)


def landed(stack: Stack, event_type: str, count: int) -> list[tuple[str, str, dict]]:
    """Give principal, kind of actor and body of each event of a type, once so many landed."""
    query = (
        "SELECT actor_principal, actor_kind, body FROM committed_evidence "
        f"WHERE event_type = '{event_type}' ORDER BY position"
    )
    await_true(lambda: len(stack.query(query)) == count, f"{count} {event_type} landed")
    return [(who, kind, json.loads(body)) for who, kind, body in stack.query(query)]


def test_a_published_signature_is_the_one_in_the_file_and_covers_the_model(stack: Stack) -> None:
    code, out, err = sign(stack, "trainer")
    assert code == 0, out + err
    assert "artifact.signed is sealed" in out
    [(who, kind, body)] = landed(stack, "artifact.signed", 1)
    assert (who, kind) == ("trainer", "workload")
    assert body["envelope"] == (stack.root / "model.sig").read_text().strip()
    artifact = body["artifact"]
    assert (artifact["kind"], artifact["name"]) == ("model", "mortgage-risk")
    assert (artifact["version"], body["format"]) == ("3", "dsse")
    digest, public = parse_digest(artifact["digest"]), base64.b64decode(body["public_key"])
    covers(body["envelope"], public, digest)
    said = json.loads(stack.run("artifact", "digest", "model", "--json", data_dir=False)[1])
    assert said["digest"] == f"sha256:{digest.hex()}"


def test_a_key_that_may_not_say_so_is_found_out(stack: Stack) -> None:
    code, _, err = sign(stack, "scorer")
    assert code == 2
    assert "quarantined it" in err


def test_the_control_log_says_whose_signature_counts(stack: Stack) -> None:
    by = ("--trusted-by", "trainer", "--tenant", "acme")
    signing = ("artifact", "sign", "model", "--output")
    assert stack.run(*signing, "trainer.sig", "--workload", "trainer")[0] == 0
    assert stack.run(*signing, "scorer.sig", "--workload", "scorer")[0] == 0
    verifying = ("artifact", "verify", "model", "--signature")
    code, out, err = stack.run(*verifying, "trainer.sig", *by)
    assert code == 0, out + err
    assert stack.run(*verifying, "scorer.sig", *by)[0] == 1
    code, _, err = stack.run(*verifying, "scorer.sig", "--trusted-by", "scorer")
    assert (code, "no key that may sign artifacts" in err) == (2, True)
    code, _, err = stack.run(*verifying, "trainer.sig", "--trusted-by", "trainer", "--tenant", "x")
    assert (code, "for x" in err) == (2, True)


def test_a_model_is_quarantined_and_released(stack: Stack) -> None:
    model = f"mortgage-risk:3@sha256:{'ab' * 32}"
    for more in ((), ("--release", "--by", "ana@acme.example")):
        code, out, err = stack.run(
            *("artifact", "quarantine", model, "--tenant", "acme", "--workload", "trainer"),
            *("--reason", "poisoned data", *more),
        )
        assert code == 0, out + err
    first, second = landed(stack, "artifact.quarantined", 2)
    assert first[:2] == ("trainer", "workload")
    assert second[:2] == ("ana@acme.example", "person")
    assert [first[2]["action"], second[2]["action"]] == ["quarantined", "released"]
    assert parse_digest(first[2]["artifact"]["digest"]) == bytes.fromhex("ab" * 32)
    assert first[2]["reason"] == "poisoned data"
