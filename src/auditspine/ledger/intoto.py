"""What a producer signs of a model's bytes: an in-toto statement in a DSSE envelope. Pure.

The statement is the one of OpenSSF Model Signing, so that its tools read what is in it; the
envelope is signed with the producer's Ed25519 key instead of a Sigstore bundle's. Does not read
the bytes of a model: the producer does. Does not decide which key is trusted: the control log does.

Sources: in-toto attestation framework, spec/v1/statement.md; OpenSSF model-signing 1.1,
``model_signing/_signing/signing.py`` (predicate ``signature/v1.0``, serialization ``files``).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.ledger.dsse import open_envelope, sign_envelope
from auditspine.ledger.errors import FormatError, IntegrityError
from auditspine.ledger.keyfile import public_bytes

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"

MAX_FILES = 2000
"""More files than any envelope has room for, however short their names are."""

_SERIALIZATION = {
    "method": "files",
    "hash_type": "sha256",
    "allow_symlinks": False,
    "ignore_paths": [],
}
_WHOLE = "."  # how the format names the only file of a model that is a file
_DIGEST_BYTES = 32
_MAX_NAME = 4096  # bytes


@dataclass(frozen=True, slots=True)
class FileDigest:
    """One file of an artifact.

    Attributes:
        name: Its path in the artifact, with slashes; ``.`` where the artifact is the file.
        digest: SHA-256 of its bytes, 32 bytes.
    """

    name: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an artifact consists of. Made by :func:`of_file`, :func:`of_directory` or read.

    Attributes:
        name: What the signer calls it; says nothing about its content.
        digest: What identifies its content, 32 bytes: of a file the SHA-256 of its bytes; of a
            directory the SHA-256 of its files' digests, one after the other.
        files: Its files, in order.
    """

    name: str
    digest: bytes
    files: tuple[FileDigest, ...]


def of_file(name: str, digest: bytes) -> Manifest:
    """Make the manifest of an artifact that is one file.

    Args:
        name: What to call it.
        digest: SHA-256 of its bytes, 32 bytes.

    Raises:
        FormatError: The name is empty or no text, or the digest has another size.
    """
    return _manifest(name, (FileDigest(_WHOLE, digest),))


def of_directory(name: str, files: Iterable[FileDigest]) -> Manifest:
    """Make the manifest of an artifact that is a directory.

    Args:
        name: What to call it.
        files: Its files, in any order.

    Raises:
        FormatError: There is no file, a name comes twice, or a name is not a path within.
    """
    found = tuple(sorted(files, key=_place))
    if any(each.name == _WHOLE for each in found):
        raise FormatError("a file of a directory cannot be named .")
    return _manifest(name, found)


def sign_artifact(key: Ed25519PrivateKey, manifest: Manifest) -> str:
    """Sign an artifact's content.

    Args:
        key: The producer's key.
        manifest: What the artifact consists of.

    Returns:
        The DSSE envelope, JSON.

    Raises:
        FormatError: The manifest is not coherent, or too large for an envelope, which has room
            for :data:`MAX_FILES` files at the very most and for about a thousand as a rule.
    """
    if manifest != _manifest(manifest.name, manifest.files):
        raise FormatError("the digest of a manifest is not that of its files")
    envelope = sign_envelope(key, PAYLOAD_TYPE, _encode(manifest))
    try:
        open_artifact(envelope, public_bytes(key))  # never give away what nobody could read
    except FormatError as exc:
        raise FormatError(f"{len(manifest.files)} files are too many to sign: {exc}") from exc
    return envelope


def open_artifact(envelope: str, public_key: bytes) -> Manifest:
    """Check an artifact's signature and read what it covers.

    Args:
        envelope: The DSSE envelope, JSON.
        public_key: The key that must have signed it, 32 bytes.

    Raises:
        FormatError: It is no such statement: another type, not one subject, files that are left
            out or not in order.
        IntegrityError: The key did not sign it, or its files do not make up its subject.
    """
    payload = open_envelope(envelope, PAYLOAD_TYPE, public_key)
    try:
        said = json.loads(payload, object_pairs_hook=_once)
    except (ValueError, RecursionError) as exc:
        raise FormatError("an in-toto statement is not JSON with distinct fields") from exc
    try:
        return _decode(said)
    except (KeyError, TypeError, ValueError) as exc:
        raise FormatError("an in-toto statement has not the fields of a signed model") from exc


