"""Signs what a person declares with the key of their login."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.cli.credential import Credential, Wallet
from auditspine.cli.errors import CliError
from auditspine.cli.options import parse_time
from auditspine.cli.settings import Settings
from auditspine.ledger.keyfile import public_bytes
from auditspine.ledger.statement import Kind, Statement, sign_statement
from auditspine.schemas.models import ArtifactRef, PersonalSignature

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Declared:
    """What a person declares, but for who they are and when they do.

    Attributes:
        kind: Kind of statement.
        tenant: Tenant.
        subject: What it is on.
        environment: Where it is for; empty for none in particular.
        role: In which role.
        decision: What is decided.
        meaning: What the signature means.
        reason: Why.
        expires_at: When it ends; None for never.
        conditions: What must be kept for it to hold.
        rules: Rules that an exception stands for.
        reference: Identifier of an exception.
    """

    kind: Kind
    tenant: str
    subject: ArtifactRef
    environment: str
    role: str
    decision: str
    meaning: str
    reason: str
    expires_at: datetime | None = None
    conditions: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Signer:
    """Whoever is logged in.

    Attributes:
        credential: Their login.
        key: Its key.
    """

    credential: Credential
    key: Ed25519PrivateKey

    def sign(self, declared: Declared, at: datetime) -> PersonalSignature:
        """Sign what they declare.

        Args:
            declared: What.
            at: When they sign it.
        """
        subject, expires = declared.subject, declared.expires_at
        statement = Statement(
            kind=declared.kind,
            tenant=declared.tenant,
            principal=self.credential.principal,
            name=self.credential.name,
            signed_at=_micros(at),
            role=declared.role,
            meaning=declared.meaning,
            reason=declared.reason,
            decision=declared.decision,
            subject_kind=subject.kind,
            subject_name=subject.name,
            subject_version=subject.version,
            subject_digest=subject.digest.hex(),
            environment=declared.environment,
            expires_at=None if expires is None else _micros(expires),
            conditions=declared.conditions,
            rules=declared.rules,
            reference=declared.reference,
        )
        return PersonalSignature(
            public_key=public_bytes(self.key),
            envelope=sign_statement(self.key, statement),
            id_token=self.credential.id_token,
        )


def signer_of(settings: Settings) -> Signer:
    """Give whoever is logged in.

    Raises:
        CliError: Nobody is, or their login is over.
        KeyFileError: Their key cannot be used.
    """
    return Signer(*Wallet(settings.data_dir / "person").valid(datetime.now(UTC)))


def future_time(option: str, text: str | None) -> datetime | None:
    """Read a time that is yet to come.

    Raises:
        CliError: It is not a time, or past.
    """
    found = parse_time(option, text)
    if found is not None and found <= datetime.now(UTC):
        raise CliError(f"{option}: expected a time to come, got {text}")
    return found


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND
