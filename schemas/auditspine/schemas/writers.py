"""Writes events as Avro, field by field.

Generated from the ``.avsc`` files by ``python -m auditspine.schemas.generate``: edit those.
"""

from collections.abc import Callable
from typing import Any

from auditspine.schemas import models
from auditspine.schemas.wire import (
    NULL,
    SOME,
    array,
    blob,
    boolean,
    double,
    fixed32,
    long,
    micros,
    shared,
    symbols,
    text,
)

_ACTOR_KIND = symbols(models.ActorKind)
_COLUMN_TYPE = symbols(models.ColumnType)
_SEVERITY = symbols(models.Severity)
_RULE_OUTCOME = symbols(models.RuleOutcome)
_SENSITIVITY = symbols(models.Sensitivity)
_COMPARISON = symbols(models.Comparison)
_REVIEW_DECISION = symbols(models.ReviewDecision)
_ALERT_TIER = symbols(models.AlertTier)
_ALERT_CAUSE = symbols(models.AlertCause)
_RESOLUTION_CAUSE = symbols(models.ResolutionCause)
_APPROVAL_DECISION = symbols(models.ApprovalDecision)
_OPERATION = symbols(models.Operation)
_QUARANTINE_ACTION = symbols(models.QuarantineAction)
_RETIRED_CONTENT = symbols(models.RetiredContent)
_ASSESSMENT_BASIS = symbols(models.AssessmentBasis)
_SPLIT = symbols(models.Split)
_DECISION_OUTCOME = symbols(models.DecisionOutcome)
_DECISION_CAUSE = symbols(models.DecisionCause)
_DEPLOYMENT_ACTION = symbols(models.DeploymentAction)
_REVIEW_STATUS = symbols(models.ReviewStatus)
_DISPOSITION = symbols(models.Disposition)
_KEY_PURPOSE = symbols(models.KeyPurpose)
_LABEL_METHOD = symbols(models.LabelMethod)
_APPROVAL_STATUS = symbols(models.ApprovalStatus)
_NOTIFICATION_STATUS = symbols(models.NotificationStatus)
_RUN_STATUS = symbols(models.RunStatus)
_SERVING_STATE = symbols(models.ServingState)
_ISOLATION = symbols(models.Isolation)


def _encrypted(value: models.Encrypted) -> bytes:
    return b"".join(
        (
            text(value.key_id),
            blob(value.nonce),
            blob(value.ciphertext),
        )
    )


def _origin(value: models.Origin) -> bytes:
    return b"".join(
        (
            text(value.network),
            NULL if value.address is None else SOME + _encrypted(value.address),
        )
    )


def _actor(value: models.Actor) -> bytes:
    return b"".join(
        (
            text(value.principal),
            _ACTOR_KIND[value.kind],
            array(value.roles, text),
            NULL if value.name is None else SOME + _encrypted(value.name),
            _origin(value.origin),
        )
    )


def _workload(value: models.Workload) -> bytes:
    return b"".join(
        (
            text(value.name),
            text(value.namespace),
            text(value.node),
            text(value.version),
        )
    )


def _intent(value: models.Intent) -> bytes:
    return b"".join(
        (
            text(value.trigger),
            text(value.reason),
            NULL if value.justification is None else SOME + text(value.justification),
        )
    )


def _correlation(value: models.Correlation) -> bytes:
    return b"".join(
        (
            NULL if value.run_id is None else SOME + text(value.run_id),
            NULL if value.trace_id is None else SOME + text(value.trace_id),
            NULL if value.causation_id is None else SOME + text(value.causation_id),
        )
    )


def _classification(value: models.Classification) -> bytes:
    return b"".join(
        (
            _SENSITIVITY[value.sensitivity],
            array(value.regulatory_domains, text),
            text(value.retention_class),
        )
    )


def _envelope(value: models.Envelope) -> bytes:
    return b"".join(
        (
            text(value.event_id),
            text(value.event_type),
            micros(value.occurred_at),
            text(value.tenant),
            text(value.domain),
            text(value.environment),
            shared(value.actor, _actor),
            shared(value.workload, _workload),
            shared(value.intent, _intent),
            shared(value.correlation, _correlation),
            shared(value.classification, _classification),
        )
    )


def _artifact_ref(value: models.ArtifactRef) -> bytes:
    return b"".join(
        (
            text(value.kind),
            text(value.name),
            text(value.version),
            fixed32(value.digest),
        )
    )


def _bias_attribute(value: models.BiasAttribute) -> bytes:
    return b"".join(
        (
            text(value.attribute),
            long(value.rows),
            long(value.missing),
            long(value.small_groups),
        )
    )


def _bias_gap(value: models.BiasGap) -> bytes:
    return b"".join(
        (
            text(value.attribute),
            long(value.first),
            long(value.second),
            text(value.measure),
            double(value.gap),
            double(value.low),
            double(value.high),
            NULL if value.ratio is None else SOME + double(value.ratio),
            NULL if value.ratio_low is None else SOME + double(value.ratio_low),
            NULL if value.ratio_high is None else SOME + double(value.ratio_high),
        )
    )


def _bias_measure(value: models.BiasMeasure) -> bytes:
    return b"".join(
        (
            text(value.measure),
            long(value.rows),
            double(value.value),
            double(value.low),
            double(value.high),
        )
    )


