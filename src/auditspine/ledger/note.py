"""Signed notes and checkpoints in the C2SP formats, so that other tools read them. Pure.

Source: c2sp.org/signed-note and c2sp.org/tlog-checkpoint. The log's key is named after its
origin, as tlog-checkpoint recommends.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from auditspine.ledger.errors import FormatError, IntegrityError

_ALGORITHM_ED25519 = b"\x01"
_SIGNATURE_MARK = "— "


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's claim about itself.

    Attributes:
        origin: The log's identity, ``region/cluster/topic-id/partition``.
        size: Number of entries.
        root: Merkle tree hash of them, 32 bytes.
        extensions: Further lines that are signed, each with text and without a line break.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def body(self) -> str:
        """Give the text that is signed. Source: c2sp.org/tlog-checkpoint."""
        root = base64.b64encode(self.root).decode()
        return "".join(f"{line}\n" for line in (self.origin, self.size, root, *self.extensions))


def raw_public_key(key: Ed25519PrivateKey | Ed25519PublicKey) -> bytes:
    """Give an Ed25519 key's public half, 32 bytes."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return public.public_bytes_raw()


def key_id(name: str, public_key: bytes) -> bytes:
    """Give a note key's id, 4 bytes. Source: c2sp.org/signed-note, Ed25519."""
    return sha256(name.encode() + b"\n" + _ALGORITHM_ED25519 + public_key).digest()[:4]


def verifier_key(name: str, public_key: bytes) -> str:
    """Give the key as a vkey, ``name+hash+base64``, for use with other tools."""
    encoded = base64.b64encode(_ALGORITHM_ED25519 + public_key).decode()
    return f"{name}+{key_id(name, public_key).hex()}+{encoded}"


def sign_checkpoint(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """Sign a checkpoint with the log's key, named after the origin.

    Returns:
        The signed note.

    Source: c2sp.org/signed-note.
    """
    body = checkpoint.body()
    public = raw_public_key(key)
    blob = key_id(checkpoint.origin, public) + key.sign(body.encode())
    return f"{body}\n{_SIGNATURE_MARK}{checkpoint.origin} {base64.b64encode(blob).decode()}\n"


def parse_checkpoint(note: str) -> Checkpoint:
    """Read the checkpoint out of a note without checking any signature.

    Raises:
        FormatError: The note is not a checkpoint.
    """
    body, _ = _split(note)
    lines = body.split("\n")
    if len(lines) < 4 or not lines[0]:
        raise FormatError("a checkpoint has an origin, a size and a root")
    size = lines[1]
    if not (size.isascii() and size.isdecimal()) or (size != "0" and size.startswith("0")):
        raise FormatError("a checkpoint's size is a decimal number without leading zeros")
    root = _decode(lines[2], "root")
    if len(root) != 32:
        raise FormatError(f"a checkpoint's root has 32 bytes, got {len(root)}")
    return Checkpoint(lines[0], int(size), root, tuple(lines[3:-1]))


def open_checkpoint(note: str, public_keys: Mapping[str, bytes]) -> Checkpoint:
    """Read a checkpoint and check that one of the trusted keys signed it.

    Args:
        note: The signed note.
        public_keys: Trusted Ed25519 public keys by key name, 32 bytes each; signatures of
            other keys are ignored.

    Raises:
        FormatError: The note is not a checkpoint.
        IntegrityError: No trusted key signed it, or a trusted key's signature is wrong.
    """
    checkpoint = parse_checkpoint(note)
    body, signatures = _split(note)
    trusted = 0
    for name, blob in signatures:
        public = public_keys.get(name)
        if public is None or blob[:4] != key_id(name, public):
            continue
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(blob[4:], body.encode())
        except (InvalidSignature, ValueError) as exc:
            raise IntegrityError(
                f"signature of {name} on the checkpoint of size {checkpoint.size} is wrong"
            ) from exc
        trusted += 1
    if not trusted:
        raise IntegrityError(
            f"no trusted key signed the checkpoint of {checkpoint.origin} at size {checkpoint.size}"
        )
    return checkpoint


def _split(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    text, separator, tail = note.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise FormatError("a signed note is a text, a blank line and signature lines")
    signatures = []
    for line in tail[:-1].split("\n"):
        name, _, encoded = line.removeprefix(_SIGNATURE_MARK).partition(" ")
        if not line.startswith(_SIGNATURE_MARK) or not name or "+" in name:
            raise FormatError("a signature line of a note is malformed")
        blob = _decode(encoded, "signature")
        if len(blob) < 5:
            raise FormatError("a signature line of a note is too short")
        signatures.append((name, blob))
    return text + "\n", signatures


def _decode(encoded: str, field: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise FormatError(f"the {field} of a note is not base64") from exc
