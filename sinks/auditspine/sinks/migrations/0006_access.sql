-- Grants, verdicts and reviews, written by the access processor. Rows are functions of
-- (key, version), so a repeated write is harmless; read with FINAL, or by the views below.

CREATE TABLE IF NOT EXISTS access_grants
(
    origin LowCardinality(String),
    tenant LowCardinality(String),
    grant_id String,
    principal String COMMENT 'Who has it',
    principal_kind LowCardinality(String) COMMENT 'person or workload',
    role LowCardinality(String),
    max_sensitivity LowCardinality(String) COMMENT 'The highest sensitivity that it reaches',
    domains Array(String) COMMENT 'Empty for all',
    environments Array(String) COMMENT 'Empty for all',
    namespace String COMMENT 'Empty for any',
    network String COMMENT 'Empty for any',
    granted_position UInt64,
    granted_at DateTime64(3, 'UTC') COMMENT 'LogAppendTime',
    granted_by String,
    reason String,
    expires_at Nullable(DateTime64(6, 'UTC')) COMMENT 'Null for never',
    revoked_position Nullable(UInt64),
    revoked_at Nullable(DateTime64(3, 'UTC')),
    revoked_by String,
    first_used_at Nullable(DateTime64(3, 'UTC')),
    last_used_at Nullable(DateTime64(3, 'UTC')),
    uses UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, grant_id, origin)
COMMENT 'Every grant that was ever given, and whether it was used.';

CREATE TABLE IF NOT EXISTS access_verdicts
(
    origin LowCardinality(String),
    tenant LowCardinality(String),
    position UInt64,
    appended_at DateTime64(3, 'UTC'),
    event_id UUID,
    principal String,
    workload_namespace LowCardinality(String),
    workload_name LowCardinality(String),
    network LowCardinality(String),
    operation LowCardinality(String),
    artifact_kind LowCardinality(String),
    artifact_name String,
    artifact_version String,
    artifact_digest String COMMENT '32 bytes',
    sensitivity LowCardinality(String) COMMENT 'Of the artifact, as its keeper or else the event says',
    domain LowCardinality(String),
    environment LowCardinality(String),
    verdict LowCardinality(String) COMMENT 'allowed; denied: its keeper refused it; ungoverned: the tenant has given no grant yet; else what stands against it',
    grant_id String COMMENT 'The grant that covers it, or comes nearest; empty when none',
    role LowCardinality(String),
    policy_digest LowCardinality(String) COMMENT 'SHA-256 of the policy that decided, hex',
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, origin, position)
COMMENT 'Each access held against the grants that stood when it was sealed.';

CREATE TABLE IF NOT EXISTS access_reviews
(
    origin LowCardinality(String),
    tenant LowCardinality(String),
    review_id String,
    reviewer String,
    opened_position UInt64,
    opened_at DateTime64(3, 'UTC'),
    due_at DateTime64(6, 'UTC'),
    grants Array(String) COMMENT 'To be decided on',
    kept Array(String),
    revoked Array(String),
    closed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the last was decided on',
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, review_id, origin)
COMMENT 'Periodic reviews of who may do what.';

CREATE OR REPLACE VIEW grants_now AS
SELECT
    *,
    multiIf(
        revoked_at IS NOT NULL, 'revoked',
        expires_at IS NOT NULL AND expires_at <= now64(6), 'expired',
        'active'
    ) AS standing,
    toUInt32(greatest(0, dateDiff('day', coalesce(last_used_at, granted_at), now64(3)))) AS idle_days
FROM access_grants FINAL
COMMENT 'Who may do what now: every grant, whether it stands, and how long it lies idle.';

CREATE OR REPLACE VIEW grants_at AS
SELECT tenant, grant_id, principal, role, max_sensitivity, domains, environments, granted_by, granted_at, origin
FROM access_grants FINAL
WHERE granted_at <= {at:DateTime64(3, 'UTC')}
    AND (revoked_at IS NULL OR revoked_at > {at:DateTime64(3, 'UTC')})
    AND (expires_at IS NULL OR expires_at > {at:DateTime64(3, 'UTC')})
COMMENT 'Who could do what at a time of the ledger. Parameter: at.';

CREATE OR REPLACE VIEW used_against_granted AS
SELECT
    g.tenant AS tenant,
    g.principal AS principal,
    g.grant_id AS grant_id,
    g.role AS role,
    g.standing AS standing,
    g.max_sensitivity AS granted_sensitivity,
    g.environments AS granted_environments,
    g.uses AS uses,
    g.last_used_at AS last_used_at,
    g.idle_days AS idle_days,
    v.operations AS used_operations,
    v.kinds AS used_kinds,
    v.environments AS used_environments,
    v.sensitivity AS used_sensitivity
FROM grants_now AS g
LEFT JOIN
(
    SELECT
        tenant,
        grant_id,
        groupUniqArray(toString(operation)) AS operations,
        groupUniqArray(toString(artifact_kind)) AS kinds,
        groupUniqArray(toString(environment)) AS environments,
        argMax(toString(sensitivity), indexOf(['public', 'internal', 'confidential', 'restricted'], toString(sensitivity))) AS sensitivity
    FROM access_verdicts FINAL
    WHERE verdict = 'allowed'
    GROUP BY tenant, grant_id
) AS v ON v.tenant = g.tenant AND v.grant_id = g.grant_id
COMMENT 'What was granted, and what of it was used.';