def _bias_group(value: models.BiasGroup) -> bytes:
    return b"".join(
        (
            text(value.attribute),
            long(value.number),
            text(value.token),
            long(value.rows),
            double(value.share),
            array(value.measures, _bias_measure),
        )
    )


def _category_share(value: models.CategoryShare) -> bytes:
    return b"".join(
        (
            text(value.category),
            double(value.share),
        )
    )


def _categorical_profile(value: models.CategoricalProfile) -> bytes:
    return b"".join(
        (
            text(value.name),
            array(value.shares, _category_share),
            double(value.missing),
        )
    )


def _cause_class(value: models.CauseClass) -> bytes:
    return b"".join(
        (
            _DISPOSITION[value.disposition],
            double(value.probability),
            array(value.evidence, text),
        )
    )


def _code(value: models.Code) -> bytes:
    return b"".join(
        (
            text(value.repository),
            text(value.commit),
            fixed32(value.digest),
        )
    )


def _column(value: models.Column) -> bytes:
    return b"".join(
        (
            text(value.name),
            _COLUMN_TYPE[value.type],
            text(value.unit),
            text(value.description),
            _SENSITIVITY[value.sensitivity],
            boolean(value.protected_attribute),
            NULL if value.missing is None else SOME + long(value.missing),
        )
    )


def _column_ref(value: models.ColumnRef) -> bytes:
    return b"".join(
        (
            shared(value.artifact, _artifact_ref),
            text(value.column),
        )
    )


def _distribution_summary(value: models.DistributionSummary) -> bytes:
    return b"".join(
        (
            long(value.rows),
            NULL if value.mean is None else SOME + double(value.mean),
            NULL if value.sd is None else SOME + double(value.sd),
        )
    )


def _exclusion(value: models.Exclusion) -> bytes:
    return b"".join(
        (
            text(value.attribute),
            text(value.jurisdiction),
            text(value.reason),
            long(value.predictions),
        )
    )


def _feature_value(value: models.FeatureValue) -> bytes:
    return b"".join(
        (
            text(value.name),
            NULL if value.number is None else SOME + double(value.number),
            NULL if value.text is None else SOME + text(value.text),
        )
    )


def _finding(value: models.Finding) -> bytes:
    return b"".join(
        (
            _SEVERITY[value.severity],
            text(value.description),
            text(value.recommendation),
        )
    )


def _grant_scope(value: models.GrantScope) -> bytes:
    return b"".join(
        (
            array(value.domains, text),
            array(value.environments, text),
            _SENSITIVITY[value.max_sensitivity],
            text(value.namespace),
            text(value.network),
        )
    )


def _numeric_profile(value: models.NumericProfile) -> bytes:
    return b"".join(
        (
            text(value.name),
            array(value.probabilities, double),
            array(value.quantiles, double),
            double(value.missing),
        )
    )


def _group_profile(value: models.GroupProfile) -> bytes:
    return b"".join(
        (
            text(value.attribute),
            text(value.token),
            long(value.rows),
            array(value.numeric, _numeric_profile),
            array(value.categorical, _categorical_profile),
            NULL if value.score is None else SOME + _numeric_profile(value.score),
            NULL if value.decision is None else SOME + _categorical_profile(value.decision),
        )
    )


def _label_count(value: models.LabelCount) -> bytes:
    return b"".join(
        (
            text(value.label),
            long(value.rows),
        )
    )


def _log_position(value: models.LogPosition) -> bytes:
    return b"".join(
        (
            text(value.origin),
            long(value.size),
        )
    )


def _log_range(value: models.LogRange) -> bytes:
    return b"".join(
        (
            text(value.origin),
            text(value.topic),
            long(value.partition),
            long(value.first),
            long(value.size),
            long(value.entries),
            fixed32(value.leaves),
        )
    )


def _slice(value: models.Slice) -> bytes:
    return b"".join(
        (
            text(value.attribute),
            text(value.value),
        )
    )


def _metric(value: models.Metric) -> bytes:
    return b"".join(
        (
            text(value.name),
            double(value.value),
            text(value.unit),
            NULL if value.samples is None else SOME + long(value.samples),
            NULL if value.slice is None else SOME + _slice(value.slice),
        )
    )


def _param(value: models.Param) -> bytes:
    return b"".join(
        (
            text(value.name),
            text(value.value),
            text(value.unit),
        )
    )


def _personal_signature(value: models.PersonalSignature) -> bytes:
    return b"".join(
        (
            fixed32(value.public_key),
            text(value.envelope),
            text(value.id_token),
        )
    )


def _preceding_change(value: models.PrecedingChange) -> bytes:
    return b"".join(
        (
            text(value.event_id),
            text(value.event_type),
            micros(value.appended_at),
            shared(value.artifact, _artifact_ref),
            text(value.relation),
            double(value.minutes_before),
        )
    )


def _protected_value(value: models.ProtectedValue) -> bytes:
    return b"".join(
        (
            text(value.attribute),
            NULL if value.token is None else SOME + text(value.token),
        )
    )


def _rule_result(value: models.RuleResult) -> bytes:
    return b"".join(
        (
            text(value.rule),
            _RULE_OUTCOME[value.result],
            text(value.reason),
            array(value.evidence, text),
            NULL if value.exception_id is None else SOME + text(value.exception_id),
        )
    )


