"""Two people of the demo: as whom they log in, and how they approve under their own signature."""

import threading
from dataclasses import dataclass
from urllib.parse import urlencode

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditspine.cli.credential import Credential
from auditspine.cli.demo.deployment import GATED, key_path
from auditspine.cli.demo.identity import IdentityProvider
from auditspine.cli.demo.lender import Lender, Validated
from auditspine.cli.demo.rules import ENVIRONMENT
from auditspine.cli.demo.telling import done, remark
from auditspine.cli.oidc_login import Client, log_in
from auditspine.cli.person import PersonSpeaker
from auditspine.cli.personal_signing import Declared, Signer, approval
from auditspine.cli.settings import Settings
from auditspine.ledger.keyfile import public_bytes
from auditspine.schemas.models import (
    Actor,
    ApprovalDecided,
    ArtifactAccessed,
    ArtifactAccessedBody,
    Envelope,
    Origin,
)

ROLE = "release_approver"
MEANING = "I have read the validation report and accept the remaining risk"
_LOGIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Approver:
    """Somebody who may approve.

    Attributes:
        principal: Their account.
        name: Their printed name.
        number: Their number as an employee: one for all accounts of a person.
    """

    principal: str
    name: str
    number: str

    @property
    def claims(self) -> dict[str, str]:
        """What the identity provider says of them."""
        return {"sub": self.principal, "name": self.name, "employee_number": self.number}


APPROVERS = (
    Approver(f"maria.keller@{GATED}.example", "Maria Keller", "1017"),
    Approver(f"jonas.weber@{GATED}.example", "Jonas Weber", "1042"),
)


def new_provider() -> IdentityProvider:
    """Make the identity provider that knows them."""
    accounts = {each.principal: each.claims for each in APPROVERS}
    return IdentityProvider(accounts=accounts, algorithm="ES256")


def approve(
    settings: Settings,
    provider: IdentityProvider,
    person: Approver,
    lender: Lender,
    found: Validated,
) -> str:
    """Let a person read the validation report, log in, sign an approval and publish it.

    Returns:
        The event_id of the approval; it is sealed.

    Raises:
        CliError: The login is refused, or the ledger does not take the approval.
    """
    _read(lender, person, found)
    signer = _logged_in(provider, person)
    credential = signer.credential
    done(f"{credential.name} logged in as {credential.principal}")
    declared = Declared(
        kind="approval",
        tenant=lender.tenant,
        subject=found.ref,
        environment=ENVIRONMENT,
        role=ROLE,
        decision="approved",
        meaning=MEANING,
        reason=f"release of version {found.ref.version}",
    )
    signed = approval(signer, declared, "Model risk policy, section 4.2")

    def make(envelope: Envelope) -> ApprovalDecided:
        event = signed(envelope)
        body = event.body.model_copy(update={"validations": (found.evaluation,)})
        return event.model_copy(update={"body": body})

    workload = f"{lender.tenant}-approver"
    key = key_path(settings, workload)
    speaker = PersonSpeaker(settings, lender.tenant, credential.principal, workload, key, "credit")
    [event_id] = speaker.say([make], "request", declared.reason)
    remark(f"  “{MEANING}”")
    remark(f"  signed with the login's key, sealed as {event_id}")
    return event_id


def _read(lender: Lender, person: Approver, found: Validated) -> None:
    """Report that a person read what they decide on."""
    lender.say(
        "notebook",
        ArtifactAccessed,
        ArtifactAccessedBody(
            artifact=found.evaluation, operation="read", purpose="to decide on the release"
        ),
        "to decide on the release",
        actor=Actor(principal=person.principal, kind="person", origin=Origin(network="office-vpn")),
    )
    lender.delivered()


def _logged_in(provider: IdentityProvider, person: Approver) -> Signer:
    """Log a person in with a key that is made for it; nothing is kept on disk."""
    key = Ed25519PrivateKey.generate()
    client = Client(provider.issuer, provider.client_id)
    login = log_in(client, public_bytes(key), lambda at: _browse(at, person), _LOGIN_S)
    credential = Credential(
        issuer=client.issuer,
        client_id=client.client_id,
        principal=login.person.principal,
        name=login.person.name,
        expires_at=login.expires_at,
        id_token=login.id_token,
        key_file="",
    )
    return Signer(credential, key)


def _browse(address: str, person: Approver) -> None:
    """Go where a browser would be sent, as the person: to the provider and back."""
    as_person = f"{address}&{urlencode({'login_hint': person.principal})}"
    threading.Thread(target=_get, args=(as_person,), name="browser", daemon=True).start()


def _get(address: str) -> None:
    with requests.Session() as session:
        session.trust_env = False  # no proxy reaches this machine's own
        session.get(address, timeout=_LOGIN_S)
