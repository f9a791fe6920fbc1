"""The events of the contract as pydantic models.

Generated from the ``.avsc`` files by ``python -m auditspine.schemas.generate``: edit those.
"""

from typing import ClassVar, Literal

from pydantic import Field

from auditspine.schemas.base import Body, Record, TypedEvent, utc_now, uuid7
from auditspine.schemas.formats import (
    Boolean,
    Bytes,
    Count,
    Digest,
    Document,
    Double,
    EventId,
    IntCount,
    Long,
    Name,
    NonNegative,
    PublicKey,
    Ratio,
    Statement,
    Text,
    Timestamp,
    Token,
)

ActorKind = Literal["person", "workload"]
"""What kind of principal acted."""

ColumnType = Literal["boolean", "integer", "real", "text", "category", "timestamp"]
"""What values a column or a feature holds."""

Severity = Literal["info", "minor", "major", "critical"]
"""How much a finding matters, least first."""

RuleOutcome = Literal["passed", "waived", "failed", "error"]
"""How a rule can end; an exception waives it; an error is no pass."""

Sensitivity = Literal["public", "internal", "confidential", "restricted"]
"""How harmful disclosure would be, least first."""

Comparison = Literal["at_least", "at_most"]
"""Which side of a limit is good."""

ReviewDecision = Literal["keep", "revoke"]
"""What a reviewer decides of a grant."""

AlertTier = Literal["informational", "caution", "review", "stop_the_line"]
"""What an alert asks for, least first."""

AlertCause = Literal[
    "signal",
    "effect",
    "persistence",
    "unacknowledged",
    "person",
    "served",
    "silent",
]
"""Why an alert is raised, or raised again."""

ResolutionCause = Literal["quiet", "dispositioned"]
"""Why an alert is over."""

ApprovalDecision = Literal["approved", "approved_with_conditions", "rejected", "withdrawn"]
"""What an approver decides."""

Operation = Literal["read", "write", "list", "delete", "export"]
"""What is done with an artifact."""

QuarantineAction = Literal["quarantined", "released"]
"""Whether a quarantine begins or ends."""

RetiredContent = Literal["kept", "archived", "deleted"]
"""What became of a retired artifact's content."""

AssessmentBasis = Literal["decisions", "outcomes"]
"""What an assessment rests on."""

Split = Literal["all", "train", "validation", "test"]
"""What part of a dataset a snapshot is."""

DecisionOutcome = Literal["allow", "needs_review", "deny"]
"""What is decided on a request: it may be deployed; people must decide first; it may not."""

DecisionCause = Literal["requested", "evidence", "revoked", "expired"]
"""Why a decision is made."""

DeploymentAction = Literal["deployed", "scaled", "paused", "resumed", "rolled_back", "retired"]
"""What is done to a deployment."""

ReviewStatus = Literal["unreviewed", "in_review", "accepted", "rejected"]
"""How far a review got."""

Disposition = Literal[
    "data_quality",
    "pipeline_break",
    "population_shift",
    "label_delay",
    "degradation",
    "policy_drift",
    "expected_change",
    "false_alarm",
]
"""What an alert turned out to be about."""

KeyPurpose = Literal["producer", "operator", "log"]
"""What a key is for."""

LabelMethod = Literal["observed", "person", "program"]
"""How labels come about."""

ApprovalStatus = Literal["draft", "submitted", "approved", "withdrawn"]
"""How far an artifact's approval got."""

NotificationStatus = Literal["delivered", "failed", "suppressed", "expired"]
"""What became of a notification."""

RunStatus = Literal["succeeded", "failed", "cancelled"]
"""How a run ends."""

ServingState = Literal["live", "fallback", "blocked"]
"""Whether a model may answer: it may; a fallback must answer instead; nothing may."""

Isolation = Literal["shared", "domain", "dedicated"]
"""What a tenant shares with others, most first."""


class Encrypted(Record, frozen=True):
    """A personal value under its subject's own key; destroying the key erases it.

    Attributes:
        key_id: The subject's key; names no person.
        nonce: Nonce of AES-GCM, 12 bytes.
        ciphertext: Ciphertext of AES-256-GCM with its 16-byte tag.
    """

    key_id: Token
    nonce: Bytes
    ciphertext: Bytes


class Origin(Record, frozen=True):
    """From where an actor acted.

    Attributes:
        network: Network or zone, e.g. a VPC, an office or a cluster name; empty when unknown.
        address: Network address, encrypted as personal data.
    """

    network: Text = ""
    address: Encrypted | None = None


class Actor(Record, frozen=True):
    """Who acted.

    Attributes:
        principal: Identifier of the person or workload at the identity provider.
        kind: Whether a person or a workload acted.
        roles: Roles that the actor held when acting.
        name: The person's name, encrypted.
        origin: From where.
    """

    principal: Name
    kind: ActorKind
    roles: tuple[Name, ...] = ()
    name: Encrypted | None = None
    origin: Origin = Origin()


class Workload(Record, frozen=True):
    """The program that published the event.

    Attributes:
        name: Name under which its key is registered.
        namespace: Namespace it runs in; empty when it has none.
        node: Machine or pod it runs on; empty when unknown.
        version: Version of the program; empty when unknown.
    """

    name: Token
    namespace: Text = ""
    node: Text = ""
    version: Text = ""


class Intent(Record, frozen=True):
    """Why it was done.

    Attributes:
        trigger: What set it off, e.g. schedule, request, drift, incident.
        reason: Why, in words a reviewer understands.
        justification: The authority it rests on, such as a ticket or a policy clause.
    """

    trigger: Name
    reason: Statement
    justification: Text | None = None


class Correlation(Record, frozen=True):
    """What it belongs to.

    Attributes:
        run_id: The training or validation run.
        trace_id: The distributed trace (W3C trace-id).
        causation_id: The event_id of the event that caused this one.
    """

    run_id: Token | None = None
    trace_id: Token | None = None
    causation_id: Token | None = None


class Classification(Record, frozen=True):
    """How the event itself must be treated.

    Attributes:
        sensitivity: How harmful disclosure would be.
        regulatory_domains: Regimes it is evidence for, e.g. ecoa, sr-11-7, eu-ai-act.
        retention_class: Names the retention rule that applies.
    """

    sensitivity: Sensitivity = "confidential"
    regulatory_domains: tuple[Token, ...] = ()
    retention_class: Token = "standard"


class Envelope(Record, frozen=True):
    """What every event says: who did it, when, from where, and why.

    Attributes:
        event_id: UUID version 7, unique for ever.
        event_type: Type of the event, e.g. model.registered.
        occurred_at: When it happened by the producer's clock, UTC.
        tenant: The tenant that it belongs to; - for the platform itself.
        domain: Business domain, e.g. credit.
        environment: Where it happened, e.g. production.
        actor: Who.
        workload: The program that published it.
        intent: Why.
        correlation: What it belongs to.
        classification: How the event must be treated.
    """

    event_id: EventId = Field(default_factory=uuid7)
    event_type: Token = ""
    occurred_at: Timestamp = Field(default_factory=utc_now)
    tenant: Token
    domain: Token
    environment: Token
    actor: Actor
    workload: Workload
    intent: Intent
    correlation: Correlation = Correlation()
    classification: Classification = Classification()


class Event(TypedEvent, frozen=True):
    """One event of the contract; the base of every event type.

    Attributes:
        envelope: Who, when, from where, on whose authority and why.
        body: What happened.
    """

    envelope: Envelope
    body: Body


class ArtifactRef(Record, frozen=True):
    """One exact artifact. The digest identifies it; the names are for people.

    Attributes:
        kind: What it is, e.g. dataset, snapshot, labels, feature, environment, model, evaluation,
            deployment.
        name: Its name in the system that keeps it.
        version: Its version there.
        digest: SHA-256 of its content.
    """

    kind: Token
    name: Name
    version: Name
    digest: Digest


class BiasAttribute(Record, frozen=True):
    """A protected attribute, or an intersection of two, in an assessment.

    Attributes:
        attribute: Its name; of an intersection both, such as sex & age.
        rows: Rows in which it is known.
        missing: Rows in which it is not.
        small_groups: Groups of fewer rows than the least: they are counted and not assessed.
    """

    attribute: Name
    rows: Count
    missing: Count
    small_groups: IntCount


class BiasGap(Record, frozen=True):
    """How far one figure of two groups lies apart.

    Attributes:
        attribute: The protected attribute, or an intersection.
        first: Number of the one group.
        second: Number of the other.
        measure: What, as in BiasMeasure.
        gap: That of the first less that of the second.
        low: Lower end of its interval.
        high: Upper end of its interval.
        ratio: The lower of the two rates over the higher, for rates; null for others, and when both
            are 0.
        ratio_low: Lower end of its interval.
        ratio_high: Upper end of its interval.
    """

    attribute: Name
    first: IntCount
    second: IntCount
    measure: Token
    gap: Double
    low: Double
    high: Double
    ratio: Ratio | None = None
    ratio_low: Ratio | None = None
    ratio_high: Ratio | None = None


