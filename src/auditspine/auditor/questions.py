"""The questions that auditors ask, as named queries with bound parameters over the evidence.

They run on any ClickHouse client with a read-only account. Digests are given as 64 hexadecimal
digits. ``on-exceptions`` reads a table of the release processor as well, which is derived.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Attributes:
        name: How it is called on the command line.
        title: The question, in words.
        sql: ClickHouse SQL with bound parameters, ``{name:Type}``.
        parameters: What each parameter means.
    """

    name: str
    title: str
    sql: str
    parameters: Mapping[str, str] = field(default_factory=dict)


_WHO_TOUCHED = Question(
    "who-touched",
    "Who touched this artifact, how often, when first and last?",
    """
SELECT actor_principal, workload_namespace, workload_name, actor_network,
    JSONExtractString(body, 'operation') AS operation,
    count() AS times, min(appended_at) AS first_at, max(appended_at) AS last_at
FROM committed_evidence
WHERE tenant = {tenant:String} AND event_type = 'artifact.accessed'
    AND has(artifacts.digest, unhex({digest:String})::FixedString(32))
GROUP BY ALL ORDER BY first_at, operation
""",
    {"tenant": "the tenant", "digest": "SHA-256 of the artifact, hex"},
)

_RUN = Question(
    "run",
    "What happened in this run?",
    """
SELECT appended_at, event_type, actor_principal, workload_name, intent_reason,
    arrayMap(a -> concat(a.1, ' ', a.2, ' ', a.3), artifacts) AS artifacts_named,
    origin, position
FROM committed_evidence
WHERE tenant = {tenant:String}
    AND (run_id = {run_id:String} OR JSONExtractString(body, 'run_id') = {run_id:String})
ORDER BY appended_at, origin, position
""",
    {"tenant": "the tenant", "run_id": "identifier of the run"},
)

_MODEL_LIFE = Question(
    "model-life",
    "What is the life of this model version, from registration to retirement?",
    """
SELECT appended_at, event_type, actor_principal, actor_roles, intent_reason,
    coalesce(nullIf(JSONExtractString(body, 'decision'), ''),
        nullIf(JSONExtractString(body, 'action'), ''),
        nullIf(JSONExtractString(body, 'outcome'), ''),
        if(JSONHas(body, 'passed'), if(JSONExtractBool(body, 'passed'), 'passed', 'failed'), ''))
        AS what,
    origin, position
FROM committed_evidence
WHERE tenant = {tenant:String}
    AND event_type NOT IN ('prediction.made', 'outcome.observed', 'artifact.accessed')
    AND arrayExists(
        a -> a.1 = 'model' AND a.2 = {model:String} AND a.3 = {version:String}, artifacts)
ORDER BY appended_at, origin, position
""",
    {"tenant": "the tenant", "model": "name of the model", "version": "its version"},
)

_QUARANTINE = Question(
    "quarantine",
    "What is in quarantine, and why?",
    """
SELECT e.topic AS topic, q.verdict AS verdict, q.reason AS reason, e.tenant AS claimed_tenant,
    e.producer AS claimed_producer, count() AS entries,
    min(q.appended_at) AS first_at, max(q.appended_at) AS last_at
FROM committed_quarantine AS q INNER JOIN entries AS e
    ON q.origin = e.origin AND q.position = e.position
GROUP BY ALL ORDER BY entries DESC, topic, reason
""",
)

_IN_PRODUCTION = Question(
    "in-production",
    "What is in production, who approved it, and on which validations?",
    """
SELECT deployment, model_name AS model, model_version AS version, model_digest AS digest,
    changed_by, approved_by, approver_role, decision, approved_at, approval_problem, validations
FROM deployment_history
WHERE tenant = {tenant:String} AND environment = {environment:String}
    AND serves AND recorded_until > now64(3)
ORDER BY deployment
""",
    {"tenant": "the tenant", "environment": "where it serves, e.g. production"},
)

