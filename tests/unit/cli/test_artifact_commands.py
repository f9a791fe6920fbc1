"""``auditspine artifact`` without a stack: digest, sign, verify, and wrong use."""

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from tests.integration.cli.forked import run_command

from auditspine.cli.artifact_keys import public_key, signing_keys
from auditspine.cli.errors import CliError
from auditspine.ledger.control import RegisteredKey
from auditspine.ledger.genesis import initial_control_state
from auditspine.ledger.intoto import open_artifact
from auditspine.ledger.keyfile import create_key, public_bytes

SIGN = ("sign", "model", "--key", "trainer.pem")
PUBLISH = (*SIGN, "--publish", "--tenant", "t", "--workload", "w")


class Desk:
    """A folder with a model and a key, and the commands in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.model = root / "model"
        (self.model / "weights").mkdir(parents=True)
        (self.model / "config.json").write_text("{}")
        (self.model / "weights" / "a.bin").write_bytes(b"weights")
        self.public = public_bytes(create_key(root / "trainer.pem"))

    def run(self, *arguments: str) -> tuple[int, str, str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AUDITSPINE_")}
        code, out, err = run_command(("artifact", *arguments), "", self.root, environment)
        assert "Traceback" not in err, err
        return code, out, err

    def sign(self, *more: str) -> None:
        code, out, err = self.run("sign", "model", "--key", "trainer.pem", *more)
        assert code == 0, out + err

    def verify(self, *more: str) -> tuple[int, str, str]:
        return self.run("verify", "model", *more, "--key", self.public.hex())

    def signed(self) -> str:
        return (self.root / "model.sig").read_text()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_digest_prints_what_a_model_is_named_with(desk: Desk) -> None:
    file = desk.model / "config.json"
    code, out, err = desk.run("digest", str(file))
    assert (code, out, err) == (0, f"sha256:{sha256(b'{}').hexdigest()}\n", "")
    found = json.loads(desk.run("digest", "model", "--json")[1])
    files = [sha256(b"{}"), sha256(b"weights")]
    assert found["digest"] == "sha256:" + sha256(b"".join(f.digest() for f in files)).hexdigest()
    assert list(found["files"]) == ["config.json", "weights/a.bin"]


def test_what_was_signed_is_verified_with_every_form_of_the_key(desk: Desk) -> None:
    desk.sign("--name", "mortgage-risk")
    assert open_artifact(desk.signed(), desk.public).name == "mortgage-risk"
    pem = subprocess.run(
        ["openssl", "pkey", "-in", desk.root / "trainer.pem", "-pubout"],
        check=True,
        capture_output=True,
    ).stdout
    (desk.root / "public.pem").write_bytes(pem)
    for key in ("public.pem", desk.public.hex(), desk.public.hex().upper()):
        code, out, err = desk.run("verify", "model/", "--key", key)
        assert (code, err) == (0, "")
        assert "as it was signed, 2 files" in out
        assert desk.public.hex() in out


def test_the_signature_of_a_file_lies_beside_it_or_where_it_is_put(desk: Desk) -> None:
    code, out, _ = desk.run(
        "sign", "model/config.json", "--key", "trainer.pem", "--output", "c.sig", "--json"
    )
    assert code == 0
    assert json.loads(out)["signature"] == "c.sig"
    assert json.loads(out)["event"] is None
    key = ("--key", desk.public.hex())
    assert desk.run("verify", "model/config.json", "--signature", "c.sig", *key)[0] == 0
    assert desk.run("verify", "model/config.json", *key)[0] == 2
    assert sorted(path.name for path in desk.root.iterdir()) == ["c.sig", "model", "trainer.pem"]


def test_an_altered_artifact_is_told_by_file_and_exits_with_1(desk: Desk) -> None:
    desk.sign()
    (desk.model / "config.json").write_text("{ }")
    (desk.model / "weights" / "a.bin").unlink()
    (desk.model / "evil\x1b[2J.py").touch()
    code, out, _ = desk.verify()
    assert code == 1
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["added", "removed", "changed"]
    assert "\x1b" not in out
    told = json.loads(desk.verify("--json")[1])
    assert told["verified"] is False
    assert told["added"] == ["evil\x1b[2J.py"]
    assert (told["removed"], told["changed"]) == (["weights/a.bin"], ["config.json"])


def test_many_altered_files_do_not_flood_the_screen(desk: Desk) -> None:
    desk.sign()
    for number in range(30):
        (desk.model / f"{number:02}").touch()
    lines = desk.verify()[1].splitlines()
    assert len(lines) == 22
    assert lines[-1].split() == ["added", "10", "more"]


def test_an_altered_file_is_called_by_its_name(desk: Desk) -> None:
    file = desk.model / "config.json"
    assert desk.run("sign", str(file), "--key", "trainer.pem", "--output", "c.sig")[0] == 0
    file.write_text("[]")
    code, out, _ = desk.run("verify", str(file), "--signature", "c.sig", "--key", desk.public.hex())
    assert code == 1
    assert out.splitlines()[1].split() == ["changed", "config.json"]


def test_another_key_exits_with_1_and_the_artifact_is_not_read(desk: Desk) -> None:
    desk.sign()
    (desk.model / "weights" / "a.bin").unlink()
    other = public_bytes(create_key(desk.root / "other.pem")).hex()
    code, out, _ = desk.run("verify", "model", "--key", other)
    assert code == 1
    assert "does not hold" in out
    assert "altered" not in out


def test_a_signature_of_another_artifact_does_not_do(desk: Desk) -> None:
    desk.sign()
    file = desk.model / "config.json"
    code, out, _ = desk.run(
        "verify", str(file), "--signature", "model.sig", "--key", desk.public.hex()
    )
    assert code == 1
    assert "altered" in out


@pytest.mark.parametrize("text", ["", "{}", "no json", '{"payload":"", "signatures":[]}'])
def test_what_is_no_signature_exits_with_2(desk: Desk, text: str) -> None:
    (desk.root / "model.sig").write_text(text)
    code, _, err = desk.verify()
    assert code == 2
    assert "expected a DSSE envelope" in err


def test_a_link_in_the_artifact_exits_with_2(desk: Desk) -> None:
    desk.sign()
    (desk.model / "weights" / "a.bin").unlink()
    (desk.model / "weights" / "a.bin").symlink_to("/etc/passwd")
    code, _, err = desk.verify()
    assert code == 2
    assert "a.bin: is a symbolic link" in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("sign", "model"), "--key"),
        (("sign", "model", "--key", "none.pem"), "does not exist"),
        (("sign", "none", "--key", "trainer.pem"), "cannot be read: No such file"),
        ((*SIGN, "--name", ""), "expected a name"),
        ((*SIGN, "--output", "model/m.sig"), "would alter it"),
        ((*SIGN, "--output", "model"), "would alter it"),
        ((*SIGN, "--output", "no/m.sig"), "that exists"),
        ((*SIGN, "--publish"), "needs --tenant"),
        (
            (*PUBLISH, "--version", "1\n"),
            "version",
        ),
        (
            (*PUBLISH, "--version", "1"),
            "no Kafka",
        ),
        (("verify", "model"), "either --key or --trusted-by"),
        (("verify", "model", "--key", "00" * 32, "--trusted-by", "w"), "either --key or"),
        (("verify", "model", "--key", "00" * 32), "model.sig: the signature cannot be read"),
        (("verify", "model", "--signature", "model", "--key", "00" * 32), "Is a directory"),
        (("digest", "none"), "cannot be read"),
        (("quarantine", "m:1", "--tenant", "t", "--reason", "r"), "named with its digest"),
        (("quarantine", "m:1@sha256:" + "0" * 64, "--tenant", "t", "--reason", ""), "reason"),
        (("quarantine", "m:1@sha256:" + "0" * 64, "--tenant", "t", "--reason", "r"), "Kafka"),
    ],
)
def test_wrong_use_is_explained(desk: Desk, arguments: tuple[str, ...], told: str) -> None:
    code, out, err = desk.run(*arguments)
    assert (code, out) == (2, "")
    assert told in err.replace("\n", " ")
    assert not (desk.root / "model.sig").exists()


def test_a_signature_is_replaced_whole(desk: Desk) -> None:
    desk.sign()
    before = desk.signed()
    (desk.model / "config.json").write_text("[]")
    desk.sign()
    assert desk.signed() != before
    assert desk.verify()[0] == 0


def test_a_private_key_is_no_public_key(desk: Desk) -> None:
    with pytest.raises(CliError, match="openssl pkey -pubout"):
        public_key(str(desk.root / "trainer.pem"))


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "p.pem"
    made = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"]
    key = subprocess.run(made, check=True, capture_output=True).stdout
    pem = subprocess.run(["openssl", "ec", "-pubout"], input=key, check=True, capture_output=True)
    file.write_bytes(pem.stdout)
    with pytest.raises(CliError, match="another kind"):
        public_key(str(file))


def test_a_workloads_keys_are_those_that_may_sign_artifacts_now() -> None:
    state = initial_control_state()

    def register(number: int, **differs) -> bytes:
        key = bytes([number]) * 32
        fields = {
            "public_key": key,
            "producer": "trainer",
            "tenants": frozenset({"acme"}),
            "event_types": ("*",),
            "purpose": "producer",
            "registered": number,
        }
        state.keys[key] = RegisteredKey(**fields | differs)
        return key

    good = [register(1), register(2, event_types=("artifact.*",))]
    register(3, producer="scorer")
    register(4, revoked=9)
    register(5, event_types=("model.*",))
    register(6, purpose="log")
    globex = register(7, tenants=frozenset({"globex"}))
    assert signing_keys(state, "trainer", "acme") == good
    assert signing_keys(state, "trainer", None) == [*good, globex]
    assert signing_keys(state, "nobody", None) == []


def test_the_documented_way_with_other_tools_works(desk: Desk) -> None:
    text = (Path(__file__).parents[3] / "docs" / "artifacts.md").read_text()
    (desk.root / "verify.py").write_text(text.split("```python\n")[1].split("```")[0])
    [block] = [part for part in text.split("```") if "python verify.py" in part]
    desk.sign()

    def check() -> subprocess.CompletedProcess:
        script = "set -e\n" + block.replace("python ", f"{sys.executable} ")
        shell = ["sh", "-c", script]
        return subprocess.run(shell, check=False, cwd=desk.root, capture_output=True, text=True)

    done = check()
    assert done.returncode == 0, done.stderr
    assert done.stdout == "model/config.json: OK\nmodel/weights/a.bin: OK\n"
    (desk.model / "config.json").write_text("[]")
    assert "config.json: FAILED" in check().stdout
    create_key(desk.root / "other.pem")
    (desk.root / "other.pem").replace(desk.root / "trainer.pem")
    assert "VerificationError" in check().stderr