def _sealed_range(value: models.SealedRange) -> bytes:
    return b"".join(
        (
            text(value.origin),
            long(value.first),
            long(value.last),
        )
    )


def _stream_position(value: models.StreamPosition) -> bytes:
    return b"".join(
        (
            text(value.topic),
            long(value.partition),
            long(value.last_sequence),
        )
    )


def _threshold_check(value: models.ThresholdCheck) -> bytes:
    return b"".join(
        (
            text(value.metric),
            NULL if value.slice is None else SOME + _slice(value.slice),
            _COMPARISON[value.comparison],
            double(value.limit),
            double(value.value),
            boolean(value.passed),
        )
    )


def _training_profile(value: models.TrainingProfile) -> bytes:
    return b"".join(
        (
            shared(value.model, _artifact_ref),
            long(value.rows),
            array(value.numeric, _numeric_profile),
            array(value.categorical, _categorical_profile),
            NULL if value.score is None else SOME + _numeric_profile(value.score),
            NULL if value.decision is None else SOME + _categorical_profile(value.decision),
            NULL if value.error_rate is None else SOME + double(value.error_rate),
            array(value.groups, _group_profile),
        )
    )


def _access_review_decided_body(value: models.AccessReviewDecidedBody) -> bytes:
    return b"".join(
        (
            text(value.review_id),
            text(value.grant_id),
            _REVIEW_DECISION[value.decision],
            text(value.rationale),
        )
    )


def _access_review_decided(value: models.AccessReviewDecided) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _access_review_decided_body(value.body),
        )
    )


def _access_review_opened_body(value: models.AccessReviewOpenedBody) -> bytes:
    return b"".join(
        (
            text(value.review_id),
            array(value.grants, text),
            text(value.reviewer),
            micros(value.due_at),
        )
    )


def _access_review_opened(value: models.AccessReviewOpened) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _access_review_opened_body(value.body),
        )
    )


def _alert_acknowledged_body(value: models.AlertAcknowledgedBody) -> bytes:
    return b"".join(
        (
            text(value.alert_id),
            text(value.comment),
        )
    )


def _alert_acknowledged(value: models.AlertAcknowledged) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _alert_acknowledged_body(value.body),
        )
    )


def _alert_escalated_body(value: models.AlertEscalatedBody) -> bytes:
    return b"".join(
        (
            text(value.alert_id),
            _ALERT_TIER[value.to_tier],
            text(value.reason),
        )
    )


def _alert_escalated(value: models.AlertEscalated) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _alert_escalated_body(value.body),
        )
    )


def _alert_raised_body(value: models.AlertRaisedBody) -> bytes:
    return b"".join(
        (
            text(value.alert_id),
            text(value.fingerprint),
            _ALERT_TIER[value.tier],
            NULL if value.previous_tier is None else SOME + _ALERT_TIER[value.previous_tier],
            _ALERT_CAUSE[value.cause],
            long(value.level),
            text(value.kind),
            shared(value.deployment, _artifact_ref),
            shared(value.model, _artifact_ref),
            text(value.risk_class),
            text(value.owner),
            array(value.features, text),
            double(value.effect_size),
            array(value.signals, text),
            array(value.evidence, _sealed_range),
            micros(value.since),
            array(value.actions, text),
            fixed32(value.policy),
            text(value.title),
        )
    )


def _alert_raised(value: models.AlertRaised) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _alert_raised_body(value.body),
        )
    )


def _alert_resolved_body(value: models.AlertResolvedBody) -> bytes:
    return b"".join(
        (
            text(value.alert_id),
            _RESOLUTION_CAUSE[value.cause],
            text(value.reason),
        )
    )


def _alert_resolved(value: models.AlertResolved) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _alert_resolved_body(value.body),
        )
    )


def _alert_silenced_body(value: models.AlertSilencedBody) -> bytes:
    return b"".join(
        (
            text(value.silence_id),
            NULL if value.alert_id is None else SOME + text(value.alert_id),
            NULL if value.deployment is None else SOME + text(value.deployment),
            micros(value.starts_at),
            micros(value.ends_at),
            text(value.reason),
        )
    )


def _alert_silenced(value: models.AlertSilenced) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _alert_silenced_body(value.body),
        )
    )


def _approval_decided_body(value: models.ApprovalDecidedBody) -> bytes:
    return b"".join(
        (
            shared(value.subject, _artifact_ref),
            _APPROVAL_DECISION[value.decision],
            text(value.meaning),
            text(value.role),
            array(value.conditions, text),
            NULL if value.expires_at is None else SOME + micros(value.expires_at),
            array(value.validations, _artifact_ref),
            NULL if value.environment is None else SOME + text(value.environment),
            NULL if value.signature is None else SOME + _personal_signature(value.signature),
        )
    )


def _approval_decided(value: models.ApprovalDecided) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _approval_decided_body(value.body),
        )
    )


def _approval_requested_body(value: models.ApprovalRequestedBody) -> bytes:
    return b"".join(
        (
            text(value.request_id),
            shared(value.model, _artifact_ref),
            text(value.environment),
            array(value.roles, text),
            long(value.needed),
            long(value.given),
            text(value.reason),
        )
    )