_PREDICTIONS_OF = Question(
    "predictions-of",
    "Which predictions did this exact model make, and what came of them?",
    """
SELECT p.appended_at AS appended_at, JSONExtractString(p.body, 'prediction_id') AS prediction_id,
    JSONExtractFloat(p.body, 'score') AS score, JSONExtractString(p.body, 'decision') AS decision,
    o.label AS label, p.origin AS origin, p.position AS position
FROM committed_evidence AS p LEFT JOIN (
    SELECT JSONExtractString(body, 'prediction_id') AS prediction_id,
        JSONExtractString(body, 'label') AS label
    FROM committed_evidence WHERE tenant = {tenant:String} AND event_type = 'outcome.observed'
) AS o ON o.prediction_id = JSONExtractString(p.body, 'prediction_id')
WHERE p.tenant = {tenant:String} AND p.event_type = 'prediction.made'
    AND JSONExtractString(p.body, 'model', 'digest') = concat('sha256:', lower({digest:String}))
ORDER BY p.appended_at, p.origin, p.position LIMIT {limit:UInt32}
""",
    {
        "tenant": "the tenant",
        "digest": "SHA-256 of the model, hex",
        "limit": "at most so many rows",
    },
)

_TRAINED_ON = Question(
    "trained-on",
    "On which exact data was the model trained that made this prediction?",
    """
WITH served AS (
    SELECT JSONExtractString(body, 'model', 'digest') AS digest
    FROM committed_evidence
    WHERE tenant = {tenant:String} AND event_type = 'prediction.made'
        AND JSONExtractString(body, 'prediction_id') = {prediction_id:String}
), registered AS (
    SELECT JSONExtractString(body, 'model', 'digest') AS digest,
        JSONExtractString(body, 'model', 'name') AS model,
        JSONExtractString(body, 'model', 'version') AS version,
        JSONExtractString(body, 'run_id') AS run_id,
        JSONExtractString(arrayJoin(JSONExtractArrayRaw(body, 'training_snapshots')), 'digest')
            AS snapshot
    FROM committed_evidence WHERE tenant = {tenant:String} AND event_type = 'model.registered'
), snapshots AS (
    SELECT JSONExtractString(body, 'snapshot', 'digest') AS digest,
        JSONExtractString(body, 'snapshot', 'name') AS name,
        JSONExtractString(body, 'dataset', 'name') AS dataset,
        JSONExtractUInt(body, 'rows') AS row_count, actor_principal, appended_at
    FROM committed_evidence WHERE tenant = {tenant:String} AND event_type = 'dataset.snapshotted'
)
SELECT r.model AS model, r.version AS version, r.run_id AS run_id, r.digest AS model_digest,
    s.dataset AS dataset, s.name AS snapshot, r.snapshot AS snapshot_digest,
    s.row_count AS row_count, s.actor_principal AS taken_by, s.appended_at AS taken_at
FROM served INNER JOIN registered AS r ON r.digest = served.digest
    LEFT JOIN snapshots AS s ON s.digest = r.snapshot
ORDER BY model, version, snapshot
""",
    {"tenant": "the tenant", "prediction_id": "identifier of the prediction"},
)

_DECIDED = Question(
    "decided",
    "How was this exact model decided on, by which rules, and why?",
    """
WITH JSONExtractArrayRaw(body, 'rules') AS rules,
    arrayFilter(each -> JSONExtractString(each, 'result') != 'passed', rules) AS others
SELECT appended_at, JSONExtractString(body, 'environment') AS environment,
    JSONExtractString(body, 'outcome') AS outcome, JSONExtractString(body, 'cause') AS cause,
    length(rules) - length(others) AS passed,
    arrayMap(each -> concat(JSONExtractString(each, 'rule'), ' ',
        JSONExtractString(each, 'result'), ': ', JSONExtractString(each, 'reason')), others)
        AS not_passed,
    JSONExtractString(body, 'decision_id') AS decision_id, origin, position
FROM committed_evidence
WHERE tenant = {tenant:String} AND event_type = 'decision.made' AND bitAnd(flags, 2) = 0
    AND JSONExtractString(body, 'model', 'digest') = concat('sha256:', lower({digest:String}))
ORDER BY appended_at, origin, position
""",
    {"tenant": "the tenant", "digest": "SHA-256 of the model, hex"},
)