class BiasMeasure(Record, frozen=True):
    """One figure of one group, with its interval.

    Attributes:
        measure: What: selection_rate, score_mean, true_positive_rate, false_positive_rate,
            error_rate, calibration (mean outcome less mean probability), delay_days or coverage.
        rows: Rows that it was taken from.
        value: The figure.
        low: Lower end of its interval.
        high: Upper end of its interval.
    """

    measure: Token
    rows: Count
    value: Double
    low: Double
    high: Double


class BiasGroup(Record, frozen=True):
    """One group of people in an assessment.

    Attributes:
        attribute: The protected attribute, or an intersection.
        number: What the group is called in monitors and alerts: its number within the attribute,
            from 1.
        token: Token of its value; of an intersection both, joined by &.
        rows: Rows of the group.
        share: Share of the rows in which the attribute is known, 0 to 1.
        measures: Its figures.
    """

    attribute: Name
    number: IntCount
    token: Name
    rows: Count
    share: Ratio
    measures: tuple[BiasMeasure, ...]


class CategoryShare(Record, frozen=True):
    """How often a category came.

    Attributes:
        category: The category.
        share: Share of the rows with a value, 0 to 1.
    """

    category: Text
    share: Ratio


class CategoricalProfile(Record, frozen=True):
    """How a category was distributed in training.

    Attributes:
        name: Name of the feature; decision for what is decided.
        shares: The categories that came, with their shares.
        missing: Share of rows without a value, 0 to 1.
    """

    name: Name
    shares: tuple[CategoryShare, ...]
    missing: Ratio = 0.0


class CauseClass(Record, frozen=True):
    """What may be behind an alert, and how likely that is.

    Attributes:
        disposition: What.
        probability: How likely by the analysis, 0 to 1; all of them add up to 1.
        evidence: What speaks for it or against it, the strongest first.
    """

    disposition: Disposition
    probability: Ratio
    evidence: tuple[Statement, ...]


class Code(Record, frozen=True):
    """The exact source code that ran.

    Attributes:
        repository: Where it is kept, without credentials.
        commit: Commit of that repository.
        digest: SHA-256 of the code that ran.
    """

    repository: Name
    commit: Token
    digest: Digest


class Column(Record, frozen=True):
    """One column of a snapshot.

    Attributes:
        name: Name in the data.
        type: What values it holds.
        unit: Unit of its values (UCUM where one exists; 1 for a ratio); empty when it has none.
        description: What it means.
        sensitivity: How harmful its disclosure would be.
        protected_attribute: Whether it is a protected attribute, on which a decision may not rest.
        missing: Rows in which it has no value; null when not counted.
    """

    name: Name
    type: ColumnType
    unit: Text = ""
    description: Text = ""
    sensitivity: Sensitivity = "confidential"
    protected_attribute: Boolean = False
    missing: Count | None = None


class ColumnRef(Record, frozen=True):
    """One column of an exact dataset or snapshot.

    Attributes:
        artifact: The dataset or snapshot.
        column: Name of the column.
    """

    artifact: ArtifactRef
    column: Name


class DistributionSummary(Record, frozen=True):
    """What was measured of a value over some rows.

    Attributes:
        rows: Rows with a value.
        mean: Their mean, or the share of the rows where the monitor counts; null when there is
            none.
        sd: Standard deviation; null when there is none.
    """

    rows: Count
    mean: Double | None = None
    sd: Double | None = None


class Exclusion(Record, frozen=True):
    """A protected attribute that is not processed, because a jurisdiction forbids it.

    Attributes:
        attribute: The attribute.
        jurisdiction: Where it is forbidden, in the policy's words.
        reason: By which rule.
        predictions: Predictions that carried it all the same; it was not read.
    """

    attribute: Name
    jurisdiction: Name
    reason: Statement
    predictions: Count


class FeatureValue(Record, frozen=True):
    """One input of a prediction. A missing value has neither number nor text.

    Attributes:
        name: Name of the feature.
        number: Its value when it is a number, in the feature's unit.
        text: Its value when it is a category or text.
    """

    name: Name
    number: Double | None = None
    text: Text | None = None


class Finding(Record, frozen=True):
    """Something that a validator found.

    Attributes:
        severity: How much it matters.
        description: What was found.
        recommendation: What should be done; empty for nothing.
    """

    severity: Severity
    description: Statement
    recommendation: Text = ""


class GrantScope(Record, frozen=True):
    """What a grant reaches, within its tenant.

    Attributes:
        domains: Business domains; empty for all.
        environments: Environments; empty for all.
        max_sensitivity: The highest sensitivity that it reaches.
        namespace: Namespace that a workload must run in; empty for any.
        network: Network that it must come from; empty for any.
    """

    domains: tuple[Token, ...] = ()
    environments: tuple[Token, ...] = ()
    max_sensitivity: Sensitivity
    namespace: Text = ""
    network: Text = ""


class NumericProfile(Record, frozen=True):
    """How a number was distributed in training: quantiles, never rows.

    Attributes:
        name: Name of the feature; score for what the model answers.
        probabilities: Where the quantiles lie, rising, each from 0 to 1.
        quantiles: The quantiles there, not falling, in the feature's unit.
        missing: Share of rows without a value, 0 to 1.
    """

    name: Name
    probabilities: tuple[Ratio, ...]
    quantiles: tuple[Double, ...]
    missing: Ratio = 0.0


class GroupProfile(Record, frozen=True):
    """What the inputs and answers of one group looked like in training; never rows.

    Attributes:
        attribute: Name of the protected attribute.
        token: Token of the group, as predictions have it.
        rows: Rows of the group that this was taken from.
        numeric: Features that are numbers.
        categorical: Features that are categories.
        score: The model's answers on rows of the group that it was not fitted to; null when not
            taken.
        decision: What it would have decided on them; null when not taken.
    """

    attribute: Name
    token: Token
    rows: Count
    numeric: tuple[NumericProfile, ...] = ()
    categorical: tuple[CategoricalProfile, ...] = ()
    score: NumericProfile | None = None
    decision: CategoricalProfile | None = None


class LabelCount(Record, frozen=True):
    """How often a label was given.

    Attributes:
        label: The label.
        rows: Rows with it.
    """

    label: Text
    rows: Count


class LogPosition(Record, frozen=True):
    """How far a log was read.

    Attributes:
        origin: The log's identity: region/cluster/topic-id/partition.
        size: Entries of it that were read.
    """

    origin: Name
    size: Count


class LogRange(Record, frozen=True):
    """A tenant's entries in a range of a log, and what proves that none is missing.

    Attributes:
        origin: The log's identity: region/cluster/topic-id/partition.
        topic: Its source topic.
        partition: Its source partition.
        first: Position of the first entry of the range.
        size: Position after its last entry.
        entries: Entries in it that claim the tenant.
        leaves: SHA-256 of the leaf hashes of those entries, 32 bytes each, in order.
    """

    origin: Name
    topic: Token
    partition: IntCount
    first: Count
    size: Count
    entries: Count
    leaves: Digest


class Slice(Record, frozen=True):
    """A part of a snapshot: the rows in which one attribute has one value.

    Attributes:
        attribute: Name of the column.
        value: Its value in these rows.
    """

    attribute: Name
    value: Text


class Metric(Record, frozen=True):
    """One measured figure.

    Attributes:
        name: Name of the metric, e.g. auc, accuracy, selection_rate.
        value: The figure.
        unit: Unit of the figure; 1 for a ratio.
        samples: Rows that it was computed from.
        slice: The part it was computed on; null for the whole snapshot.
    """

    name: Name
    value: Double
    unit: Text = "1"
    samples: Count | None = None
    slice: Slice | None = None


class Param(Record, frozen=True):
    """One setting of a run.

    Attributes:
        name: Name of the setting.
        value: Its value as text, exact: numbers in their shortest decimal form.
        unit: Unit of the value; empty when it has none.
    """

    name: Name
    value: Text
    unit: Text = ""


class PersonalSignature(Record, frozen=True):
    """A person's own signature, and what binds its key to that person.

    Attributes:
        public_key: The person's key; made at their login and never a service's.
        envelope: A DSSE envelope, JSON: what was signed, with name, time and meaning of the
            signature, and the signature.
        id_token: The identity provider's token for that login, a JWT; its nonce commits to the key.
    """

    public_key: PublicKey
    envelope: Document
    id_token: Document


