"""The tokens that stand for protected attributes."""

import hmac
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditspine.ledger.keyfile import KeyFileError
from auditspine.producers.errors import EventError, SetupError
from auditspine.producers.protected import Tokens
from auditspine.schemas.models import ProtectedValue

KEY = bytes(range(32))
TOKENS = Tokens(KEY)
NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)
VALUES = st.one_of(st.booleans(), st.integers(), st.text(min_size=1, max_size=20))


def test_a_token_is_the_start_of_an_hmac_over_lengths_and_parts() -> None:
    parts = (b"auditspine protected attribute v1", b"sex", b"text", b"f")
    message = b"".join(len(each).to_bytes(8, "big") + each for each in parts)
    assert TOKENS.token("sex", "f") == hmac.digest(KEY, message, "sha256").hex()[:32]


def test_a_token_stays_what_it_is_in_every_release() -> None:
    assert TOKENS.token("sex", "f") == "85364ea9b37654a96f7cc932ee87790f"


@given(NAMES, VALUES)
def test_one_key_gives_one_token_and_another_key_another(attribute: str, value) -> None:
    token = TOKENS.token(attribute, value)
    assert token == Tokens(KEY).token(attribute, value)
    assert token != Tokens(bytes(32)).token(attribute, value)
    assert TOKENS.of(attribute, value) == ProtectedValue(attribute=attribute, token=token)


@given(st.tuples(NAMES, VALUES), st.tuples(NAMES, VALUES))
def test_what_differs_in_name_type_or_value_differs_in_its_token(one, other) -> None:
    def key(pair):
        return pair[0], type(pair[1]), pair[1]

    assert (TOKENS.token(*one) == TOKENS.token(*other)) is (key(one) == key(other))


def test_one_true_and_its_text_are_three_groups() -> None:
    assert len({TOKENS.token("black", each) for each in (1, True, "1")}) == 3


def test_whole_numbers_of_numpy_are_whole_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    assert TOKENS.token("band", numpy.int32(7)) == TOKENS.token("band", 7)


def test_a_prediction_says_all_attributes_in_order_and_what_is_missing() -> None:
    assert TOKENS.all({"sex": "f", "age_band": None}) == (
        ProtectedValue(attribute="sex", token=TOKENS.token("sex", "f")),
        ProtectedValue(attribute="age_band", token=None),
    )
    assert TOKENS.all({}) == ()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1.5, "a whole number, got a value of type float"),
        (b"secret", "got a value of type bytes"),
        ("", "got an empty one; give None for a missing value"),
        ("secret\ud800", "got one that UTF-8 cannot hold"),
    ],
)
def test_a_value_that_cannot_be_one_is_refused_and_never_told(value, message: str) -> None:
    with pytest.raises(EventError, match=rf"protected\['sex'\]: .*{message}") as caught:
        TOKENS.of("sex", value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("attribute", ["", "a" * 257, "a\n", "sex & age", 3])
@pytest.mark.parametrize("value", ["secret", None])
def test_a_name_that_cannot_be_one_is_refused(attribute, value) -> None:
    with pytest.raises(EventError, match="protected: expected names of 1 to 256") as caught:
        TOKENS.all({attribute: value})
    assert "secret" not in str(caught.value)


def test_a_created_key_is_loaded_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "protected.key"
    created = Tokens.create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Tokens.load(path).token("sex", "f") == created.token("sex", "f")
    assert Tokens.create(tmp_path / "other").token("sex", "f") != created.token("sex", "f")


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    first = Tokens.create(tmp_path / "key")
    with pytest.raises(KeyFileError, match="exists already and is never overwritten"):
        Tokens.create(tmp_path / "key")
    assert Tokens.load(tmp_path / "key").token("sex", "f") == first.token("sex", "f")


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    Tokens.create(tmp_path / "key")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(KeyFileError, match="expected mode 0600, got 0640"):
        Tokens.load(tmp_path / "key")


def test_a_key_that_is_not_there_is_refused_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"does not exist; create it with Tokens\.create"):
        Tokens.load(tmp_path / "key")


@pytest.mark.parametrize("content", [b"", b"ab" * 31, b"ab" * 33, b"x" * 64, b"\xff" * 64])
def test_a_file_that_holds_no_key_is_refused_without_its_content(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="expected 64 hexadecimal digits, got something else"):
        Tokens.load(path)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(SetupError, match=f"expected 32 bytes, got {length}"):
        Tokens(bytes(length))


def test_the_key_is_not_shown() -> None:
    assert repr(TOKENS) == "Tokens(…)"
