"""What stands for a value that was sent in clear where a token belongs."""

import pytest

from auditspine.schemas.tokens import is_token, kept_token


@pytest.mark.parametrize("token", ["0" * 32, "5b1e0c7f9a3d4e2f8c6b7a1d0e9f3c2b", "f" * 128])
def test_a_token_is_kept(token: str) -> None:
    assert is_token(token)
    assert kept_token(token) == token


@pytest.mark.parametrize("text", ["Quaker", "", "0" * 31, "F" * 32, "f" * 129, "0" * 32 + "\n"])
def test_of_what_is_none_a_hash_is_kept(text: str) -> None:
    kept = kept_token(text)
    assert is_token(kept)
    assert kept != text
    assert kept_token(kept) == kept