def _approval_requested(value: models.ApprovalRequested) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _approval_requested_body(value.body),
        )
    )


def _artifact_accessed_body(value: models.ArtifactAccessedBody) -> bytes:
    return b"".join(
        (
            shared(value.artifact, _artifact_ref),
            _OPERATION[value.operation],
            text(value.purpose),
            boolean(value.permitted),
            NULL if value.authorisation is None else SOME + text(value.authorisation),
            NULL if value.size_bytes is None else SOME + long(value.size_bytes),
            NULL if value.sensitivity is None else SOME + _SENSITIVITY[value.sensitivity],
        )
    )


def _artifact_accessed(value: models.ArtifactAccessed) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _artifact_accessed_body(value.body),
        )
    )


def _artifact_quarantined_body(value: models.ArtifactQuarantinedBody) -> bytes:
    return b"".join(
        (
            shared(value.artifact, _artifact_ref),
            _QUARANTINE_ACTION[value.action],
            text(value.reason),
        )
    )


def _artifact_quarantined(value: models.ArtifactQuarantined) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _artifact_quarantined_body(value.body),
        )
    )


def _artifact_retired_body(value: models.ArtifactRetiredBody) -> bytes:
    return b"".join(
        (
            shared(value.artifact, _artifact_ref),
            text(value.reason),
            _RETIRED_CONTENT[value.content],
        )
    )


def _artifact_retired(value: models.ArtifactRetired) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _artifact_retired_body(value.body),
        )
    )


def _artifact_signed_body(value: models.ArtifactSignedBody) -> bytes:
    return b"".join(
        (
            shared(value.artifact, _artifact_ref),
            text(value.format),
            text(value.envelope),
            fixed32(value.public_key),
        )
    )


def _artifact_signed(value: models.ArtifactSigned) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _artifact_signed_body(value.body),
        )
    )


def _bias_assessed_body(value: models.BiasAssessedBody) -> bytes:
    return b"".join(
        (
            shared(value.deployment, _artifact_ref),
            shared(value.model, _artifact_ref),
            _ASSESSMENT_BASIS[value.basis],
            micros(value.started_at),
            micros(value.ended_at),
            long(value.predictions),
            array(value.attributes, _bias_attribute),
            array(value.groups, _bias_group),
            array(value.gaps, _bias_gap),
            array(value.exclusions, _exclusion),
            long(value.overdue),
            NULL if value.error_rate is None else SOME + double(value.error_rate),
            NULL if value.error_rate_low is None else SOME + double(value.error_rate_low),
            NULL if value.error_rate_high is None else SOME + double(value.error_rate_high),
            double(value.confidence),
            long(value.least_rows),
            _sealed_range(value.evidence),
            fixed32(value.policy),
        )
    )


def _bias_assessed(value: models.BiasAssessed) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _bias_assessed_body(value.body),
        )
    )


def _code_committed_body(value: models.CodeCommittedBody) -> bytes:
    return b"".join(
        (
            _code(value.code),
            array(value.parents, text),
            text(value.author),
            array(value.reviewers, text),
            text(value.message),
        )
    )


def _code_committed(value: models.CodeCommitted) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _code_committed_body(value.body),
        )
    )


def _dataset_flagged_body(value: models.DatasetFlaggedBody) -> bytes:
    return b"".join(
        (
            shared(value.dataset, _artifact_ref),
            text(value.reason),
            NULL if value.remove_by is None else SOME + micros(value.remove_by),
        )
    )


def _dataset_flagged(value: models.DatasetFlagged) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _dataset_flagged_body(value.body),
        )
    )


def _dataset_registered_body(value: models.DatasetRegisteredBody) -> bytes:
    return b"".join(
        (
            shared(value.dataset, _artifact_ref),
            text(value.description),
            text(value.source),
            text(value.source_uri),
            text(value.licence),
            text(value.owner),
            array(value.permitted_purposes, text),
        )
    )


def _dataset_registered(value: models.DatasetRegistered) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _dataset_registered_body(value.body),
        )
    )


def _dataset_snapshotted_body(value: models.DatasetSnapshottedBody) -> bytes:
    return b"".join(
        (
            shared(value.snapshot, _artifact_ref),
            shared(value.dataset, _artifact_ref),
            long(value.rows),
            array(value.columns, _column),
            _SPLIT[value.split],
            text(value.selection),
            NULL if value.size_bytes is None else SOME + long(value.size_bytes),
        )
    )


def _dataset_snapshotted(value: models.DatasetSnapshotted) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _dataset_snapshotted_body(value.body),
        )
    )


def _decision_made_body(value: models.DecisionMadeBody) -> bytes:
    return b"".join(
        (
            text(value.decision_id),
            text(value.request_id),
            shared(value.model, _artifact_ref),
            text(value.environment),
            _DECISION_OUTCOME[value.outcome],
            _DECISION_CAUSE[value.cause],
            NULL if value.supersedes is None else SOME + text(value.supersedes),
            text(value.risk_class),
            array(value.jurisdictions, text),
            array(value.rules, _rule_result),
            array(value.exceptions, text),
            array(value.artifacts, _artifact_ref),
            NULL if value.policy is None else SOME + fixed32(value.policy),
            array(value.positions, _log_position),
            NULL if value.valid_until is None else SOME + micros(value.valid_until),
            text(value.reason),
        )
    )


