"""What a person declares, signed with the key of their login, and the event that says the same."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.cli.credential import Credential, Wallet
from auditspine.cli.errors import CliError
from auditspine.cli.options import parse_time
from auditspine.cli.settings import Settings
from auditspine.ledger.keyfile import public_bytes
from auditspine.ledger.statement import Kind, Statement, sign_statement
from auditspine.processors.release.personal import EXCEPTION_MEANING
from auditspine.schemas.models import (
    ApprovalDecided,
    ApprovalDecidedBody,
    ArtifactRef,
    Envelope,
    ExceptionGranted,
    ExceptionGrantedBody,
    Intent,
    PersonalSignature,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Declared:
    """What a person declares, but for who they are and when they do.

    Attributes:
        tenant: Tenant.
        subject: What it is on.
        environment: Where it is for.
        role: In which role.
        reason: Why.
        kind: Kind of statement.
        decision: What is decided; ``granted`` for an exception.
        meaning: What the signature means.
        expires_at: When it ends; None for never, which no exception has.
        conditions: What must be kept for it to hold; of an exception the one compensating control.
        rules: Rules that an exception stands for.
        reference: Identifier of an exception.
    """

    tenant: str
    subject: ArtifactRef
    environment: str
    role: str
    reason: str
    kind: Kind = "exception"
    decision: str = "granted"
    meaning: str = EXCEPTION_MEANING
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


def approval(
    signer: Signer, declared: Declared, justification: str | None
) -> Callable[[Envelope], ApprovalDecided]:
    """Sign an approval; give what makes its event.

    Args:
        signer: Whoever decides.
        declared: What they decide.
        justification: The authority that it rests on; beside what is signed.

    Raises:
        ValidationError: A field is not what the schema says.
    """
    body = ApprovalDecidedBody.model_validate(
        {
            "subject": declared.subject,
            "decision": declared.decision,
            "meaning": declared.meaning,
            "role": declared.role,
            "conditions": declared.conditions,
            "expires_at": declared.expires_at,
            "validations": (),
            "environment": declared.environment,
            "signature": signer.sign(declared, datetime.now(UTC)),
        }
    )

    def make(envelope: Envelope) -> ApprovalDecided:
        trigger = envelope.intent.trigger
        intent = Intent(trigger=trigger, reason=declared.reason, justification=justification)
        return ApprovalDecided(envelope=envelope.model_copy(update={"intent": intent}), body=body)

    return make


def exception(signer: Signer, declared: Declared) -> Callable[[Envelope], ExceptionGranted]:
    """Sign an exception; give what makes its event.

    Args:
        signer: Whoever grants it.
        declared: What they grant.

    Raises:
        ValidationError: A field is not what the schema says.
    """
    [control] = declared.conditions
    body = ExceptionGrantedBody.model_validate(
        {
            "exception_id": declared.reference,
            "subject": declared.subject,
            "environment": declared.environment,
            "rules": declared.rules,
            "compensating_control": control,
            "role": declared.role,
            "expires_at": declared.expires_at,
            "signature": signer.sign(declared, datetime.now(UTC)),
        }
    )
    return lambda envelope: ExceptionGranted(envelope=envelope, body=body)


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