class PrecedingChange(Record, frozen=True):
    """A change upstream of a model that came before something moved.

    Attributes:
        event_id: The event_id that tells of it.
        event_type: Its type.
        appended_at: When the broker took it, UTC.
        artifact: What changed.
        relation: How it is upstream: deployment, configuration, feature, dataset, model or source.
        minutes_before: How long before the likeliest beginning, minutes; negative when it came
            after.
    """

    event_id: EventId
    event_type: Token
    appended_at: Timestamp
    artifact: ArtifactRef
    relation: Token
    minutes_before: Double


class ProtectedValue(Record, frozen=True):
    """A protected attribute of the person concerned, as a token: never in clear.

    Attributes:
        attribute: Name of the attribute, e.g. sex.
        token: Keyed token of its value, the same for every person of a group; null when it is not
            known.
    """

    attribute: Name
    token: Token | None = None


class RuleResult(Record, frozen=True):
    """What one rule of a release policy came to.

    Attributes:
        rule: Name of the rule.
        result: What it came to.
        reason: Why, in words.
        evidence: The event_ids of what it read.
        exception_id: The exception that stands for it; null when there is none.
    """

    rule: Token
    result: RuleOutcome
    reason: Statement
    evidence: tuple[EventId, ...] = ()
    exception_id: Token | None = None


class SealedRange(Record, frozen=True):
    """Consecutive entries of one log.

    Attributes:
        origin: The log's identity: region/cluster/topic-id/partition.
        first: Position of the first.
        last: Position of the last.
    """

    origin: Name
    first: Count
    last: Count


class StreamPosition(Record, frozen=True):
    """How far a producer has published to one partition.

    Attributes:
        topic: Source topic.
        partition: Partition of the topic.
        last_sequence: Sequence of the last event of this epoch there.
    """

    topic: Token
    partition: IntCount
    last_sequence: Count


class ThresholdCheck(Record, frozen=True):
    """A metric held against the limit that was set for it.

    Attributes:
        metric: Name of the metric.
        slice: The part that it was computed on; null for the whole snapshot.
        comparison: Whether the value must be at least or at most the limit.
        limit: The limit, in the metric's unit.
        value: The figure, in the metric's unit.
        passed: Whether the figure keeps the limit.
    """

    metric: Name
    slice: Slice | None = None
    comparison: Comparison
    limit: Double
    value: Double
    passed: Boolean


class TrainingProfile(Record, frozen=True):
    """What a model's inputs and answers looked like in training; never rows.

    Attributes:
        model: The model; one of the run's outputs.
        rows: Rows that the profile was taken from.
        numeric: Features that are numbers.
        categorical: Features that are categories.
        score: The model's answers on rows that it was not fitted to; null when not taken.
        decision: What it would have decided on them; null when not taken.
        error_rate: Share of them that it decided wrongly; null when not taken.
        groups: The same of groups of people, by a protected attribute; empty when not taken.
    """

    model: ArtifactRef
    rows: Count
    numeric: tuple[NumericProfile, ...] = ()
    categorical: tuple[CategoricalProfile, ...] = ()
    score: NumericProfile | None = None
    decision: CategoricalProfile | None = None
    error_rate: Ratio | None = None
    groups: tuple[GroupProfile, ...] = ()


class AccessReviewDecidedBody(Body, frozen=True):
    """What access_review.decided says.

    Attributes:
        review_id: The review.
        grant_id: The grant.
        decision: The decision.
        rationale: Why.
    """

    review_id: Token
    grant_id: Token
    decision: ReviewDecision
    rationale: Statement


class AccessReviewDecided(Event, frozen=True):
    """A reviewer decided whether a grant stays."""

    event_type: ClassVar[str] = "access_review.decided"
    stream: ClassVar[str] = "access"
    schema_name: ClassVar[str] = "auditspine.events.AccessReviewDecided"

    body: AccessReviewDecidedBody


class AccessReviewOpenedBody(Body, frozen=True):
    """What access_review.opened says.

    Attributes:
        review_id: Identifier of the review.
        grants: Grants to be decided on.
        reviewer: Who decides.
        due_at: By when, UTC.
    """

    review_id: Token
    grants: tuple[Token, ...]
    reviewer: Name
    due_at: Timestamp


class AccessReviewOpened(Event, frozen=True):
    """The periodic review of who may do what began."""

    event_type: ClassVar[str] = "access_review.opened"
    stream: ClassVar[str] = "access"
    schema_name: ClassVar[str] = "auditspine.events.AccessReviewOpened"

    body: AccessReviewOpenedBody


class AlertAcknowledgedBody(Body, frozen=True):
    """What alert.acknowledged says.

    Attributes:
        alert_id: The alert.
        comment: What they are going to do.
    """

    alert_id: Token
    comment: Statement


class AlertAcknowledged(Event, frozen=True):
    """A person took an alert upon themselves: it does not escalate any more."""

    event_type: ClassVar[str] = "alert.acknowledged"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.AlertAcknowledged"

    body: AlertAcknowledgedBody


class AlertEscalatedBody(Body, frozen=True):
    """What alert.escalated says.

    Attributes:
        alert_id: The alert.
        to_tier: What it must ask for.
        reason: Why.
    """

    alert_id: Token
    to_tier: AlertTier
    reason: Statement


class AlertEscalated(Event, frozen=True):
    """A person escalated an alert; that it asks for more follows as alert.raised."""

    event_type: ClassVar[str] = "alert.escalated"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.AlertEscalated"

    body: AlertEscalatedBody


class AlertRaisedBody(Body, frozen=True):
    """What alert.raised says.

    Attributes:
        alert_id: Identifier of the alert.
        fingerprint: Same for all that has the same cause: repeats do not raise another.
        tier: What it asks for.
        previous_tier: What it asked for before; null when it is new.
        cause: Why it is raised: signals; a larger effect or more of them; nobody acknowledged it; a
            person escalated it; something serves that may not; nothing serves any more.
        level: How often it was raised again since it was new.
        kind: What moved, as in drift.signalled; several when many features moved at once.
        deployment: The deployment.
        model: The model that it serves.
        risk_class: Risk class of the decisions that it makes, by the policy.
        owner: Who is told.
        features: Features that moved; empty when it is of none.
        effect_size: The largest effect among the signals; see drift.signalled.
        signals: The event_ids of the signals.
        evidence: The sealed entries that the signals rest on.
        since: When what moved began to move, UTC.
        actions: What the policy does about it: notify, investigate, freeze_releases, fallback,
            block, quarantine.
        policy: SHA-256 of the drift policy.
        title: One sentence for people.
    """

    alert_id: Token
    fingerprint: Token
    tier: AlertTier
    previous_tier: AlertTier | None = None
    cause: AlertCause
    level: IntCount = 0
    kind: Token
    deployment: ArtifactRef
    model: ArtifactRef
    risk_class: Token
    owner: Name
    features: tuple[Name, ...] = ()
    effect_size: Double
    signals: tuple[EventId, ...]
    evidence: tuple[SealedRange, ...] = ()
    since: Timestamp
    actions: tuple[Token, ...] = ()
    policy: Digest
    title: Statement


class AlertRaised(Event, frozen=True):
    """What was signalled became an alert, or an alert asks for more, or again."""

    event_type: ClassVar[str] = "alert.raised"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.AlertRaised"

    body: AlertRaisedBody


class AlertResolvedBody(Body, frozen=True):
    """What alert.resolved says.

    Attributes:
        alert_id: The alert.
        cause: Why: nothing signalled it any more, or its investigation ended.
        reason: One sentence for people.
    """

    alert_id: Token
    cause: ResolutionCause
    reason: Statement


class AlertResolved(Event, frozen=True):
    """An alert is over."""

    event_type: ClassVar[str] = "alert.resolved"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.AlertResolved"

    body: AlertResolvedBody


class AlertSilencedBody(Body, frozen=True):
    """What alert.silenced says.

    Attributes:
        silence_id: Identifier of the silence.
        alert_id: The alert whose fingerprint is silenced; null for a whole deployment.
        deployment: Name of the deployment that is silenced; null for one alert.
        starts_at: From when, UTC.
        ends_at: Until when, UTC.
        reason: Why, e.g. a maintenance window.
    """

    silence_id: Token
    alert_id: Token | None = None
    deployment: Name | None = None
    starts_at: Timestamp
    ends_at: Timestamp
    reason: Statement


class AlertSilenced(Event, frozen=True):
    """A person silenced alerts for a time: they are recorded, and nobody is told."""

    event_type: ClassVar[str] = "alert.silenced"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.AlertSilenced"

    body: AlertSilencedBody


