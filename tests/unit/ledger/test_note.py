"""Checkpoints are C2SP signed notes."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from auditspine.ledger.errors import FormatError, IntegrityError
from auditspine.ledger.merkle import EMPTY_ROOT
from auditspine.ledger.note import (
    Checkpoint,
    key_id,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
    verifier_key,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key().public_bytes_raw()
ORIGIN = "local/cluster/topic/0"
CHECKPOINT = Checkpoint(ORIGIN, 12, bytes(range(32)))
NOTE = sign_checkpoint(CHECKPOINT, KEY)


def test_key_id_matches_the_example_of_the_specification() -> None:
    """The vkey in c2sp.org/signed-note's golang.org/x/mod/sumdb/note documentation."""
    vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    public = base64.b64decode(vkey.split("+", 2)[2])[1:]
    assert key_id("PeterNeumann", public).hex() == "c74f20a3"
    assert verifier_key("PeterNeumann", public) == vkey


def test_note_opens_with_the_key_that_signed_it() -> None:
    assert open_checkpoint(NOTE, {ORIGIN: PUBLIC}) == CHECKPOINT == parse_checkpoint(NOTE)


def test_size_zero_carries_the_empty_root() -> None:
    empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    assert open_checkpoint(sign_checkpoint(empty, KEY), {ORIGIN: PUBLIC}) == empty


def test_unknown_keys_are_ignored_and_not_enough() -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32).public_key().public_bytes_raw()
    with pytest.raises(IntegrityError, match="no trusted key signed"):
        open_checkpoint(NOTE, {ORIGIN: other})
    cosigned = NOTE + "— witness.example AAAAAAAA\n"
    assert open_checkpoint(cosigned, {ORIGIN: PUBLIC}) == CHECKPOINT


@pytest.mark.parametrize("old_new", [("\n12\n", "\n13\n"), ("AAEC", "AAED")])
def test_edited_checkpoint_is_refused(old_new: tuple[str, str]) -> None:
    with pytest.raises(IntegrityError, match="is wrong"):
        open_checkpoint(NOTE.replace(*old_new), {ORIGIN: PUBLIC})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n\n", "\n"),
        ("\n12\n", "\n012\n"),
        ("\n12\n", "\n-1\n"),
        ("\n12\n", "\n\u0661\n"),
        ("AAEC", "AA"),
        ("— ", "- "),
    ],
)
def test_malformed_notes_are_refused(old: str, new: str) -> None:
    with pytest.raises(FormatError):
        open_checkpoint(NOTE.replace(old, new, 1), {ORIGIN: PUBLIC})


@given(st.text())
def test_any_text_opens_or_is_refused_with_our_error(text: str) -> None:
    with pytest.raises((FormatError, IntegrityError)):
        open_checkpoint(text, {ORIGIN: PUBLIC})
