"""Entries commit to value and signature, and split back without loss."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditspine.ledger.entry import decode_entry, encode_entry
from auditspine.ledger.errors import FormatError


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_entry_round_trips(value: bytes, sig: bytes) -> None:
    assert decode_entry(encode_entry(value, sig)) == (value, sig)


def test_entry_layout_is_two_length_prefixed_fields() -> None:
    assert encode_entry(b"abc", b"s") == b"\x00\x00\x00\x03abc\x00\x00\x00\x01s"


@given(st.binary(max_size=60), st.binary(max_size=60), st.data())
def test_cut_or_longer_entries_are_refused(value: bytes, sig: bytes, data: st.DataObject) -> None:
    entry = encode_entry(value, sig)
    cut = data.draw(st.integers(0, len(entry) - 1))
    for wrong in (entry[:cut], entry + b"x"):
        with pytest.raises(FormatError):
            decode_entry(wrong)