def covers(envelope: str, public_key: bytes, digest: bytes) -> None:
    """Check that a signature is one over exactly this content.

    Args:
        envelope: The DSSE envelope, JSON.
        public_key: The key that must have signed it, 32 bytes.
        digest: The artifact's digest, 32 bytes.

    Raises:
        FormatError: As :func:`open_artifact`.
        IntegrityError: As :func:`open_artifact`, or it covers another content.
    """
    got = open_artifact(envelope, public_key).digest
    if got != digest:
        raise IntegrityError(f"expected a signature over {digest.hex()}, got one over {got.hex()}")


def _manifest(name: str, files: tuple[FileDigest, ...]) -> Manifest:
    if not _is_text(name):
        raise FormatError(f"expected a name of 1 to {_MAX_NAME} bytes of UTF-8, got another")
    if not files:
        raise FormatError("an artifact has at least one file")
    for each in files:
        _require_file(each, alone=len(files) == 1)
    places = [_place(each) for each in files]
    if any(before >= after for before, after in pairwise(places)):
        raise FormatError("the files of an artifact are not each once and in order")
    return Manifest(name, files[0].digest if files[0].name == _WHOLE else _root(files), files)


def _require_file(file: FileDigest, *, alone: bool) -> None:
    parts = file.name.split("/") if _is_text(file.name) else [""]
    within = not any(part in ("", ".", "..") for part in parts) and "\0" not in file.name
    if not within and not (alone and file.name == _WHOLE):
        raise FormatError("expected names of files within the artifact, got another")
    if len(file.digest) != _DIGEST_BYTES:
        raise FormatError(f"expected a digest of {_DIGEST_BYTES} bytes, got {len(file.digest)}")


def _is_text(name: object) -> bool:
    if not isinstance(name, str):
        return False
    try:
        return 0 < len(name.encode()) <= _MAX_NAME
    except UnicodeEncodeError:
        return False


def _place(file: FileDigest) -> list[str]:
    """Order by directories, then names: ``a/x`` before ``a.b``, as the format does."""
    return file.name.split("/")


def _root(files: Sequence[FileDigest]) -> bytes:
    """Give the digest of the statement's subject."""
    return sha256(b"".join(each.digest for each in files)).digest()


def _encode(manifest: Manifest) -> bytes:
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": manifest.name, "digest": {"sha256": _root(manifest.files).hex()}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "serialization": _SERIALIZATION,
            "resources": [
                {"name": each.name, "algorithm": "sha256", "digest": each.digest.hex()}
                for each in manifest.files
            ],
        },
    }
    return json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _decode(said: Any) -> Manifest:
    """Read a statement. Fields that it does not know are ignored, as both sources ask."""
    if said["_type"] != STATEMENT_TYPE or said["predicateType"] != PREDICATE_TYPE:
        raise FormatError(f"expected a statement of {PREDICATE_TYPE}, got another")
    if len(said["subject"]) != 1:
        raise FormatError(f"expected one subject, got {len(said['subject'])}")
    [subject], predicate = said["subject"], said["predicate"]
    how = {"ignore_paths": [], **predicate["serialization"]}  # writers leave out an empty list
    if {field: how[field] for field in _SERIALIZATION} != _SERIALIZATION:
        raise FormatError("expected SHA-256 of every file, no links and none left out, got another")
    files = tuple(_resource(each) for each in predicate["resources"])
    manifest = _manifest(subject["name"], files)
    expected, got = _sha256(subject["digest"]["sha256"]), _root(files)
    if got != expected:
        raise IntegrityError(
            f"expected files that make up {expected.hex()}, got files that make up {got.hex()}"
        )
    return manifest


def _resource(said: Any) -> FileDigest:
    if said["algorithm"] != "sha256":
        raise FormatError("expected files' digests of sha256, got another algorithm")
    return FileDigest(said["name"], _sha256(said["digest"]))


def _sha256(text: str) -> bytes:
    digest = bytes.fromhex(text)
    if digest.hex() != text:  # fromhex also takes capitals and spaces
        raise ValueError("not lower-case hexadecimal")
    return digest


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a field that comes twice: two readers could take different ones."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field comes twice")
    return fields