def _decision_made(value: models.DecisionMade) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _decision_made_body(value.body),
        )
    )


def _deployment_changed_body(value: models.DeploymentChangedBody) -> bytes:
    return b"".join(
        (
            shared(value.deployment, _artifact_ref),
            shared(value.model, _artifact_ref),
            text(value.environment),
            _DEPLOYMENT_ACTION[value.action],
            double(value.traffic_share),
            NULL if value.approval_event_id is None else SOME + text(value.approval_event_id),
            NULL if value.replaces is None else SOME + shared(value.replaces, _artifact_ref),
            NULL if value.decision_id is None else SOME + text(value.decision_id),
        )
    )


def _deployment_changed(value: models.DeploymentChanged) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _deployment_changed_body(value.body),
        )
    )


def _deployment_requested_body(value: models.DeploymentRequestedBody) -> bytes:
    return b"".join(
        (
            shared(value.model, _artifact_ref),
            text(value.environment),
            text(value.risk_class),
            text(value.purpose),
            array(value.jurisdictions, text),
            NULL if value.deployment is None else SOME + shared(value.deployment, _artifact_ref),
        )
    )


def _deployment_requested(value: models.DeploymentRequested) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _deployment_requested_body(value.body),
        )
    )


def _drift_signalled_body(value: models.DriftSignalledBody) -> bytes:
    return b"".join(
        (
            shared(value.deployment, _artifact_ref),
            shared(value.model, _artifact_ref),
            text(value.kind),
            text(value.monitor),
            text(value.feature),
            double(value.statistic),
            double(value.threshold),
            double(value.effect_size),
            long(value.rows),
            micros(value.started_at),
            micros(value.ended_at),
            _distribution_summary(value.reference),
            _distribution_summary(value.current),
            _sealed_range(value.evidence),
            double(value.false_alarms_per_week),
            long(value.monitors),
            NULL if value.profile_event_id is None else SOME + text(value.profile_event_id),
            fixed32(value.policy),
            text(value.detail),
            NULL if value.change_earliest is None else SOME + micros(value.change_earliest),
            NULL if value.change_latest is None else SOME + micros(value.change_latest),
        )
    )


def _drift_signalled(value: models.DriftSignalled) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _drift_signalled_body(value.body),
        )
    )


def _exception_expired_body(value: models.ExceptionExpiredBody) -> bytes:
    return b"".join(
        (
            text(value.exception_id),
            shared(value.subject, _artifact_ref),
            text(value.environment),
            array(value.decisions, text),
            text(value.reason),
        )
    )


def _exception_expired(value: models.ExceptionExpired) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _exception_expired_body(value.body),
        )
    )


def _exception_granted_body(value: models.ExceptionGrantedBody) -> bytes:
    return b"".join(
        (
            text(value.exception_id),
            shared(value.subject, _artifact_ref),
            text(value.environment),
            array(value.rules, text),
            text(value.compensating_control),
            text(value.role),
            micros(value.expires_at),
            _personal_signature(value.signature),
        )
    )


def _exception_granted(value: models.ExceptionGranted) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _exception_granted_body(value.body),
        )
    )


def _explanation_attached_body(value: models.ExplanationAttachedBody) -> bytes:
    return b"".join(
        (
            shared(value.explanation, _artifact_ref),
            shared(value.subject, _artifact_ref),
            NULL if value.prediction_id is None else SOME + text(value.prediction_id),
            text(value.method),
            text(value.place),
        )
    )


def _explanation_attached(value: models.ExplanationAttached) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _explanation_attached_body(value.body),
        )
    )


def _feature_defined_body(value: models.FeatureDefinedBody) -> bytes:
    return b"".join(
        (
            shared(value.feature, _artifact_ref),
            text(value.description),
            array(value.inputs, _column_ref),
            text(value.definition),
            text(value.language),
            _COLUMN_TYPE[value.type],
            text(value.unit),
            boolean(value.uses_protected_attribute),
            text(value.owner),
        )
    )


def _feature_defined(value: models.FeatureDefined) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _feature_defined_body(value.body),
        )
    )


def _feature_deprecated_body(value: models.FeatureDeprecatedBody) -> bytes:
    return b"".join(
        (
            shared(value.feature, _artifact_ref),
            text(value.reason),
            text(value.owner),
            _REVIEW_STATUS[value.review_status],
            NULL if value.replacement is None else SOME + shared(value.replacement, _artifact_ref),
        )
    )


def _feature_deprecated(value: models.FeatureDeprecated) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _feature_deprecated_body(value.body),
        )
    )


def _finding_raised_body(value: models.FindingRaisedBody) -> bytes:
    return b"".join(
        (
            text(value.finding_id),
            text(value.kind),
            _ALERT_TIER[value.tier],
            shared(value.model, _artifact_ref),
            NULL if value.deployment is None else SOME + shared(value.deployment, _artifact_ref),
            text(value.environment),
            text(value.owner),
            array(value.evidence, text),
            text(value.title),
        )
    )


def _finding_raised(value: models.FindingRaised) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _finding_raised_body(value.body),
        )
    )


