"""Asks the gate for a release: it waits for people, they approve, it allows, the guard obeys.

Everything that it prints was read back from the sealed log, the guard, the receiver or ClickHouse;
what does not come in time is an error.
"""

from dataclasses import dataclass, field

from clickhouse_connect.driver.client import Client

from auditspine.auditor.decisions import list_releases
from auditspine.cli.connections import clickhouse_client
from auditspine.cli.console import stdout
from auditspine.cli.demo.approvers import APPROVERS, approve
from auditspine.cli.demo.artifacts import API
from auditspine.cli.demo.deployment import key_path
from auditspine.cli.demo.found import awaited
from auditspine.cli.demo.identity import IdentityProvider
from auditspine.cli.demo.lender import Lender, Validated
from auditspine.cli.demo.receiver import Receiver
from auditspine.cli.demo.rules import ENVIRONMENT
from auditspine.cli.demo.stage import guard_of, verdict_of
from auditspine.cli.demo.telling import done, remark, step
from auditspine.cli.demo.told import received
from auditspine.cli.errors import CliError
from auditspine.cli.gate_screen import show_decision
from auditspine.cli.gating import Ask, ask, open_rules, unanswered
from auditspine.cli.settings import Settings
from auditspine.producers.guard import ServingGuard, Verdict
from auditspine.schemas.models import DecisionMadeBody

PURPOSE = "credit risk modelling"
_ANSWER_S = 120.0
_FOUND_S = 60.0
_LACKING = ["enough_approvals"]


@dataclass(slots=True)
class _Release:
    """A release that is asked for: what is shown, and done, as its decisions come.

    Attributes:
        settings: The settings.
        lender: Who asks.
        found: The version, with its validation.
        provider: Where people log in.
        receiver: Who is told; ``None`` when nobody is.
        approvals: The event_ids of what people approved.
    """

    settings: Settings
    lender: Lender
    found: Validated
    provider: IdentityProvider
    receiver: Receiver | None
    approvals: list[str] = field(default_factory=list)

    def take(self, decision: DecisionMadeBody) -> None:
        """Show a decision; while it waits for people, let them decide."""
        if self.approvals:
            step("The same request, decided again when the second approval was sealed")
        stdout.print(show_decision(decision, all_rules=False))
        kept = sum(each.result == "passed" for each in decision.rules)
        remark(f"  {kept} of {len(decision.rules)} rules hold")
        if self.approvals:
            return
        if decision.outcome != "needs_review" or open_rules(decision) != _LACKING:
            raise CliError(
                f"expected the gate to wait for approvals alone, got {decision.outcome}: "
                f"{decision.reason}"
            )
        if self.receiver is not None:
            done(f"on call was told: {received(self.receiver, self.found.ref.digest.hex()).title}")
        self._let_people_decide()

    def _let_people_decide(self) -> None:
        step("Two people decide, each under their own signature")
        remark(f"{self.provider.issuer} is the demo's own identity provider: no passwords")
        remark("the login at it is real: authorization code with PKCE, a token for one fresh key")
        for person in APPROVERS:
            event_id = approve(self.settings, self.provider, person, self.lender, self.found)
            self.approvals.append(event_id)


def release(
    settings: Settings,
    lender: Lender,
    found: Validated,
    provider: IdentityProvider,
    receiver: Receiver | None,
) -> None:
    """Ask for the release of a version that passed its validation, and deploy it.

    Args:
        settings: The settings.
        lender: Who asks; its rules are published.
        found: The version.
        provider: Where people log in.
        receiver: Who is told; ``None`` when nobody is.

    Raises:
        CliError: The gate or the guard answers otherwise than it must, or not in time.
    """
    asked = _Release(settings, lender, found, provider, receiver)
    model = found.ref
    lender.delivered()  # what the rules read comes before the request in the log
    step(f"The gate: may {model.name} {model.version} of {lender.tenant} serve in {ENVIRONMENT}?")
    with guard_of(settings, lender.tenant, API) as guard:
        _expect(guard, found, "block")
        decision = _ask(settings, asked)
        lender.approval_event_id, lender.decision_id = asked.approvals[0], decision.decision_id
        verdict = awaited(lambda: _served(guard, found), f"the guard of {API}", _FOUND_S)
    if verdict.decision_id != decision.decision_id:
        raise CliError(f"the guard obeys {verdict.decision_id}, expected {decision.decision_id}")
    done(f"its serving guard says {verdict.action}, by {verdict.decision_id}")
    lender.deploy(found)
    _await_verdict(settings, lender, decision)


def _ask(settings: Settings, asked: _Release) -> DecisionMadeBody:
    tenant, workload = asked.lender.tenant, f"{asked.lender.tenant}-gate"
    answer = ask(
        settings,
        Ask(
            tenant=tenant,
            model=asked.found.ref,
            environment=ENVIRONMENT,
            risk_class="high",
            purpose=PURPOSE,
            jurisdictions=(),
            domain="credit",
            deployment=None,
            reason=f"release of version {asked.found.ref.version}",
        ),
        workload,
        key_path(settings, workload),
        wait=True,
        timeout_s=_ANSWER_S,
        on_decision=asked.take,
    )
    if answer.decision is None:
        raise CliError(unanswered(_ANSWER_S))
    if not answer.is_allowed or not asked.approvals:
        raise CliError(
            f"expected the gate to allow it after {len(APPROVERS)} approvals, got "
            f"{answer.decision.outcome}: {answer.decision.reason}"
        )
    return answer.decision


def _expect(guard: ServingGuard, found: Validated, action: str) -> None:
    verdict = verdict_of(guard, API, found.ref.digest)
    if verdict.action != action:
        raise CliError(f"the guard of {API} says {verdict.action}, expected {action}")
    done(f"its serving guard says {verdict.action}: {verdict.reason}")


def _served(guard: ServingGuard, found: Validated) -> Verdict | None:
    verdict = guard.check(found.ref.digest)
    return verdict if verdict.action == "serve" else None


def _await_verdict(settings: Settings, lender: Lender, decision: DecisionMadeBody) -> None:
    """Wait until the release processor held the deployment against the decision."""
    client = clickhouse_client(settings, reader=True)
    try:
        verdict = awaited(
            lambda: _verdict(client, lender.tenant, decision.decision_id),
            f"the verdict on the deployment by {decision.decision_id}",
            _FOUND_S,
        )
    finally:
        client.close()
    if verdict != "allowed":
        raise CliError(f"the deployment of {API} was found {verdict}, expected allowed")
    done(f"deployed naming it: the release processor finds {API} {verdict}")


def _verdict(client: Client, tenant: str, decision_id: str) -> str | None:
    rows = list_releases(client, tenant, "deployments", environment=ENVIRONMENT, most=100)
    return next((each["verdict"] for each in rows if each["decision_id"] == decision_id), None)
