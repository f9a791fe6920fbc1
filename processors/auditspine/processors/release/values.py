"""What a release state keeps: requests, standings, approvals, exceptions, suspects. Values. Pure.

Times are the broker's milliseconds since 1970, unless they are said to be of the tenant's clock.
"""

from dataclasses import dataclass

from auditspine.processors.alerts.causes import Ref

ALLOW, NEEDS_REVIEW, DENY = "allow", "needs_review", "deny"


@dataclass(frozen=True, slots=True)
class Request:
    """A deployment request, and what was last decided on it.

    Attributes:
        request_id: The event_id of the request.
        model: The model.
        environment: Where it is to be deployed.
        risk_class: As the request says.
        purpose: What it is to be used for.
        jurisdictions: As the request says.
        deployment: Name of the deployment that is to serve it; empty when not said.
        domain: Business domain of the request.
        requester: Who asked.
        due: Clock at which it is over if it is still undecided.
        outcome: The last decision; empty before the first.
        decision_id: Its identifier.
        failed: Rules that did not hold, with what they came to.
    """

    request_id: str
    model: Ref
    environment: str
    risk_class: str
    purpose: str
    jurisdictions: tuple[str, ...]
    deployment: str
    domain: str
    requester: str
    due: int
    outcome: str = ""
    decision_id: str = ""
    failed: tuple[tuple[str, str], ...] = ()

    @property
    def place(self) -> tuple[str, str]:
        """Digest of the model and environment."""
        return self.model.digest, self.environment


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands for a model in an environment: the last allowing decision, or its end.

    Attributes:
        request_id: The request that it answers.
        decision_id: The last decision.
        allowed: Whether it allows the model.
        exceptions: Exceptions that it rests on.
        until: When what it rests on runs out; None when nothing does.
        since: When it began.
        waived: Rules that only an exception stands for: they are held to it, continuous or not.
        control_size: Entries of the control log that the policy it was judged by is read from.
        began: Version since which it is allowed without a break.
    """

    request_id: str
    decision_id: str
    allowed: bool
    exceptions: tuple[str, ...]
    until: int | None
    since: int
    waived: tuple[str, ...] = ()
    control_size: int = 0
    began: int = 0


@dataclass(frozen=True, slots=True)
class Made:
    """A decision that was made, as deployments name it.

    Attributes:
        digest: The model.
        environment: Where.
        allowed: Whether it allowed it when it was made.
        exceptions: Exceptions that it rested on.
        deployment: Name of the deployment that was asked for; empty when none was named.
        version: Version at which it was made.
    """

    digest: str
    environment: str
    allowed: bool
    exceptions: tuple[str, ...] = ()
    deployment: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True)
class Approval:
    """What somebody last decided on a model for an environment.

    Attributes:
        event_id: The event.
        principal: Who, as the event names them.
        person: Who, whatever the account; the principal where nobody signed.
        role: Role in which it was decided, if it is one that counts.
        decision: As ``approval.decided`` has it.
        environment: Where it is for; empty for none.
        signed_at: When it was signed, microseconds; when it was published where nobody signed.
        expires_at: When it ends; None for never.
        refused: Why it does not count; empty when it does.
        grant: The grant of the role: log and position; empty for none.
        domains: Business domains of the model in which the role was held.
    """

    event_id: str
    principal: str
    person: str
    role: str
    decision: str
    environment: str
    signed_at: int
    expires_at: int | None
    refused: str = ""
    grant: tuple[str, int] | tuple[()] = ()
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiver:
    """An exception that a person granted.

    Attributes:
        exception_id: Its identifier.
        model: The model.
        environment: Where.
        rules: Rules that it stands for.
        control: What keeps the risk down instead.
        person: Who granted it, whatever the account.
        principal: Who, as the event names them.
        reason: Why.
        granted_at: When.
        expires_at: When it ends.
        event_id: The event.
        refused: Why it does not count; empty when it does.
        warned: Whether it was told that it is about to expire.
        over: Whether it was told that it is over.
        decisions: Decisions that rested on it, the latest.
        elsewhere: The log that granted it where it is not the state's own.
        grant: The grant of the role: log and position; empty for none.
        domains: Business domains of the model in which the role was held.
    """

    exception_id: str
    model: Ref
    environment: str
    rules: tuple[str, ...]
    control: str
    person: str
    principal: str
    reason: str
    granted_at: int
    expires_at: int
    event_id: str
    refused: str = ""
    warned: bool = False
    over: bool = False
    decisions: tuple[str, ...] = ()
    elsewhere: str = ""
    grant: tuple[str, int] | tuple[()] = ()
    domains: tuple[str, ...] = ()

    def holds(self, at: int) -> bool:
        """Tell whether it stands at a time."""
        return not self.refused and at < self.expires_at

    @property
    def state(self) -> str:
        """How it stands: ``refused``, ``in_force``, ``expiring`` or ``expired``."""
        if self.refused:
            return "refused"
        if self.over:
            return "expired"
        return "expiring" if self.warned else "in_force"


@dataclass(frozen=True, slots=True)
class Suspect:
    """A deployment that no decision allows yet; it has a little time to be allowed.

    Attributes:
        due: Clock at which that is over.
        kind: What it would be found to be.
        deployment: The deployment.
        model: The model.
        environment: Where.
        decision_id: The decision that it names; empty for none.
        event_id: The event that tells of it.
        origin: Log of that event.
        position: Its position there.
        at: When that was.
        action: What ``deployment.changed`` says was done; empty for what was seen to serve.
    """

    due: int
    kind: str
    deployment: Ref
    model: Ref
    environment: str
    decision_id: str
    event_id: str
    origin: str
    position: int
    at: int
    action: str

    @property
    def place(self) -> tuple[str, str]:
        """Digest of the model and environment."""
        return self.model.digest, self.environment

    @property
    def mark(self) -> str:
        """What a finding tells of once."""
        return "\0".join((self.kind, self.deployment.name, *self.place, self.decision_id))