def _investigation_analysed_body(value: models.InvestigationAnalysedBody) -> bytes:
    return b"".join(
        (
            text(value.investigation_id),
            text(value.alert_id),
            long(value.revision),
            shared(value.deployment, _artifact_ref),
            shared(value.model, _artifact_ref),
            array(value.features, text),
            array(value.groups, text),
            micros(value.change_earliest),
            micros(value.change_at),
            micros(value.change_latest),
            array(value.changes, _preceding_change),
            _DISPOSITION[value.likeliest],
            array(value.classes, _cause_class),
            array(value.signals, text),
            fixed32(value.policy),
            text(value.detail),
        )
    )


def _investigation_analysed(value: models.InvestigationAnalysed) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _investigation_analysed_body(value.body),
        )
    )


def _investigation_dispositioned_body(value: models.InvestigationDispositionedBody) -> bytes:
    return b"".join(
        (
            text(value.investigation_id),
            text(value.alert_id),
            _DISPOSITION[value.disposition],
            boolean(value.resume),
            text(value.rationale),
        )
    )


def _investigation_dispositioned(value: models.InvestigationDispositioned) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _investigation_dispositioned_body(value.body),
        )
    )


def _investigation_opened_body(value: models.InvestigationOpenedBody) -> bytes:
    return b"".join(
        (
            text(value.investigation_id),
            text(value.alert_id),
            shared(value.model, _artifact_ref),
            text(value.owner),
            boolean(value.promotion_blocked),
            text(value.question),
        )
    )


def _investigation_opened(value: models.InvestigationOpened) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _investigation_opened_body(value.body),
        )
    )


def _key_registered_body(value: models.KeyRegisteredBody) -> bytes:
    return b"".join(
        (
            fixed32(value.public_key),
            text(value.producer),
            array(value.tenants, text),
            array(value.event_types, text),
            _KEY_PURPOSE[value.purpose],
        )
    )


def _key_registered(value: models.KeyRegistered) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _key_registered_body(value.body),
        )
    )


def _key_revoked_body(value: models.KeyRevokedBody) -> bytes:
    return b"".join(
        (
            fixed32(value.public_key),
            text(value.reason),
            NULL if value.compromised_since is None else SOME + micros(value.compromised_since),
        )
    )


def _key_revoked(value: models.KeyRevoked) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _key_revoked_body(value.body),
        )
    )


def _labeller_approved_body(value: models.LabellerApprovedBody) -> bytes:
    return b"".join(
        (
            text(value.labeller),
            array(value.columns, text),
            text(value.qualification),
            NULL if value.expires_at is None else SOME + micros(value.expires_at),
        )
    )


def _labeller_approved(value: models.LabellerApproved) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _labeller_approved_body(value.body),
        )
    )


def _labels_applied_body(value: models.LabelsAppliedBody) -> bytes:
    return b"".join(
        (
            shared(value.labels, _artifact_ref),
            shared(value.snapshot, _artifact_ref),
            text(value.column),
            text(value.labeller),
            _LABEL_METHOD[value.method],
            text(value.instructions),
            array(value.counts, _label_count),
        )
    )


def _labels_applied(value: models.LabelsApplied) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _labels_applied_body(value.body),
        )
    )


def _lineage_tag_set_body(value: models.LineageTagSetBody) -> bytes:
    return b"".join(
        (
            shared(value.artifact, _artifact_ref),
            NULL if value.sensitivity is None else SOME + _SENSITIVITY[value.sensitivity],
            array(value.regulatory_domains, text),
            NULL if value.business_unit is None else SOME + text(value.business_unit),
            NULL if value.data_tier is None else SOME + text(value.data_tier),
            NULL
            if value.approval_status is None
            else SOME + _APPROVAL_STATUS[value.approval_status],
        )
    )


def _lineage_tag_set(value: models.LineageTagSet) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _lineage_tag_set_body(value.body),
        )
    )


def _log_opened_body(value: models.LogOpenedBody) -> bytes:
    return b"".join(
        (
            text(value.origin),
            text(value.topic),
            long(value.partition),
            fixed32(value.public_key),
            long(value.format),
        )
    )


def _log_opened(value: models.LogOpened) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _log_opened_body(value.body),
        )
    )


def _model_registered_body(value: models.ModelRegisteredBody) -> bytes:
    return b"".join(
        (
            shared(value.model, _artifact_ref),
            text(value.run_id),
            text(value.algorithm),
            array(value.training_snapshots, _artifact_ref),
            array(value.labels, _artifact_ref),
            array(value.features, _artifact_ref),
            _code(value.code),
            shared(value.environment, _artifact_ref),
            text(value.intended_use),
            text(value.limitations),
            text(value.owner),
            NULL if value.previous is None else SOME + shared(value.previous, _artifact_ref),
        )
    )


def _model_registered(value: models.ModelRegistered) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _model_registered_body(value.body),
        )
    )


def _notification_delivered_body(value: models.NotificationDeliveredBody) -> bytes:
    return b"".join(
        (
            text(value.notification_id),
            text(value.alert_id),
            text(value.event_id),
            text(value.receiver),
            _NOTIFICATION_STATUS[value.status],
            long(value.attempts),
            text(value.detail),
        )
    )


def _notification_delivered(value: models.NotificationDelivered) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _notification_delivered_body(value.body),
        )
    )


