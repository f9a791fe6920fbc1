"""What ``auditspine admission`` refuses before it listens."""

import socket
from pathlib import Path

import pytest
from tests.certificates import Authority

from auditspine.cli.admitting import (
    given_keys,
    listen,
    read_token,
    require_certificate,
    require_loopback,
)
from auditspine.cli.errors import CliError
from auditspine.ledger.keyfile import KeyFileError


def test_keys_are_hexadecimal() -> None:
    assert given_keys(["ab" * 32, "CD" * 32]) == [b"\xab" * 32, b"\xcd" * 32]
    for text in ("", "ab", "zz" * 32, "ab" * 33, " " + "ab" * 32):
        with pytest.raises(CliError, match="--release-key: expected 64"):
            given_keys([text])


def test_a_certificate_and_its_key_are_taken(tmp_path: Path) -> None:
    require_certificate(*Authority(tmp_path).issue("web"))


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).issue("web")
    with pytest.raises(CliError, match=r"--tls-key: .*no\.key does not exist"):
        require_certificate(certificate, tmp_path / "no.key")
    with pytest.raises(CliError, match=r"--tls-cert: .*no\.crt does not exist"):
        require_certificate(tmp_path / "no.crt", key)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).issue("web", mode=0o640)
    with pytest.raises(KeyFileError, match="expected mode 0600, got 0640"):
        require_certificate(certificate, key)


def test_files_that_do_not_belong_together_are_refused_without_a_prompt(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("web")
    _, other = authority.issue("other")
    _, locked = authority.issue("locked", password=b"secret")
    empty = tmp_path / "empty"
    empty.touch(0o600)
    for pair in ((certificate, other), (certificate, locked), (empty, key), (certificate, empty)):
        with pytest.raises(CliError, match="expected a PEM certificate chain and its unencrypted"):
            require_certificate(*pair)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_loopback_is_this_machine_alone(host: str) -> None:
    require_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com", ""])
def test_without_tls_nobody_else_may_connect(host: str) -> None:
    with pytest.raises(CliError, match="loopback address only"):
        require_loopback(host)


def test_a_token_is_read_without_its_line_end(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.touch(0o600)
    path.write_text("0123456789abcdef\n")
    assert read_token(path) == "0123456789abcdef"


@pytest.mark.parametrize("content", [b"", b"short", b"0123456789 abcdef", b"\xff" * 32, b"a\0" * 9])
def test_what_is_no_token_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(CliError, match="expected at least 16 printable"):
        read_token(path)
    with pytest.raises(CliError, match="does not exist"):
        read_token(tmp_path / "none")
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match="expected mode 0600"):
        read_token(path)


def test_a_port_that_is_taken_is_told() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(CliError, match=f"127.0.0.1:{port} .*another process"):
            listen("127.0.0.1", port)
    with listen("127.0.0.1", port) as again, socket.create_connection(("127.0.0.1", port), 5):
        assert again.getsockname()[1] == port
    with pytest.raises(CliError, match=r"192\.0\.2\.1:0 cannot be listened on"):
        listen("192.0.2.1", 0)