_ON_EXCEPTIONS = Question(
    "on-exceptions",
    "Which deployments rest on an exception, who granted it, and what is done instead?",
    """
WITH rested AS (
    SELECT at, deployment, model, model_version, environment, decision_id, verdict,
        arrayJoin(exceptions) AS exception_id
    FROM release_deployments FINAL WHERE tenant = {tenant:String}
), granted AS (
    SELECT JSONExtractString(body, 'exception_id') AS exception_id, actor_principal AS granted_by,
        JSONExtract(body, 'rules', 'Array(String)') AS rules, intent_reason AS reason,
        JSONExtractString(body, 'compensating_control') AS compensating_control,
        JSONExtractString(body, 'expires_at') AS expires_at, origin, position
    FROM committed_evidence WHERE tenant = {tenant:String} AND event_type = 'exception.granted'
    ORDER BY appended_at, origin, position LIMIT 1 BY exception_id
)
SELECT r.at AS deployed_at, r.deployment AS deployment, r.model AS model,
    r.model_version AS version, r.environment AS environment, r.exception_id AS exception_id,
    g.rules AS rules, g.granted_by AS granted_by, g.reason AS reason,
    g.compensating_control AS compensating_control, g.expires_at AS expires_at,
    r.decision_id AS decision_id, g.origin AS origin, g.position AS position
FROM rested AS r LEFT JOIN granted AS g ON g.exception_id = r.exception_id
ORDER BY deployed_at, deployment, exception_id
""",
    {"tenant": "the tenant"},
)

_BYPASSED = Question(
    "bypassed",
    "Which deployments went around the gate, and who said that they were made?",
    """
SELECT f.appended_at AS found_at, JSONExtractString(f.body, 'kind') AS kind,
    JSONExtractString(f.body, 'deployment', 'name') AS deployment,
    JSONExtractString(f.body, 'model', 'name') AS model,
    JSONExtractString(f.body, 'model', 'version') AS version,
    JSONExtractString(f.body, 'environment') AS environment,
    d.actor_principal AS deployed_by, d.workload_name AS said_by,
    JSONExtractString(d.body, 'decision_id') AS decision_id, f.origin AS origin,
    f.position AS position
FROM committed_evidence AS f LEFT JOIN (
    SELECT toString(event_id) AS event_id, actor_principal, workload_name, body
    FROM committed_evidence
    WHERE tenant = {tenant:String} AND event_type = 'deployment.changed' AND bitAnd(flags, 2) = 0
) AS d ON d.event_id = JSONExtractString(f.body, 'evidence', 1)
WHERE f.tenant = {tenant:String} AND f.event_type = 'finding.raised' AND bitAnd(f.flags, 2) = 0
    AND JSONExtractString(f.body, 'kind')
        IN ('release_bypassed', 'release_unnamed', 'served_unreleased')
ORDER BY found_at, origin, position
""",
    {"tenant": "the tenant"},
)

_GAPS = Question(
    "gaps",
    "How far do a model's decisions and outcomes for groups of people lie apart, in each period?",
    """
SELECT ended_at, deployment, version, basis, attribute, groups, measure, gap, low, high, ratio
FROM (
    SELECT parseDateTime64BestEffort(JSONExtractString(body, 'ended_at')) AS ended_at,
        JSONExtractString(body, 'deployment', 'name') AS deployment,
        JSONExtractString(body, 'model', 'version') AS version,
        JSONExtractString(body, 'basis') AS basis,
        arrayJoin(JSONExtractArrayRaw(body, 'gaps')) AS told,
        JSONExtractString(told, 'attribute') AS attribute,
        concat(JSONExtractRaw(told, 'first'), '-', JSONExtractRaw(told, 'second')) AS groups,
        JSONExtractString(told, 'measure') AS measure,
        round(JSONExtractFloat(told, 'gap'), 4) AS gap,
        round(JSONExtractFloat(told, 'low'), 4) AS low,
        round(JSONExtractFloat(told, 'high'), 4) AS high,
        round(JSONExtract(told, 'ratio', 'Nullable(Float64)'), 4) AS ratio
    FROM committed_evidence
    WHERE tenant = {tenant:String} AND event_type = 'bias.assessed' AND bitAnd(flags, 2) = 0
        AND JSONExtractString(body, 'model', 'name') = {model:String}
)
ORDER BY ended_at, deployment, basis, attribute, groups, measure
""",
    {"tenant": "the tenant", "model": "name of the model"},
)

QUESTIONS: Mapping[str, Question] = {
    question.name: question
    for question in (
        _WHO_TOUCHED,
        _RUN,
        _MODEL_LIFE,
        _QUARANTINE,
        _IN_PRODUCTION,
        _PREDICTIONS_OF,
        _TRAINED_ON,
        _DECIDED,
        _ON_EXCEPTIONS,
        _BYPASSED,
        _GAPS,
    )
}
"""Every question by name."""
