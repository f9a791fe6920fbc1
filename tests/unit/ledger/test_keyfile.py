import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from auditspine.ledger.errors import LedgerError
from auditspine.ledger.keyfile import KeyFileError, create_key, public_bytes, read_key


def write(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_created_key_is_read_back_and_only_the_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "svc.pem"
    key = create_key(path)
    assert public_bytes(read_key(path)) == public_bytes(key)
    assert len(public_bytes(key)) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["svc.pem"]


def test_umask_cannot_open_a_created_key(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_key(tmp_path / "k.pem")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "k.pem").stat().st_mode) == 0o600


def test_create_never_overwrites(tmp_path: Path) -> None:
    path = write(tmp_path / "k.pem", b"precious")
    with pytest.raises(KeyFileError, match="exists already"):
        create_key(path)
    assert path.read_bytes() == b"precious"
    assert [entry.name for entry in tmp_path.iterdir()] == ["k.pem"]


def test_create_does_not_follow_a_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "k.pem").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyFileError, match="exists already"):
        create_key(tmp_path / "k.pem")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610, 0o601, 0o644, 0o777])
def test_bits_for_group_or_others_are_refused_with_the_fix(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "k.pem"
    create_key(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=f"got {mode:04o}.*chmod 600 {path}") as caught:
        read_key(path)
    assert caught.value.path == path
    assert isinstance(caught.value, LedgerError)


def test_stricter_mode_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "k.pem"
    create_key(path)
    path.chmod(0o400)
    read_key(path)


def test_symbolic_link_is_refused_and_its_target_named(tmp_path: Path) -> None:
    create_key(tmp_path / "real.pem")
    (tmp_path / "link.pem").symlink_to(tmp_path / "real.pem")
    with pytest.raises(KeyFileError, match=r"symbolic link.*real\.pem"):
        read_key(tmp_path / "link.pem")


def test_missing_file_directory_and_fifo_are_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"none\.pem: does not exist"):
        read_key(tmp_path / "none.pem")
    with pytest.raises(KeyFileError, match="is a directory"):
        read_key(tmp_path)
    os.mkfifo(tmp_path / "fifo", 0o600)
    with pytest.raises(KeyFileError, match="not a regular file"):
        read_key(tmp_path / "fifo")


def encrypted() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pw")
    )


def elliptic() -> bytes:
    return generate_private_key(SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


def test_empty_file_is_named_so(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="is empty"):
        read_key(write(tmp_path / "k.pem", b" \n"))


@pytest.mark.parametrize("content", [b"SECRETMATERIAL", encrypted(), elliptic(), b"\xff\x00" * 50])
def test_other_content_is_refused_without_quoting_it(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(KeyFileError, match=r"expected an.*Ed25519 private key") as caught:
        read_key(write(tmp_path / "k.pem", content))
    assert "SECRETMATERIAL" not in str(caught.value)
