"""A folder of policy files becomes one text: the same bytes each time, and keys that are public."""

import json
import shutil
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pytest
from tests.unit.processors.release_texts import PUBLIC_KEY

from auditspine.processors.release.bundle import bundle, shipped_policy
from auditspine.processors.release.errors import PolicyError
from auditspine.processors.release.policy import parse_policy

ISSUER = "https://login.example.com"
IDENTITY = f'\n[[identity]]\nissuer = "{ISSUER}"\naudience = "auditspine"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with as_file(files("auditspine.policies") / "release") as shipped:
        return Path(shutil.copytree(shipped, tmp_path / "policy"))


def no_keys(issuer: str) -> Mapping[str, Any]:
    raise AssertionError(f"nobody should ask {issuer}")


def refused(folder: Path, fetch: Any = no_keys) -> str:
    with pytest.raises(PolicyError) as caught:
        bundle(folder, fetch)
    return str(caught.value)


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text("utf-8") + text, "utf-8")


def test_the_same_files_give_the_same_text_and_it_parses(folder: Path) -> None:
    text = bundle(folder, no_keys)
    assert text == bundle(folder, no_keys) == bundle(None, no_keys)
    assert parse_policy(text).digest == shipped_policy().digest
    assert "\n" not in text
    assert json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")) == text


def test_another_rule_gives_another_digest(folder: Path) -> None:
    path = folder / "classes" / "high.toml"
    path.write_text(path.read_text("utf-8").replace("value = 365,", "value = 180,"), "utf-8")
    changed = parse_policy(bundle(folder, no_keys))
    assert changed.digest != shipped_policy().digest
    assert changed.ruleset("high").parameters["validation_days"] == 180


def test_keys_are_fetched_from_the_issuer_and_sorted(folder: Path) -> None:
    append(folder / "release.toml", IDENTITY)
    other = {"kty": "RSA", "kid": "2", "n": "x", "e": "AQAB", "x5c": ["certificate"]}
    for_encryption = {"kty": "RSA", "kid": "3", "n": "x", "e": "AQAB", "use": "enc"}
    unknown = {"kty": "LATTICE", "kid": "4"}
    keys = [unknown, other, for_encryption, PUBLIC_KEY]
    asked: list[str] = []

    def fetch(issuer: str) -> Mapping[str, Any]:
        asked.append(issuer)
        return {"keys": keys, "more": 1}

    text = bundle(folder, fetch)
    assert asked == [ISSUER]
    kept = parse_policy(text).providers[0].jwks["keys"]
    assert [each["kid"] for each in kept] == ["1", "2"]
    assert "certificate" not in text
    keys.reverse()
    assert bundle(folder, fetch) == text


def test_keys_may_come_from_a_file(folder: Path) -> None:
    append(folder / "release.toml", IDENTITY + 'jwks_file = "jwks.json"\n')
    (folder / "jwks.json").write_text(json.dumps({"keys": [PUBLIC_KEY]}))
    text = bundle(folder, no_keys)
    assert parse_policy(text).providers[0].jwks == {"keys": [PUBLIC_KEY]}
    assert "jwks_file" not in text


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("", "jwks.json: not JSON"),
        ("[1]", "jwks.json: expected a JWK set"),
        ('{"keys": []}', "identity.0.jwks: expected a JWK set of 1 to 32 keys"),
        ('{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', "identity.0.jwks: keys.0: expected"),
        (json.dumps({"keys": [PUBLIC_KEY | {"d": "c2VjcmV0"}]}), "got a private one"),
        (None, "jwks.json: cannot be read"),
    ],
)
def test_keys_that_cannot_be_published_are_refused(folder: Path, keys, message) -> None:
    append(folder / "release.toml", IDENTITY + 'jwks_file = "jwks.json"\n')
    if keys is not None:
        (folder / "jwks.json").write_text(keys)
    told = refused(folder)
    assert message in told
    assert "c2VjcmV0" not in told


@pytest.mark.parametrize("name", ["../jwks.json", "/etc/passwd", "..", "a\\\\b", ""])
def test_keys_come_from_the_folder_only(folder: Path, name: str) -> None:
    append(folder / "release.toml", IDENTITY + f'jwks_file = "{name}"\n')
    assert "identity.0.jwks_file: expected the name of a file in the folder" in refused(folder)


def test_keys_are_not_written_into_the_file_itself(folder: Path) -> None:
    append(folder / "release.toml", IDENTITY + "jwks = { keys = [] }\n")
    assert "identity.0.jwks: expected jwks_file" in refused(folder)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("release.toml", "version = 'secret", "release.toml: not TOML: at end of document"),
        ("classes/high.toml", "= secret", "classes/high.toml: not TOML: at line 1"),
        ("overlays/eu.toml", "\udcff", "overlays/eu.toml: not UTF-8"),
        ("overlays/eu.toml", "at = 2026-11-25\nclasses = {}", "no dates"),
        ("classes/high.toml", "", "classes/high.toml: rules: Field required"),
        ("classes/notes.md", "secret", "classes: expected files whose names end in .toml only"),
        ("classes/two words.toml", "rules = []", "classes/(a name).toml"),
        ("release.toml", "#" * 300_000, "release.toml: expected at most 262144 bytes"),
        ("release.toml", "a = " + "[" * 100_000, "release.toml: not TOML"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(folder, file, content, message) -> None:
    (folder / file).write_bytes(content.encode("utf-8", "surrogateescape"))
    told = refused(folder)
    assert message in told
    assert "secret" not in told


def test_files_that_are_missing_are_named(folder: Path) -> None:
    shutil.rmtree(folder / "overlays")
    assert "there is no overlays/eu.toml" in refused(folder)
    shutil.rmtree(folder / "classes")
    assert "classes: " in refused(folder)
    (folder / "release.toml").unlink()
    assert "release.toml: cannot be read" in refused(folder)


def test_what_an_editor_leaves_is_no_policy_file(folder: Path) -> None:
    (folder / "classes" / ".high.toml.swp").write_bytes(b"\xff")
    assert bundle(folder, no_keys) == bundle(None, no_keys)
