-- Release decisions and what they are held against, written by the release processor. Rows are
-- functions of (key, version), so a repeated write is harmless; read with FINAL.

CREATE TABLE IF NOT EXISTS release_decisions
(
    origin LowCardinality(String) COMMENT 'The log of position',
    tenant LowCardinality(String),
    decision_id String,
    request_id UUID COMMENT 'The event_id of the deployment request',
    model String COMMENT 'Name of the model',
    model_version String,
    model_digest String COMMENT '32 bytes; the decision is of this model only',
    environment LowCardinality(String) COMMENT 'Where; the decision is for this environment only',
    outcome LowCardinality(String) COMMENT 'allow, needs_review or deny',
    cause LowCardinality(String) COMMENT 'requested, evidence, revoked or expired',
    supersedes String COMMENT 'The decision that it replaces; empty for none',
    risk_class LowCardinality(String),
    requester String,
    failed Array(String) COMMENT 'Rules that did not hold or could not be judged',
    waived Array(String) COMMENT 'Rules that an exception stands for',
    exceptions Array(String) COMMENT 'Exceptions that it rests on',
    policy_digest String COMMENT '32 bytes, SHA-256 of the release policy; empty for none',
    reason String COMMENT 'One sentence',
    position UInt64 COMMENT 'The entry at which it was made',
    decided_at DateTime64(3, 'UTC') COMMENT 'LogAppendTime of that entry',
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, model_digest, environment, decision_id, origin)
COMMENT 'Every release decision. Its rules, evidence and positions are in decision.made.';

CREATE TABLE IF NOT EXISTS release_states
(
    origin LowCardinality(String),
    tenant LowCardinality(String),
    environment LowCardinality(String),
    model String COMMENT 'Name of the model',
    model_version String,
    model_digest String COMMENT '32 bytes; the state is of this model only',
    allowed Bool COMMENT 'Whether it may be deployed and serve there now',
    decision_id String COMMENT 'The decision that says so',
    exceptions Array(String) COMMENT 'Exceptions that it rests on',
    reason String COMMENT 'One sentence',
    since DateTime64(3, 'UTC') COMMENT 'LogAppendTime of the event that changed it',
    until Nullable(DateTime64(3, 'UTC')) COMMENT 'When what it rests on runs out; null when nothing does',
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, environment, model_digest, origin)
COMMENT 'Whether a model may be deployed in an environment. What has no row was never allowed.';

CREATE TABLE IF NOT EXISTS release_exceptions
(
    origin LowCardinality(String) COMMENT 'The log that it was granted in',
    tenant LowCardinality(String),
    exception_id String,
    model String COMMENT 'Name of the model',
    model_version String,
    model_digest String COMMENT '32 bytes; it is for this model only',
    environment LowCardinality(String),
    rules Array(String) COMMENT 'Rules of the release policy that it stands for',
    compensating_control String COMMENT 'What keeps the risk down instead',
    reason String,
    granted_by String COMMENT 'The person who signed it',
    granted_at DateTime64(3, 'UTC'),
    expires_at DateTime64(3, 'UTC'),
    state LowCardinality(String) COMMENT 'in_force, expiring, expired or refused; as of the last event',
    refused String COMMENT 'Why it does not count; empty when it does',
    decisions Array(String) COMMENT 'Decisions that rest on it',
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, exception_id, origin)
COMMENT 'Every exception to the release policy.';

CREATE TABLE IF NOT EXISTS release_deployments
(
    origin LowCardinality(String) COMMENT 'The log of position',
    tenant LowCardinality(String),
    position UInt64 COMMENT 'The deployment.changed',
    event_id UUID,
    at DateTime64(3, 'UTC') COMMENT 'LogAppendTime of that entry',
    deployment String COMMENT 'Name of the deployment',
    deployment_digest String COMMENT '32 bytes',
    model String COMMENT 'Name of the model',
    model_version String,
    model_digest String COMMENT '32 bytes',
    environment LowCardinality(String),
    action LowCardinality(String) COMMENT 'deployed, scaled, resumed or rolled_back',
    decision_id String COMMENT 'The decision that it names; empty for none',
    exceptions Array(String) COMMENT 'Exceptions that it rests on, for ever',
    verdict LowCardinality(String) COMMENT 'allowed, late, unnamed, waiting or bypassed',
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, origin, position)
COMMENT 'Every deployment since a release policy holds, and whether a decision allowed it.';
