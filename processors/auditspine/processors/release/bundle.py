"""Makes the text of a release policy from a folder of TOML files, or from the shipped one.

The folder has ``release.toml``, ``classes/NAME.toml`` for each risk class and
``overlays/NAME.toml`` for each jurisdiction. The text is canonical JSON: the same folder and keys
give the same bytes, so its digest says which policy it is.
"""

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from auditspine.processors.release.errors import PolicyError
from auditspine.processors.release.policy import ReleasePolicy, parse_policy
from auditspine.processors.release.policy_text import FORMAT, MAX_CHARACTERS, RELEASE_FILE
from auditspine.processors.release.providers import KEY_TYPES, PRIVATE_PARTS

Fetch = Callable[[str], Mapping[str, Any]]
"""Gives the JWK set of an issuer."""

_KEPT = ("kty", "kid", "use", "alg", "key_ops", "crv", "x", "y", "n", "e", *sorted(PRIVATE_PARTS))


def bundle(folder: Path | None, fetch: Fetch) -> str:
    """Read a folder of policy files and give the text to publish.

    Args:
        folder: The folder; None for the shipped one.
        fetch: Gives the keys of an identity provider that names no ``jwks_file``.

    Returns:
        The text; it parses.

    Raises:
        PolicyError: A file cannot be read, or the policy not be used; the message names them.
    """
    root: Traversable = files("auditspine.policies") / "release" if folder is None else folder
    release = _toml(root / RELEASE_FILE, RELEASE_FILE)
    if isinstance(release.get("identity"), list):
        release["identity"] = [
            _with_keys(number, each, root, fetch) for number, each in enumerate(release["identity"])
        ]
    said = {
        "format": FORMAT,
        "release": release,
        "classes": dict(_folder(root, "classes")),
        "overlays": dict(_folder(root, "overlays")),
    }
    text = _canonical(said)
    parse_policy(text)
    return text


@cache
def shipped_policy() -> ReleasePolicy:
    """Give the policy that is shipped; it trusts no identity provider."""
    return parse_policy(bundle(None, _no_keys))


def _no_keys(issuer: str) -> Mapping[str, Any]:
    raise PolicyError(f"{RELEASE_FILE}: identity: no keys of {issuer}")


def _folder(root: Traversable, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    folder = root / name
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir(), key=lambda each: each.name):
        if path.name.startswith("."):
            continue
        if not path.name.endswith(".toml"):
            raise PolicyError(f"{name}: expected files whose names end in .toml only")
        yield path.name.removesuffix(".toml"), _toml(path, f"{name}/{path.name}")


def _toml(path: Traversable, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(_read(path, name))
    except tomllib.TOMLDecodeError as exc:
        raise PolicyError(f"{name}: not TOML: {_where(exc)}") from None
    except RecursionError:
        raise PolicyError(f"{name}: not TOML: it is nested too deeply") from None


def _where(exc: tomllib.TOMLDecodeError) -> str:
    """Give where a file stops being TOML, without what it says there."""
    _, found, place = str(exc).rpartition("(at ")
    return f"at {place.rstrip(')')}" if found else "somewhere"


def _read(path: Traversable, name: str) -> str:
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise PolicyError(f"{name}: cannot be read: {exc.strerror}") from None
    if len(content) > MAX_CHARACTERS:
        raise PolicyError(f"{name}: expected at most {MAX_CHARACTERS} bytes, got {len(content)}")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise PolicyError(f"{name}: not UTF-8") from None


def _with_keys(number: int, part: Any, root: Traversable, fetch: Fetch) -> Any:
    """Give an identity provider with its keys in place of the file or address that has them."""
    if not isinstance(part, dict) or not isinstance(part.get("issuer"), str):
        return part
    place = f"{RELEASE_FILE}: identity.{number}"
    if "jwks" in part:
        raise PolicyError(f"{place}.jwks: expected jwks_file, or neither to ask the provider")
    said = {name: value for name, value in part.items() if name != "jwks_file"}
    file = part.get("jwks_file")
    if file is None:
        return said | {"jwks": _public_keys(fetch(part["issuer"]))}
    if not isinstance(file, str) or not file or "/" in file or "\\" in file or file == "..":
        raise PolicyError(f"{place}.jwks_file: expected the name of a file in the folder")
    try:
        keys = json.loads(_read(root / file, file))
    except (ValueError, RecursionError):
        raise PolicyError(f"{file}: not JSON") from None
    if not isinstance(keys, dict):
        raise PolicyError(f"{file}: expected a JWK set")
    return said | {"jwks": _public_keys(keys)}


def _public_keys(jwks: Mapping[str, Any]) -> dict[str, Any]:
    """Give a set's keys for signatures, with the members that verifying needs, in a fixed order.

    Keys of unknown types are left out, as RFC 7517 §5 asks; a shared secret or a private key
    stays, to be refused.
    """
    keys = jwks.get("keys")
    kept = [
        {name: each[name] for name in _KEPT if name in each}
        for each in (keys if isinstance(keys, list) else ())
        if isinstance(each, dict)
        and each.get("kty") in {*KEY_TYPES, "oct"}
        and each.get("use", "sig") == "sig"
    ]
    return {"keys": sorted(kept, key=_canonical)}


def _canonical(said: Any) -> str:
    try:
        return json.dumps(
            said, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
    except (TypeError, ValueError):
        raise PolicyError("expected no dates, times or infinite numbers in the files") from None