def _outcome_observed_body(value: models.OutcomeObservedBody) -> bytes:
    return b"".join(
        (
            text(value.prediction_id),
            shared(value.deployment, _artifact_ref),
            NULL if value.label is None else SOME + text(value.label),
            NULL if value.value is None else SOME + double(value.value),
            text(value.unit),
            micros(value.observed_at),
            text(value.source),
        )
    )


def _outcome_observed(value: models.OutcomeObserved) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _outcome_observed_body(value.body),
        )
    )


def _policy_published_body(value: models.PolicyPublishedBody) -> bytes:
    return b"".join(
        (
            text(value.name),
            fixed32(value.digest),
            text(value.text),
            array(value.tenants, text),
        )
    )


def _policy_published(value: models.PolicyPublished) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _policy_published_body(value.body),
        )
    )


def _prediction_made_body(value: models.PredictionMadeBody) -> bytes:
    return b"".join(
        (
            text(value.prediction_id),
            shared(value.deployment, _artifact_ref),
            shared(value.model, _artifact_ref),
            array(value.features, _feature_value),
            double(value.score),
            NULL if value.threshold is None else SOME + double(value.threshold),
            text(value.decision),
            array(value.reason_codes, text),
            NULL if value.subject is None else SOME + _encrypted(value.subject),
            double(value.latency_ms),
            array(value.protected, _protected_value),
        )
    )


def _prediction_made(value: models.PredictionMade) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _prediction_made_body(value.body),
        )
    )


def _producer_heartbeat_body(value: models.ProducerHeartbeatBody) -> bytes:
    return b"".join(
        (
            long(value.epoch),
            array(value.streams, _stream_position),
        )
    )


def _producer_heartbeat(value: models.ProducerHeartbeat) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _producer_heartbeat_body(value.body),
        )
    )


def _role_granted_body(value: models.RoleGrantedBody) -> bytes:
    return b"".join(
        (
            text(value.grant_id),
            text(value.principal),
            _ACTOR_KIND[value.principal_kind],
            text(value.role),
            _grant_scope(value.scope),
            NULL if value.expires_at is None else SOME + micros(value.expires_at),
        )
    )


def _role_granted(value: models.RoleGranted) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _role_granted_body(value.body),
        )
    )


def _role_revoked_body(value: models.RoleRevokedBody) -> bytes:
    return b"".join(
        (
            text(value.grant_id),
            text(value.reason),
        )
    )


def _role_revoked(value: models.RoleRevoked) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _role_revoked_body(value.body),
        )
    )


def _run_completed_body(value: models.RunCompletedBody) -> bytes:
    return b"".join(
        (
            text(value.run_id),
            _RUN_STATUS[value.status],
            array(value.metrics, _metric),
            array(value.outputs, _artifact_ref),
            double(value.duration_seconds),
            NULL if value.failure is None else SOME + text(value.failure),
            NULL if value.profile is None else SOME + _training_profile(value.profile),
        )
    )


def _run_completed(value: models.RunCompleted) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _run_completed_body(value.body),
        )
    )


def _run_started_body(value: models.RunStartedBody) -> bytes:
    return b"".join(
        (
            text(value.run_id),
            text(value.name),
            _code(value.code),
            shared(value.environment, _artifact_ref),
            array(value.inputs, _artifact_ref),
            array(value.features, _artifact_ref),
            array(value.params, _param),
            NULL if value.seed is None else SOME + long(value.seed),
        )
    )


def _run_started(value: models.RunStarted) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _run_started_body(value.body),
        )
    )


def _schema_registered_body(value: models.SchemaRegisteredBody) -> bytes:
    return b"".join(
        (
            long(value.schema_id),
            text(value.event_type),
            text(value.text),
        )
    )


def _schema_registered(value: models.SchemaRegistered) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _schema_registered_body(value.body),
        )
    )


def _secret_read_body(value: models.SecretReadBody) -> bytes:
    return b"".join(
        (
            text(value.secret),
            text(value.keeper),
            text(value.version),
            text(value.purpose),
            boolean(value.permitted),
        )
    )


def _secret_read(value: models.SecretRead) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _secret_read_body(value.body),
        )
    )


def _serving_configuration_changed_body(value: models.ServingConfigurationChangedBody) -> bytes:
    return b"".join(
        (
            shared(value.configuration, _artifact_ref),
            shared(value.deployment, _artifact_ref),
            text(value.change),
            NULL if value.replaces is None else SOME + shared(value.replaces, _artifact_ref),
        )
    )


def _serving_configuration_changed(value: models.ServingConfigurationChanged) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _serving_configuration_changed_body(value.body),
        )
    )


def _serving_observed_body(value: models.ServingObservedBody) -> bytes:
    return b"".join(
        (
            shared(value.deployment, _artifact_ref),
            shared(value.model, _artifact_ref),
            long(value.predictions),
            micros(value.started_at),
            micros(value.ended_at),
            array(value.features, text),
            array(value.unknown_features, text),
            array(value.drifting_features, text),
            array(value.drifting_kinds, text),
            _SENSITIVITY[value.sensitivity],
            boolean(value.profiled),
            _sealed_range(value.evidence),
        )
    )


def _serving_observed(value: models.ServingObserved) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _serving_observed_body(value.body),
        )
    )