class ApprovalDecidedBody(Body, frozen=True):
    """What approval.decided says.

    Attributes:
        subject: What was decided on; the approval binds to its digest.
        decision: The decision.
        meaning: What the approver declares by it, in words.
        role: The role in which the approver acted.
        conditions: What must be kept for it to hold.
        expires_at: When it ends, UTC; null for never.
        validations: Evaluations that it rests on.
        environment: The environment that it is for; null when it is for none in particular.
        signature: The approver's own signature; null when a service reports the decision.
    """

    subject: ArtifactRef
    decision: ApprovalDecision
    meaning: Statement
    role: Name
    conditions: tuple[Statement, ...] = ()
    expires_at: Timestamp | None = None
    validations: tuple[ArtifactRef, ...]
    environment: Token | None = None
    signature: PersonalSignature | None = None


class ApprovalDecided(Event, frozen=True):
    """A person decided whether a model may be used."""

    event_type: ClassVar[str] = "approval.decided"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.ApprovalDecided"

    body: ApprovalDecidedBody


class ApprovalRequestedBody(Body, frozen=True):
    """What approval.requested says.

    Attributes:
        request_id: The event_id of the deployment request.
        model: The model; an approval binds to its digest.
        environment: Where it is to be deployed.
        roles: Roles whose holders may approve.
        needed: Approvals by different people that the policy asks for.
        given: How many of them are given.
        reason: One sentence for people.
    """

    request_id: EventId
    model: ArtifactRef
    environment: Token
    roles: tuple[Token, ...]
    needed: IntCount
    given: IntCount
    reason: Statement


class ApprovalRequested(Event, frozen=True):
    """A release waits for people to decide on it."""

    event_type: ClassVar[str] = "approval.requested"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.ApprovalRequested"

    body: ApprovalRequestedBody


class ArtifactAccessedBody(Body, frozen=True):
    """What artifact.accessed says.

    Attributes:
        artifact: The artifact.
        operation: What was done.
        purpose: What it was done for.
        permitted: Whether the system that keeps it let it happen.
        authorisation: The grant that allowed it.
        size_bytes: How much was moved, bytes; null when unknown.
        sensitivity: How the system that keeps the artifact classifies it; null when it did not say.
    """

    artifact: ArtifactRef
    operation: Operation
    purpose: Statement
    permitted: Boolean = True
    authorisation: Text | None = None
    size_bytes: Count | None = None
    sensitivity: Sensitivity | None = None


class ArtifactAccessed(Event, frozen=True):
    """Somebody touched an artifact, or tried to."""

    event_type: ClassVar[str] = "artifact.accessed"
    stream: ClassVar[str] = "access"
    schema_name: ClassVar[str] = "auditspine.events.ArtifactAccessed"

    body: ArtifactAccessedBody


class ArtifactQuarantinedBody(Body, frozen=True):
    """What artifact.quarantined says.

    Attributes:
        artifact: The artifact; this digest only.
        action: Whether it begins or ends.
        reason: Why.
    """

    artifact: ArtifactRef
    action: QuarantineAction
    reason: Statement


class ArtifactQuarantined(Event, frozen=True):
    """An artifact must not be used, or may be again."""

    event_type: ClassVar[str] = "artifact.quarantined"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.ArtifactQuarantined"

    body: ArtifactQuarantinedBody


class ArtifactRetiredBody(Body, frozen=True):
    """What artifact.retired says.

    Attributes:
        artifact: The artifact.
        reason: Why.
        content: What became of its content.
    """

    artifact: ArtifactRef
    reason: Statement
    content: RetiredContent


class ArtifactRetired(Event, frozen=True):
    """An artifact is no longer in use."""

    event_type: ClassVar[str] = "artifact.retired"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.ArtifactRetired"

    body: ArtifactRetiredBody


class ArtifactSignedBody(Body, frozen=True):
    """What artifact.signed says.

    Attributes:
        artifact: The artifact.
        format: Format of the signature, e.g. dsse.
        envelope: The signature: a DSSE envelope, JSON, over an in-toto statement that names the
            digest.
        public_key: The key that it is signed with.
    """

    artifact: ArtifactRef
    format: Token
    envelope: Document
    public_key: PublicKey


class ArtifactSigned(Event, frozen=True):
    """Whoever made an artifact signed its bytes."""

    event_type: ClassVar[str] = "artifact.signed"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.ArtifactSigned"

    body: ArtifactSignedBody


