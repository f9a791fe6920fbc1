"""A person's login on this machine: their key and the token that says whose it is.

Both lie in ``DATA_DIR/person``, which nobody but its owner may enter. A login's key is made for it
and goes with it.
"""

import json
import os
import secrets
import stat
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.cli.errors import CliError
from auditspine.ledger.keyfile import create_key, read_key

_FILE = "credential.json"
_VERSION = 1
_MAX_BYTES = 256 * 1024
_SHARED_BITS = stat.S_IRWXG | stat.S_IRWXO
_AGAIN = "log in again: auditspine login"


@dataclass(frozen=True, slots=True)
class Credential:
    """A login.

    Attributes:
        issuer: Identity provider.
        client_id: Client that the token is for.
        principal: The account.
        name: The person's printed name.
        expires_at: When the token ends, seconds since 1970.
        id_token: The token. Not in what is printed of a credential.
        key_file: Name of the key's file, beside the credential.
    """

    issuer: str
    client_id: str
    principal: str
    name: str
    expires_at: int
    id_token: str
    key_file: str

    def __repr__(self) -> str:
        return f"Credential({self.principal} at {self.issuer})"

    @property
    def until(self) -> datetime:
        """When the token ends."""
        return datetime.fromtimestamp(self.expires_at, UTC)


@dataclass(frozen=True, slots=True)
class Wallet:
    """Where a login is kept.

    Attributes:
        folder: Its folder, ``DATA_DIR/person``.
    """

    folder: Path

    def new_key(self) -> tuple[str, Ed25519PrivateKey]:
        """Make a key for a login; give its file's name and the key.

        Raises:
            CliError: The folder is open to others.
            KeyFileError: The file cannot be written.
        """
        name = f"key-{secrets.token_hex(8)}.pem"
        if self.folder.exists():
            self._require_private_folder()
        return name, create_key(self.folder / name)

    def save(self, credential: Credential) -> None:
        """Keep a login, and drop the one before it with its key.

        Raises:
            OSError: It cannot be written.
        """
        partial = self.folder / f".{_FILE}.{os.getpid()}.new"
        content = json.dumps({"version": _VERSION, **asdict(credential)}).encode()
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(descriptor)
            partial.replace(self.folder / _FILE)
        finally:
            partial.unlink(missing_ok=True)
        self._drop_keys(but=credential.key_file)

    def load(self) -> Credential:
        """Read the login.

        Raises:
            CliError: Nobody is logged in, the file is open to others, or is none.
        """
        self._require_private_folder()
        try:
            said = json.loads(self._read())
            if said.pop("version") != _VERSION:
                raise CliError(f"{self.folder / _FILE} is of another version; {_AGAIN}")
            found = Credential(**said)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise CliError(f"{self.folder / _FILE} cannot be read; {_AGAIN}") from None
        if not _is_sound(found):
            raise CliError(f"{self.folder / _FILE} is not what a login writes; {_AGAIN}")
        return found

    def valid(self, now: datetime) -> tuple[Credential, Ed25519PrivateKey]:
        """Give the login and its key, if it is not over.

        Raises:
            CliError: Nobody is logged in, or the login is over.
            KeyFileError: The key cannot be used.
        """
        found = self.load()
        if found.until <= now:
            ended = f"{found.until:%Y-%m-%d %H:%M} UTC"
            raise CliError(f"the login of {found.principal} ended at {ended}; {_AGAIN}")
        return found, read_key(self.folder / found.key_file)

    def clear(self) -> bool:
        """Drop the login and its key; tell whether there was one."""
        was = (self.folder / _FILE).exists()
        (self.folder / _FILE).unlink(missing_ok=True)
        self._drop_keys(but="")
        return was

    def drop_key(self, name: str) -> None:
        """Drop the key of a login that came to nothing."""
        (self.folder / name).unlink(missing_ok=True)

    def _drop_keys(self, *, but: str) -> None:
        for each in self.folder.glob("key-*.pem"):
            if each.name != but:
                each.unlink(missing_ok=True)

    def _require_private_folder(self) -> None:
        try:
            mode = self.folder.stat(follow_symlinks=False).st_mode
        except FileNotFoundError:
            raise CliError("nobody is logged in; run: auditspine login") from None
        if not stat.S_ISDIR(mode):
            raise CliError(f"{self.folder}: expected a folder of its own, got something else")
        if mode & _SHARED_BITS:
            raise CliError(
                f"{self.folder}: expected mode 0700, got {stat.S_IMODE(mode):04o}: others could "
                f"enter it; run: chmod 700 {self.folder}, then {_AGAIN}"
            )

    def _read(self) -> bytes:
        file = self.folder / _FILE
        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            raise CliError("nobody is logged in; run: auditspine login") from None
        except OSError as exc:
            raise CliError(f"{file} cannot be read: {exc.strerror}; {_AGAIN}") from exc
        try:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode) or mode & _SHARED_BITS:
                raise CliError(
                    f"{file}: expected a file of mode 0600, got {stat.S_IMODE(mode):04o}: others "
                    f"could use this login; run: auditspine logout, then {_AGAIN}"
                )
            return os.read(descriptor, _MAX_BYTES)
        finally:
            os.close(descriptor)


def _is_sound(found: Credential) -> bool:
    texts = [value for name, value in asdict(found).items() if name != "expires_at"]
    return (
        all(isinstance(each, str) for each in texts)
        and type(found.expires_at) is int
        and 0 < found.expires_at < _LATEST
        and Path(found.key_file).name == found.key_file
    )


_LATEST = 253_402_300_800  # the year 10000, seconds since 1970