def _serving_state_changed_body(value: models.ServingStateChangedBody) -> bytes:
    return b"".join(
        (
            shared(value.deployment, _artifact_ref),
            shared(value.model, _artifact_ref),
            _SERVING_STATE[value.state],
            boolean(value.releases_frozen),
            boolean(value.quarantined),
            NULL if value.alert_id is None else SOME + text(value.alert_id),
            text(value.reason),
        )
    )


def _serving_state_changed(value: models.ServingStateChanged) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _serving_state_changed_body(value.body),
        )
    )


def _tenancy_decided_body(value: models.TenancyDecidedBody) -> bytes:
    return b"".join(
        (
            _ISOLATION[value.isolation],
            fixed32(value.routing),
            text(value.rationale),
            text(value.reversal_plan),
            NULL if value.tenant is None else SOME + text(value.tenant),
            NULL if value.domain is None else SOME + text(value.domain),
            text(value.space),
            text(value.topic_prefix),
        )
    )


def _tenancy_decided(value: models.TenancyDecided) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _tenancy_decided_body(value.body),
        )
    )


def _tenant_moved_body(value: models.TenantMovedBody) -> bytes:
    return b"".join(
        (
            text(value.tenant),
            text(value.space),
            text(value.topic_prefix),
            text(value.decision_id),
            array(value.history, _log_range),
        )
    )


def _tenant_moved(value: models.TenantMoved) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _tenant_moved_body(value.body),
        )
    )


def _tenant_registered_body(value: models.TenantRegisteredBody) -> bytes:
    return b"".join(
        (
            text(value.tenant),
            text(value.display_name),
        )
    )


def _tenant_registered(value: models.TenantRegistered) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _tenant_registered_body(value.body),
        )
    )


def _validation_reported_body(value: models.ValidationReportedBody) -> bytes:
    return b"".join(
        (
            shared(value.model, _artifact_ref),
            shared(value.evaluation, _artifact_ref),
            shared(value.snapshot, _artifact_ref),
            array(value.metrics, _metric),
            array(value.thresholds, _threshold_check),
            boolean(value.passed),
            array(value.findings, _finding),
            boolean(value.independent),
        )
    )


def _validation_reported(value: models.ValidationReported) -> bytes:
    return b"".join(
        (
            _envelope(value.envelope),
            _validation_reported_body(value.body),
        )
    )


WRITERS: dict[type[models.Event], Callable[[Any], bytes]] = {
    models.AccessReviewDecided: _access_review_decided,
    models.AccessReviewOpened: _access_review_opened,
    models.AlertAcknowledged: _alert_acknowledged,
    models.AlertEscalated: _alert_escalated,
    models.AlertRaised: _alert_raised,
    models.AlertResolved: _alert_resolved,
    models.AlertSilenced: _alert_silenced,
    models.ApprovalDecided: _approval_decided,
    models.ApprovalRequested: _approval_requested,
    models.ArtifactAccessed: _artifact_accessed,
    models.ArtifactQuarantined: _artifact_quarantined,
    models.ArtifactRetired: _artifact_retired,
    models.ArtifactSigned: _artifact_signed,
    models.BiasAssessed: _bias_assessed,
    models.CodeCommitted: _code_committed,
    models.DatasetFlagged: _dataset_flagged,
    models.DatasetRegistered: _dataset_registered,
    models.DatasetSnapshotted: _dataset_snapshotted,
    models.DecisionMade: _decision_made,
    models.DeploymentChanged: _deployment_changed,
    models.DeploymentRequested: _deployment_requested,
    models.DriftSignalled: _drift_signalled,
    models.ExceptionExpired: _exception_expired,
    models.ExceptionGranted: _exception_granted,
    models.ExplanationAttached: _explanation_attached,
    models.FeatureDefined: _feature_defined,
    models.FeatureDeprecated: _feature_deprecated,
    models.FindingRaised: _finding_raised,
    models.InvestigationAnalysed: _investigation_analysed,
    models.InvestigationDispositioned: _investigation_dispositioned,
    models.InvestigationOpened: _investigation_opened,
    models.KeyRegistered: _key_registered,
    models.KeyRevoked: _key_revoked,
    models.LabellerApproved: _labeller_approved,
    models.LabelsApplied: _labels_applied,
    models.LineageTagSet: _lineage_tag_set,
    models.LogOpened: _log_opened,
    models.ModelRegistered: _model_registered,
    models.NotificationDelivered: _notification_delivered,
    models.OutcomeObserved: _outcome_observed,
    models.PolicyPublished: _policy_published,
    models.PredictionMade: _prediction_made,
    models.ProducerHeartbeat: _producer_heartbeat,
    models.RoleGranted: _role_granted,
    models.RoleRevoked: _role_revoked,
    models.RunCompleted: _run_completed,
    models.RunStarted: _run_started,
    models.SchemaRegistered: _schema_registered,
    models.SecretRead: _secret_read,
    models.ServingObserved: _serving_observed,
    models.ServingConfigurationChanged: _serving_configuration_changed,
    models.ServingStateChanged: _serving_state_changed,
    models.TenancyDecided: _tenancy_decided,
    models.TenantMoved: _tenant_moved,
    models.TenantRegistered: _tenant_registered,
    models.ValidationReported: _validation_reported,
}
"""The writer of each event class."""