class BiasAssessedBody(Body, frozen=True):
    """What bias.assessed says.

    Attributes:
        deployment: The deployment.
        model: The model that it served.
        basis: Whether it rests on decisions, or on decisions with their outcomes.
        started_at: When the period began, UTC.
        ended_at: When it ended, UTC.
        predictions: Predictions in it; for the basis outcomes those that an outcome answered in it.
        attributes: What was assessed.
        groups: Groups that are large enough.
        gaps: Each measure of each pair of them.
        exclusions: What may not be processed, and was not.
        overdue: Predictions of before whose outcome became overdue in the period; 0 for the basis
            decisions.
        error_rate: Share of answered predictions that were wrong; null for the basis decisions.
        error_rate_low: That share if every overdue one were right; null likewise.
        error_rate_high: That share if every overdue one were wrong; null likewise.
        confidence: Confidence of the intervals, 0 to 1.
        least_rows: Rows that a group needs to be assessed.
        evidence: The sealed entries.
        policy: SHA-256 of the drift policy.
    """

    deployment: ArtifactRef
    model: ArtifactRef
    basis: AssessmentBasis
    started_at: Timestamp
    ended_at: Timestamp
    predictions: Count
    attributes: tuple[BiasAttribute, ...]
    groups: tuple[BiasGroup, ...] = ()
    gaps: tuple[BiasGap, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    overdue: Count = 0
    error_rate: Ratio | None = None
    error_rate_low: Ratio | None = None
    error_rate_high: Ratio | None = None
    confidence: Ratio
    least_rows: IntCount
    evidence: SealedRange
    policy: Digest


class BiasAssessed(Event, frozen=True):
    """How a model treated groups of people at a deployment in a period."""

    event_type: ClassVar[str] = "bias.assessed"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.BiasAssessed"

    body: BiasAssessedBody


class CodeCommittedBody(Body, frozen=True):
    """What code.committed says.

    Attributes:
        code: The code.
        parents: Commits that it follows.
        author: Who wrote it.
        reviewers: Who reviewed it; empty when nobody did.
        message: What it changes.
    """

    code: Code
    parents: tuple[Token, ...] = ()
    author: Name
    reviewers: tuple[Name, ...] = ()
    message: Statement


class CodeCommitted(Event, frozen=True):
    """Source code was committed, with its review."""

    event_type: ClassVar[str] = "code.committed"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.CodeCommitted"

    body: CodeCommittedBody


class DatasetFlaggedBody(Body, frozen=True):
    """What dataset.flagged says.

    Attributes:
        dataset: The dataset or snapshot.
        reason: Why it must go.
        remove_by: By when it must be gone, UTC; null when no date is set.
    """

    dataset: ArtifactRef
    reason: Statement
    remove_by: Timestamp | None = None


class DatasetFlagged(Event, frozen=True):
    """A dataset or snapshot was flagged for removal."""

    event_type: ClassVar[str] = "dataset.flagged"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.DatasetFlagged"

    body: DatasetFlaggedBody


class DatasetRegisteredBody(Body, frozen=True):
    """What dataset.registered says.

    Attributes:
        dataset: The dataset as it was received.
        description: What it holds.
        source: Where it came from, as a citation.
        source_uri: Where it was fetched from, without credentials; empty when nowhere.
        licence: Licence or contract it is used under.
        owner: Who answers for it.
        permitted_purposes: Uses that are allowed; empty when not limited.
    """

    dataset: ArtifactRef
    description: Statement
    source: Statement
    source_uri: Text = ""
    licence: Name
    owner: Name
    permitted_purposes: tuple[Name, ...] = ()


class DatasetRegistered(Event, frozen=True):
    """A dataset was made known, with its source and permitted uses."""

    event_type: ClassVar[str] = "dataset.registered"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.DatasetRegistered"

    body: DatasetRegisteredBody


class DatasetSnapshottedBody(Body, frozen=True):
    """What dataset.snapshotted says.

    Attributes:
        snapshot: The snapshot.
        dataset: The dataset that it was taken from.
        rows: Number of rows.
        columns: Its columns, in order.
        split: What part of the dataset it is.
        selection: How the rows were chosen; empty for all of them.
        size_bytes: Size of the content, bytes.
    """

    snapshot: ArtifactRef
    dataset: ArtifactRef
    rows: Count
    columns: tuple[Column, ...]
    split: Split = "all"
    selection: Text = ""
    size_bytes: Count | None = None


class DatasetSnapshotted(Event, frozen=True):
    """The exact rows of a dataset were fixed, so that a run can cite them."""

    event_type: ClassVar[str] = "dataset.snapshotted"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.DatasetSnapshotted"

    body: DatasetSnapshottedBody


class DecisionMadeBody(Body, frozen=True):
    """What decision.made says.

    Attributes:
        decision_id: Identifier of the decision; a deployment that rests on it names it.
        request_id: The event_id of the deployment request.
        model: The model; this digest only.
        environment: Where it may, or may not, be deployed; this environment only.
        outcome: The decision.
        cause: Why now: it was asked for; something came that it waited for; what it rested on was
            taken back, or ran out.
        supersedes: The decision that it replaces; null for none.
        risk_class: Risk class that it was judged by.
        jurisdictions: Jurisdictions whose overlays were applied.
        rules: Every rule with its result and the evidence that it read.
        exceptions: Exceptions that it rests on.
        artifacts: Artifacts that it read of.
        policy: SHA-256 of the release policy; null when there is none.
        positions: How far each log was read: the same logs so far give the same decision.
        valid_until: When what it rests on runs out, UTC; null when nothing does.
        reason: One sentence for people.
    """

    decision_id: Token
    request_id: EventId
    model: ArtifactRef
    environment: Token
    outcome: DecisionOutcome
    cause: DecisionCause
    supersedes: Token | None = None
    risk_class: Token
    jurisdictions: tuple[Token, ...] = ()
    rules: tuple[RuleResult, ...]
    exceptions: tuple[Token, ...] = ()
    artifacts: tuple[ArtifactRef, ...] = ()
    policy: Digest | None = None
    positions: tuple[LogPosition, ...]
    valid_until: Timestamp | None = None
    reason: Statement


class DecisionMade(Event, frozen=True):
    """A deployment request was decided on by the release policy."""

    event_type: ClassVar[str] = "decision.made"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.DecisionMade"

    body: DecisionMadeBody


class DeploymentChangedBody(Body, frozen=True):
    """What deployment.changed says.

    Attributes:
        deployment: The deployment; its digest is that of its configuration.
        model: The model that it serves.
        environment: Where it serves, e.g. production.
        action: What was done.
        traffic_share: Share of the traffic that it serves from now, 0 to 1.
        approval_event_id: The event_id of the approval that allows it; null when there is none.
        replaces: The model that it served before.
        decision_id: The release decision that allows it; null when there is none.
    """

    deployment: ArtifactRef
    model: ArtifactRef
    environment: Token
    action: DeploymentAction
    traffic_share: Ratio = 1.0
    approval_event_id: EventId | None = None
    replaces: ArtifactRef | None = None
    decision_id: Token | None = None


class DeploymentChanged(Event, frozen=True):
    """What serves, or how much of the traffic it serves, changed."""

    event_type: ClassVar[str] = "deployment.changed"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.DeploymentChanged"

    body: DeploymentChangedBody


class DeploymentRequestedBody(Body, frozen=True):
    """What deployment.requested says.

    Attributes:
        model: The model; what is decided holds for its digest.
        environment: Where it is to be deployed, e.g. production.
        risk_class: Risk class of the decisions that it is to make.
        purpose: What it is to be used for, as the permitted purposes of datasets name it.
        jurisdictions: Jurisdictions that it is to decide in, beside those that the policy sets for
            its domain.
        deployment: The deployment that is to serve it; null when not known yet.
    """

    model: ArtifactRef
    environment: Token
    risk_class: Token
    purpose: Name
    jurisdictions: tuple[Token, ...] = ()
    deployment: ArtifactRef | None = None


class DeploymentRequested(Event, frozen=True):
    """Somebody asks to deploy an exact model."""

    event_type: ClassVar[str] = "deployment.requested"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.DeploymentRequested"

    body: DeploymentRequestedBody


class DriftSignalledBody(Body, frozen=True):
    """What drift.signalled says.

    Attributes:
        deployment: The deployment.
        model: The model that it serves.
        kind: What moved: location, scale, constant, category, new_category, missing, schema, score,
            decision, error, rule, served, profile, traffic, outcome, proxy, fairness, group,
            calibration, delay, coverage, threshold or protected.
        monitor: The monitor, e.g. debt_to_income.location.
        feature: The feature; empty when it is of no single one.
        statistic: What the monitor's statistic reached, at least.
        threshold: At what it signals: the rows that pass on average before it does so without a
            change.
        effect_size: How far it moved, signed: training standard deviations of a number, difference
            of shares of a rate.
        rows: Rows of the window.
        started_at: When the window began by the broker's clock, UTC.
        ended_at: When it ended, UTC.
        reference: What was expected.
        current: What the window holds.
        evidence: The sealed entries that it rests on.
        false_alarms_per_week: How often this monitor signals without a change, on average, at the
            traffic that there is.
        monitors: Monitors of the model that share the budget of false alarms.
        profile_event_id: The event_id of the run.completed that the profile is from; null when
            there is none.
        policy: SHA-256 of the drift policy.
        detail: One sentence for people.
        change_earliest: Before which the change did not begin, at 95% confidence, UTC; null when
            that cannot be told.
        change_latest: By which it had begun, at 95% confidence, UTC; null when that cannot be told.
    """

    deployment: ArtifactRef
    model: ArtifactRef
    kind: Token
    monitor: Name
    feature: Text = ""
    statistic: NonNegative
    threshold: NonNegative
    effect_size: Double
    rows: Count
    started_at: Timestamp
    ended_at: Timestamp
    reference: DistributionSummary
    current: DistributionSummary
    evidence: SealedRange
    false_alarms_per_week: NonNegative
    monitors: IntCount
    profile_event_id: EventId | None = None
    policy: Digest
    detail: Statement
    change_earliest: Timestamp | None = None
    change_latest: Timestamp | None = None


class DriftSignalled(Event, frozen=True):
    """A monitor of a served model found that something is not as it was."""

    event_type: ClassVar[str] = "drift.signalled"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.DriftSignalled"

    body: DriftSignalledBody


class ExceptionExpiredBody(Body, frozen=True):
    """What exception.expired says.

    Attributes:
        exception_id: The exception.
        subject: The model.
        environment: Where it was for.
        decisions: Decisions that rested on it.
        reason: One sentence for people.
    """

    exception_id: Token
    subject: ArtifactRef
    environment: Token
    decisions: tuple[Token, ...] = ()
    reason: Statement


class ExceptionExpired(Event, frozen=True):
    """An exception is over."""

    event_type: ClassVar[str] = "exception.expired"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.ExceptionExpired"

    body: ExceptionExpiredBody


class ExceptionGrantedBody(Body, frozen=True):
    """What exception.granted says.

    Attributes:
        exception_id: Identifier of the exception.
        subject: The model; this digest only.
        environment: Where; this environment only.
        rules: Rules of the release policy that it stands for.
        compensating_control: What keeps the risk down instead.
        role: The role in which it is granted.
        expires_at: When it ends, UTC.
        signature: The signature of whoever grants it.
    """

    exception_id: Token
    subject: ArtifactRef
    environment: Token
    rules: tuple[Token, ...]
    compensating_control: Statement
    role: Token
    expires_at: Timestamp
    signature: PersonalSignature


class ExceptionGranted(Event, frozen=True):
    """A person lets a model be released although a rule does not hold."""

    event_type: ClassVar[str] = "exception.granted"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.ExceptionGranted"

    body: ExceptionGrantedBody


class ExplanationAttachedBody(Body, frozen=True):
    """What explanation.attached says.

    Attributes:
        explanation: The explanation; its digest is that of its bytes.
        subject: The model that it explains.
        prediction_id: The prediction that it explains; null when it explains the model.
        method: How it was made, e.g. shap or coefficients.
        place: Where its bytes are kept, without credentials.
    """

    explanation: ArtifactRef
    subject: ArtifactRef
    prediction_id: Token | None = None
    method: Name
    place: Name


class ExplanationAttached(Event, frozen=True):
    """An explanation was made of a model, or of one prediction of it."""

    event_type: ClassVar[str] = "explanation.attached"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.ExplanationAttached"

    body: ExplanationAttachedBody


class FeatureDefinedBody(Body, frozen=True):
    """What feature.defined says.

    Attributes:
        feature: The feature; its digest is that of the definition.
        description: What it means.
        inputs: Columns that it is computed from.
        definition: The expression or code that computes it.
        language: Language of the definition, e.g. sql or python.
        type: What values it holds.
        unit: Unit of its values; empty when it has none.
        uses_protected_attribute: Whether an input is a protected attribute.
        owner: Who answers for it.
    """

    feature: ArtifactRef
    description: Statement
    inputs: tuple[ColumnRef, ...]
    definition: Statement
    language: Token
    type: ColumnType
    unit: Text = ""
    uses_protected_attribute: Boolean = False
    owner: Name


class FeatureDefined(Event, frozen=True):
    """A feature was defined over columns."""

    event_type: ClassVar[str] = "feature.defined"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.FeatureDefined"

    body: FeatureDefinedBody


class FeatureDeprecatedBody(Body, frozen=True):
    """What feature.deprecated says.

    Attributes:
        feature: The feature.
        reason: Why.
        owner: Who answers for it.
        review_status: How far the review of its deprecation got.
        replacement: The feature to use instead; null when there is none.
    """

    feature: ArtifactRef
    reason: Statement
    owner: Name
    review_status: ReviewStatus
    replacement: ArtifactRef | None = None


class FeatureDeprecated(Event, frozen=True):
    """A feature must not be used any more, or only until it is replaced."""

    event_type: ClassVar[str] = "feature.deprecated"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.FeatureDeprecated"

    body: FeatureDeprecatedBody


class FindingRaisedBody(Body, frozen=True):
    """What finding.raised says.

    Attributes:
        finding_id: Identifier of the finding.
        kind: What was found, e.g. release_bypassed.
        tier: What it asks for.
        model: The model that it is about.
        deployment: The deployment; null when there is none.
        environment: Where.
        owner: Who is told.
        evidence: The event_ids that it rests on.
        title: One sentence for people.
    """

    finding_id: Token
    kind: Token
    tier: AlertTier
    model: ArtifactRef
    deployment: ArtifactRef | None = None
    environment: Token
    owner: Name
    evidence: tuple[EventId, ...] = ()
    title: Statement


class FindingRaised(Event, frozen=True):
    """The release processor found that something went around it, or is about to run out."""

    event_type: ClassVar[str] = "finding.raised"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.FindingRaised"

    body: FindingRaisedBody


class InvestigationAnalysedBody(Body, frozen=True):
    """What investigation.analysed says.

    Attributes:
        investigation_id: The investigation.
        alert_id: Its alert.
        revision: 0 for the first analysis, one more each time that more was known.
        deployment: The deployment.
        model: The model that it serves.
        features: Features that moved, the most first.
        groups: Groups that are affected, by attribute and number, such as sex group 2.
        change_earliest: Before which the change did not begin, at 95% confidence, UTC.
        change_at: When it most likely began, UTC.
        change_latest: By which it had begun, at 95% confidence, UTC.
        changes: Changes upstream that came before, the likeliest first.
        likeliest: The likeliest class.
        classes: All classes, the likeliest first.
        signals: The event_ids of the signals that it rests on.
        policy: SHA-256 of the drift policy.
        detail: What was found, in a sentence or two.
    """

    investigation_id: Token
    alert_id: Token
    revision: IntCount
    deployment: ArtifactRef
    model: ArtifactRef
    features: tuple[Name, ...] = ()
    groups: tuple[Name, ...] = ()
    change_earliest: Timestamp
    change_at: Timestamp
    change_latest: Timestamp
    changes: tuple[PrecedingChange, ...] = ()
    likeliest: Disposition
    classes: tuple[CauseClass, ...]
    signals: tuple[EventId, ...]
    policy: Digest
    detail: Statement


class InvestigationAnalysed(Event, frozen=True):
    """A first analysis of what may be behind an alert that is under investigation."""

    event_type: ClassVar[str] = "investigation.analysed"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.InvestigationAnalysed"

    body: InvestigationAnalysedBody


class InvestigationDispositionedBody(Body, frozen=True):
    """What investigation.dispositioned says.

    Attributes:
        investigation_id: The investigation.
        alert_id: Its alert.
        disposition: What it was about.
        resume: Whether the deployment serves as before from now on.
        rationale: Why, and what was done.
    """

    investigation_id: Token
    alert_id: Token
    disposition: Disposition
    resume: Boolean = False
    rationale: Statement


class InvestigationDispositioned(Event, frozen=True):
    """A person said what an alert was about, and what was done."""

    event_type: ClassVar[str] = "investigation.dispositioned"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.InvestigationDispositioned"

    body: InvestigationDispositionedBody


class InvestigationOpenedBody(Body, frozen=True):
    """What investigation.opened says.

    Attributes:
        investigation_id: Identifier of the investigation.
        alert_id: The alert.
        model: The model.
        owner: Who investigates.
        promotion_blocked: Whether the model may not be promoted meanwhile.
        question: What is to be found out.
    """

    investigation_id: Token
    alert_id: Token
    model: ArtifactRef
    owner: Name
    promotion_blocked: Boolean
    question: Statement


class InvestigationOpened(Event, frozen=True):
    """An alert is to be investigated; until that ends, the model is not promoted."""

    event_type: ClassVar[str] = "investigation.opened"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.InvestigationOpened"

    body: InvestigationOpenedBody


class KeyRegisteredBody(Body, frozen=True):
    """What key.registered says.

    Attributes:
        public_key: The key.
        producer: The workload that holds it.
        tenants: Tenants that it may speak for; * for every registered one, as the platform's
            processors do.
        event_types: Event types that it may publish: names or patterns such as model.* or *.
        purpose: What it is for.
    """

    public_key: PublicKey
    producer: Token
    tenants: tuple[Token, ...]
    event_types: tuple[Token, ...]
    purpose: KeyPurpose


class KeyRegistered(Event, frozen=True):
    """A key was made known, with what it may say."""

    event_type: ClassVar[str] = "key.registered"
    stream: ClassVar[str] = "control"
    schema_name: ClassVar[str] = "auditspine.events.KeyRegistered"

    body: KeyRegisteredBody


class KeyRevokedBody(Body, frozen=True):
    """What key.revoked says.

    Attributes:
        public_key: The key.
        reason: Why.
        compromised_since: Since when others may have held it, UTC; null when they never did.
    """

    public_key: PublicKey
    reason: Statement
    compromised_since: Timestamp | None = None


class KeyRevoked(Event, frozen=True):
    """A key is no longer accepted."""

    event_type: ClassVar[str] = "key.revoked"
    stream: ClassVar[str] = "control"
    schema_name: ClassVar[str] = "auditspine.events.KeyRevoked"

    body: KeyRevokedBody


class LabellerApprovedBody(Body, frozen=True):
    """What labeller.approved says.

    Attributes:
        labeller: Who or what may give labels, as labels.applied names it.
        columns: Targets that it may label; empty for all.
        qualification: What it was approved on, such as a training or an agreement test.
        expires_at: When the approval ends, UTC; null for never.
    """

    labeller: Name
    columns: tuple[Name, ...] = ()
    qualification: Statement
    expires_at: Timestamp | None = None


class LabellerApproved(Event, frozen=True):
    """A person or program may give labels."""

    event_type: ClassVar[str] = "labeller.approved"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.LabellerApproved"

    body: LabellerApprovedBody


class LabelsAppliedBody(Body, frozen=True):
    """What labels.applied says.

    Attributes:
        labels: The labels.
        snapshot: The snapshot whose rows they label.
        column: Name of the labelled target.
        labeller: Who or what gave them.
        method: Whether they were observed in the world, or given by a person or a program.
        instructions: The rule by which they were given.
        counts: How often each label was given.
    """

    labels: ArtifactRef
    snapshot: ArtifactRef
    column: Name
    labeller: Name
    method: LabelMethod
    instructions: Statement
    counts: tuple[LabelCount, ...]


class LabelsApplied(Event, frozen=True):
    """Labels were given to the rows of a snapshot."""

    event_type: ClassVar[str] = "labels.applied"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.LabelsApplied"

    body: LabelsAppliedBody


class LineageTagSetBody(Body, frozen=True):
    """What lineage_tag.set says.

    Attributes:
        artifact: The artifact.
        sensitivity: How harmful its disclosure would be.
        regulatory_domains: Regimes that it falls under, e.g. ecoa; empty leaves them as they were.
        business_unit: Unit that it belongs to.
        data_tier: How far its data are prepared, e.g. raw, cleaned or curated.
        approval_status: How far its approval got.
    """

    artifact: ArtifactRef
    sensitivity: Sensitivity | None = None
    regulatory_domains: tuple[Token, ...] = ()
    business_unit: Name | None = None
    data_tier: Token | None = None
    approval_status: ApprovalStatus | None = None


class LineageTagSet(Event, frozen=True):
    """An artifact was tagged. What is null or empty stays as it was."""

    event_type: ClassVar[str] = "lineage_tag.set"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.LineageTagSet"

    body: LineageTagSetBody


class LogOpenedBody(Body, frozen=True):
    """What log.opened says.

    Attributes:
        origin: The log's identity: region/cluster/topic-id/partition.
        topic: Its source topic.
        partition: Its source partition.
        public_key: The key that signs its checkpoints.
        format: Version of the segment format.
    """

    origin: Name
    topic: Token
    partition: IntCount
    public_key: PublicKey
    format: IntCount


class LogOpened(Event, frozen=True):
    """A partition's log was opened under a key."""

    event_type: ClassVar[str] = "log.opened"
    stream: ClassVar[str] = "control"
    schema_name: ClassVar[str] = "auditspine.events.LogOpened"

    body: LogOpenedBody


class ModelRegisteredBody(Body, frozen=True):
    """What model.registered says.

    Attributes:
        model: The model.
        run_id: The run that trained it.
        algorithm: What kind of model it is.
        training_snapshots: Snapshots that it was trained on.
        labels: Labels that it was trained on.
        features: Features that it takes, in order.
        code: The code that trained it.
        environment: The environment it was trained in.
        intended_use: What it may be used for.
        limitations: What it must not be used for, and where it is known to be weak.
        owner: Who answers for it.
        previous: The version that it is meant to replace.
    """

    model: ArtifactRef
    run_id: Token
    algorithm: Name
    training_snapshots: tuple[ArtifactRef, ...]
    labels: tuple[ArtifactRef, ...] = ()
    features: tuple[ArtifactRef, ...]
    code: Code
    environment: ArtifactRef
    intended_use: Statement
    limitations: Statement
    owner: Name
    previous: ArtifactRef | None = None


class ModelRegistered(Event, frozen=True):
    """A model version was registered, with all that it was made from."""

    event_type: ClassVar[str] = "model.registered"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.ModelRegistered"

    body: ModelRegisteredBody


class NotificationDeliveredBody(Body, frozen=True):
    """What notification.delivered says.

    Attributes:
        notification_id: Same for every attempt to tell a receiver of one event: receivers can tell
            repeats by it.
        alert_id: The alert.
        event_id: The event_id of what was told.
        receiver: Name of the receiver in the notification settings; its address and secrets are
            there.
        status: What became of it.
        attempts: How often it was tried.
        detail: Why it could not be delivered; empty when it was.
    """

    notification_id: Token
    alert_id: Token
    event_id: EventId
    receiver: Name
    status: NotificationStatus
    attempts: IntCount
    detail: Text = ""


class NotificationDelivered(Event, frozen=True):
    """Somebody was told of an alert, or could not be."""

    event_type: ClassVar[str] = "notification.delivered"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.NotificationDelivered"

    body: NotificationDeliveredBody


class OutcomeObservedBody(Body, frozen=True):
    """What outcome.observed says.

    Attributes:
        prediction_id: The prediction that it answers.
        deployment: The deployment that made the prediction.
        label: The outcome when it is a category.
        value: The outcome when it is a number.
        unit: Unit of the value; empty when it has none.
        observed_at: When it was observed, UTC.
        source: The system or person that observed it.
    """

    prediction_id: Token
    deployment: ArtifactRef
    label: Text | None = None
    value: Double | None = None
    unit: Text = ""
    observed_at: Timestamp
    source: Name


class OutcomeObserved(Event, frozen=True):
    """What really happened to a case became known."""

    event_type: ClassVar[str] = "outcome.observed"
    stream: ClassVar[str] = "outcomes"
    schema_name: ClassVar[str] = "auditspine.events.OutcomeObserved"

    body: OutcomeObservedBody


class PolicyPublishedBody(Body, frozen=True):
    """What policy.published says.

    Attributes:
        name: What kind of policy it is, e.g. release.
        digest: SHA-256 of the text.
        text: The whole policy.
        tenants: Tenants that it holds for; * for every one without a policy of its own.
    """

    name: Token
    digest: Digest
    text: Document
    tenants: tuple[Token, ...]


class PolicyPublished(Event, frozen=True):
    """A policy holds from now."""

    event_type: ClassVar[str] = "policy.published"
    stream: ClassVar[str] = "control"
    schema_name: ClassVar[str] = "auditspine.events.PolicyPublished"

    body: PolicyPublishedBody


class PredictionMadeBody(Body, frozen=True):
    """What prediction.made says.

    Attributes:
        prediction_id: Identifier that the outcome will cite.
        deployment: The deployment that answered.
        model: The model that it served.
        features: What the model was given, in the order of its features.
        score: What it answered.
        threshold: The score at which the decision changes; null when there is no such rule.
        decision: What was decided, e.g. approve, decline, refer.
        reason_codes: Why, as it may be told to the person concerned.
        subject: The person concerned, encrypted.
        latency_ms: Time from request to answer, milliseconds.
        protected: Protected attributes of the person concerned, as keyed tokens: for tests of
            fairness, never an input of the model.
    """

    prediction_id: Token
    deployment: ArtifactRef
    model: ArtifactRef
    features: tuple[FeatureValue, ...]
    score: Double
    threshold: Double | None = None
    decision: Name
    reason_codes: tuple[Name, ...] = ()
    subject: Encrypted | None = None
    latency_ms: NonNegative
    protected: tuple[ProtectedValue, ...] = ()


class PredictionMade(Event, frozen=True):
    """A model decided a case."""

    event_type: ClassVar[str] = "prediction.made"
    stream: ClassVar[str] = "inference"
    schema_name: ClassVar[str] = "auditspine.events.PredictionMade"

    body: PredictionMadeBody


class ProducerHeartbeatBody(Body, frozen=True):
    """What producer.heartbeat says.

    Attributes:
        epoch: Start of the producer's process, nanoseconds since 1970.
        streams: Every partition that it has published to in this epoch.
    """

    epoch: Count
    streams: tuple[StreamPosition, ...]


class ProducerHeartbeat(Event, frozen=True):
    """A producer says how far it has published, so that an omission shows."""

    event_type: ClassVar[str] = "producer.heartbeat"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.ProducerHeartbeat"

    body: ProducerHeartbeatBody


class RoleGrantedBody(Body, frozen=True):
    """What role.granted says.

    Attributes:
        grant_id: Identifier of the grant.
        principal: Who gets it, as envelope.actor.principal names it.
        principal_kind: Whether that is a person or a workload.
        role: The role, as the policy file names it.
        scope: What it reaches.
        expires_at: When it ends, UTC; null for never.
    """

    grant_id: Token
    principal: Name
    principal_kind: ActorKind
    role: Token
    scope: GrantScope
    expires_at: Timestamp | None = None


class RoleGranted(Event, frozen=True):
    """A person or workload was given a role."""

    event_type: ClassVar[str] = "role.granted"
    stream: ClassVar[str] = "access"
    schema_name: ClassVar[str] = "auditspine.events.RoleGranted"

    body: RoleGrantedBody


class RoleRevokedBody(Body, frozen=True):
    """What role.revoked says.

    Attributes:
        grant_id: The grant.
        reason: Why.
    """

    grant_id: Token
    reason: Statement


class RoleRevoked(Event, frozen=True):
    """A grant was taken back."""

    event_type: ClassVar[str] = "role.revoked"
    stream: ClassVar[str] = "access"
    schema_name: ClassVar[str] = "auditspine.events.RoleRevoked"

    body: RoleRevokedBody


class RunCompletedBody(Body, frozen=True):
    """What run.completed says.

    Attributes:
        run_id: Identifier of the run.
        status: How it ended.
        metrics: What it measured.
        outputs: Everything that it wrote.
        duration_seconds: How long it ran, seconds.
        failure: Why it did not succeed; null when it did.
        profile: What its model's inputs and answers looked like in training; null when not taken.
    """

    run_id: Token
    status: RunStatus
    metrics: tuple[Metric, ...] = ()
    outputs: tuple[ArtifactRef, ...] = ()
    duration_seconds: NonNegative
    failure: Text | None = None
    profile: TrainingProfile | None = None


class RunCompleted(Event, frozen=True):
    """A run ended."""

    event_type: ClassVar[str] = "run.completed"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.RunCompleted"

    body: RunCompletedBody


class RunStartedBody(Body, frozen=True):
    """What run.started says.

    Attributes:
        run_id: Identifier of the run.
        name: Name of the pipeline or experiment.
        code: The code that runs.
        environment: The environment it runs in: lock file or image.
        inputs: Everything that it reads: snapshots, labels, models.
        features: Features that it reads or computes for its own use; those that it makes for others
            are outputs.
        params: Its settings.
        seed: Seed of its randomness; null when it has none or it is not fixed.
    """

    run_id: Token
    name: Name
    code: Code
    environment: ArtifactRef
    inputs: tuple[ArtifactRef, ...] = ()
    features: tuple[ArtifactRef, ...] = ()
    params: tuple[Param, ...] = ()
    seed: Long | None = None


class RunStarted(Event, frozen=True):
    """A run of code over data began. What set it off is the envelope's intent."""

    event_type: ClassVar[str] = "run.started"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.RunStarted"

    body: RunStartedBody


class SchemaRegisteredBody(Body, frozen=True):
    """What schema.registered says.

    Attributes:
        schema_id: The id on the wire.
        event_type: Event type that it describes.
        text: The full schema, all references in it.
    """

    schema_id: IntCount
    event_type: Token
    text: Document


class SchemaRegistered(Event, frozen=True):
    """A schema was made known: verifiers resolve ids only here."""

    event_type: ClassVar[str] = "schema.registered"
    stream: ClassVar[str] = "control"
    schema_name: ClassVar[str] = "auditspine.events.SchemaRegistered"

    body: SchemaRegisteredBody


class SecretReadBody(Body, frozen=True):
    """What secret.read says.

    Attributes:
        secret: Its name in the system that keeps it; never its value.
        keeper: The system that keeps it.
        version: Its version; empty when it has none.
        purpose: What it was read for.
        permitted: Whether the system that keeps it let it happen.
    """

    secret: Name
    keeper: Name
    version: Text = ""
    purpose: Statement
    permitted: Boolean = True


class SecretRead(Event, frozen=True):
    """A secret was read, or somebody tried to."""

    event_type: ClassVar[str] = "secret.read"
    stream: ClassVar[str] = "access"
    schema_name: ClassVar[str] = "auditspine.events.SecretRead"

    body: SecretReadBody


class ServingConfigurationChangedBody(Body, frozen=True):
    """What serving_configuration.changed says.

    Attributes:
        configuration: The configuration that holds from now.
        deployment: The deployment that it belongs to.
        change: What is different.
        replaces: The configuration that held before.
    """

    configuration: ArtifactRef
    deployment: ArtifactRef
    change: Statement
    replaces: ArtifactRef | None = None


class ServingConfigurationChanged(Event, frozen=True):
    """What a deployment serves with, other than its model, changed."""

    event_type: ClassVar[str] = "serving_configuration.changed"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.ServingConfigurationChanged"

    body: ServingConfigurationChangedBody


class ServingObservedBody(Body, frozen=True):
    """What serving.observed says.

    Attributes:
        deployment: The deployment.
        model: The model that answered.
        predictions: Predictions that were seen.
        started_at: When the first of them was taken by the broker, UTC.
        ended_at: When the last was, UTC.
        features: Features that the model was given.
        unknown_features: Those of them that the training profile does not know.
        drifting_features: Features of which a monitor finds, at the end, that they are not as they
            were.
        drifting_kinds: The same of what is of no single feature, by its kind as in drift.signalled.
        sensitivity: The highest sensitivity of the predictions.
        profiled: Whether a training profile of the model is known.
        evidence: The sealed entries.
    """

    deployment: ArtifactRef
    model: ArtifactRef
    predictions: Count
    started_at: Timestamp
    ended_at: Timestamp
    features: tuple[Name, ...]
    unknown_features: tuple[Name, ...] = ()
    drifting_features: tuple[Name, ...] = ()
    drifting_kinds: tuple[Token, ...] = ()
    sensitivity: Sensitivity
    profiled: Boolean
    evidence: SealedRange


class ServingObserved(Event, frozen=True):
    """What a deployment was seen to serve with for some minutes."""

    event_type: ClassVar[str] = "serving.observed"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.ServingObserved"

    body: ServingObservedBody


class ServingStateChangedBody(Body, frozen=True):
    """What serving_state.changed says.

    Attributes:
        deployment: The deployment.
        model: The model; this digest only.
        state: Whether it may serve.
        releases_frozen: Whether the deployment must not be changed but to stop it.
        quarantined: Whether this model may not be deployed anywhere.
        alert_id: The alert that it rests on; null when there is none.
        reason: One sentence for people.
    """

    deployment: ArtifactRef
    model: ArtifactRef
    state: ServingState
    releases_frozen: Boolean
    quarantined: Boolean
    alert_id: Token | None = None
    reason: Statement


class ServingStateChanged(Event, frozen=True):
    """Whether a model may serve at a deployment changed."""

    event_type: ClassVar[str] = "serving_state.changed"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.ServingStateChanged"

    body: ServingStateChangedBody


class TenancyDecidedBody(Body, frozen=True):
    """What tenancy.decided says.

    Attributes:
        isolation: What it shares with others.
        routing: SHA-256 of the routing file that carries it out.
        rationale: Why.
        reversal_plan: How to go back.
        tenant: The tenant; null when a domain is decided on.
        domain: The domain, for tenants without a space of their own; null when a tenant is decided
            on.
        space: Name of the space, as in the routing file.
        topic_prefix: First part of the names of its source topics.
    """

    isolation: Isolation
    routing: Digest
    rationale: Statement
    reversal_plan: Statement
    tenant: Token | None = None
    domain: Token | None = None
    space: Token = "shared"
    topic_prefix: Token = "auditspine."


class TenancyDecided(Event, frozen=True):
    """A tenant or a domain is to be kept apart; a tenant counts nowhere until it moved."""

    event_type: ClassVar[str] = "tenancy.decided"
    stream: ClassVar[str] = "control"
    schema_name: ClassVar[str] = "auditspine.events.TenancyDecided"

    body: TenancyDecidedBody


class TenantMovedBody(Body, frozen=True):
    """What tenant.moved says.

    Attributes:
        tenant: The tenant.
        space: Name of the space, as in the routing file.
        topic_prefix: First part of the names of its source topics.
        decision_id: The tenancy.decided that this carries out.
        history: Its entries in logs of other spaces that this space did not hold before, in their
            order.
    """

    tenant: Token
    space: Token
    topic_prefix: Token
    decision_id: EventId
    history: tuple[LogRange, ...] = ()


class TenantMoved(Event, frozen=True):
    """A tenant's events count in a space from here on, after its history elsewhere."""

    event_type: ClassVar[str] = "tenant.moved"
    stream: ClassVar[str] = "control"
    schema_name: ClassVar[str] = "auditspine.events.TenantMoved"

    body: TenantMovedBody


class TenantRegisteredBody(Body, frozen=True):
    """What tenant.registered says.

    Attributes:
        tenant: Its identifier.
        display_name: Its name for people.
    """

    tenant: Token
    display_name: Name


class TenantRegistered(Event, frozen=True):
    """A tenant was made known."""

    event_type: ClassVar[str] = "tenant.registered"
    stream: ClassVar[str] = "control"
    schema_name: ClassVar[str] = "auditspine.events.TenantRegistered"

    body: TenantRegisteredBody


class ValidationReportedBody(Body, frozen=True):
    """What validation.reported says.

    Attributes:
        model: The model.
        evaluation: The report with the full results.
        snapshot: The snapshot that it was evaluated on.
        metrics: What was measured, on the whole and on slices such as protected groups.
        thresholds: Limits with the figures held against them.
        passed: Whether the validator passes the model.
        findings: What the validator found.
        independent: Whether the validator took no part in making the model.
    """

    model: ArtifactRef
    evaluation: ArtifactRef
    snapshot: ArtifactRef
    metrics: tuple[Metric, ...]
    thresholds: tuple[ThresholdCheck, ...] = ()
    passed: Boolean
    findings: tuple[Finding, ...] = ()
    independent: Boolean


class ValidationReported(Event, frozen=True):
    """A model was validated against limits that were set for it."""

    event_type: ClassVar[str] = "validation.reported"
    stream: ClassVar[str] = "lifecycle"
    schema_name: ClassVar[str] = "auditspine.events.ValidationReported"

    body: ValidationReportedBody


EVENTS: tuple[type[Event], ...] = (
    AccessReviewDecided,
    AccessReviewOpened,
    AlertAcknowledged,
    AlertEscalated,
    AlertRaised,
    AlertResolved,
    AlertSilenced,
    ApprovalDecided,
    ApprovalRequested,
    ArtifactAccessed,
    ArtifactQuarantined,
    ArtifactRetired,
    ArtifactSigned,
    BiasAssessed,
    CodeCommitted,
    DatasetFlagged,
    DatasetRegistered,
    DatasetSnapshotted,
    DecisionMade,
    DeploymentChanged,
    DeploymentRequested,
    DriftSignalled,
    ExceptionExpired,
    ExceptionGranted,
    ExplanationAttached,
    FeatureDefined,
    FeatureDeprecated,
    FindingRaised,
    InvestigationAnalysed,
    InvestigationDispositioned,
    InvestigationOpened,
    KeyRegistered,
    KeyRevoked,
    LabellerApproved,
    LabelsApplied,
    LineageTagSet,
    LogOpened,
    ModelRegistered,
    NotificationDelivered,
    OutcomeObserved,
    PolicyPublished,
    PredictionMade,
    ProducerHeartbeat,
    RoleGranted,
    RoleRevoked,
    RunCompleted,
    RunStarted,
    SchemaRegistered,
    SecretRead,
    ServingObserved,
    ServingConfigurationChanged,
    ServingStateChanged,
    TenancyDecided,
    TenantMoved,
    TenantRegistered,
    ValidationReported,
)
"""Every event class, in order of its event type."""
