-- Alerts and serving states, written by the alerts processor. Rows are functions of
-- (key, version), so a repeated write is harmless; read with FINAL.

CREATE TABLE IF NOT EXISTS alerts
(
    origin LowCardinality(String) COMMENT 'The log that it follows from',
    tenant LowCardinality(String),
    alert_id String,
    fingerprint String COMMENT 'Same for all that has the same cause, hex',
    deployment String COMMENT 'Name of the deployment',
    deployment_digest String COMMENT '32 bytes; of the deployment as the last signal has it',
    model String COMMENT 'Name of the model',
    model_version String,
    model_digest String COMMENT '32 bytes',
    kind LowCardinality(String) COMMENT 'What moved, as in drift.signalled; several when many features did',
    tier LowCardinality(String) COMMENT 'informational, caution, review or stop_the_line',
    state LowCardinality(String) COMMENT 'open, acknowledged or resolved',
    risk_class LowCardinality(String),
    owner String COMMENT 'Who is told, by the policy',
    features Array(String) COMMENT 'Features that moved',
    effect_size Float64 COMMENT 'The largest effect among the signals, signed',
    signals UInt64 COMMENT 'How many',
    since DateTime64(6, 'UTC') COMMENT 'When what moved began to move',
    raised_at DateTime64(3, 'UTC') COMMENT 'LogAppendTime of the event that opened it',
    last_signal_at DateTime64(3, 'UTC') COMMENT 'LogAppendTime of the last signal',
    acknowledged_at Nullable(DateTime64(3, 'UTC')),
    acknowledged_by String,
    resolved_at Nullable(DateTime64(3, 'UTC')) COMMENT 'LogAppendTime of the event at which it was over',
    silenced_until Nullable(DateTime64(6, 'UTC')) COMMENT 'Until when nobody is told, as of the last change; null when they are',
    investigation_id String COMMENT 'The latest; empty for none',
    investigating Bool COMMENT 'Whether that investigation is open',
    level UInt32 COMMENT 'How often it was raised again since it was new',
    title String COMMENT 'One sentence',
    evidence_origin LowCardinality(String) COMMENT 'Log of the sealed entries that it rests on; empty for none',
    evidence_first UInt64,
    evidence_last UInt64,
    version UInt64 COMMENT 'Position of the entry that last changed the row'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, alert_id, origin)
COMMENT 'Every alert as it is now, those that are recorded and tell nobody too.';

CREATE TABLE IF NOT EXISTS alert_history
(
    origin LowCardinality(String) COMMENT 'The log of position',
    tenant LowCardinality(String),
    alert_id String,
    position UInt64 COMMENT 'The entry at which it happened',
    ordinal UInt32 COMMENT '0 for the first thing that happened there, 1 for the next',
    at DateTime64(3, 'UTC') COMMENT 'LogAppendTime of that entry',
    what LowCardinality(String) COMMENT 'raised, signalled, joined, investigated, serving, acknowledged, silenced, escalated, dispositioned or resolved',
    who String COMMENT 'The person who did it; empty for the processor',
    detail String COMMENT 'One sentence',
    event_id UUID COMMENT 'The event at which it happened',
    version UInt64 COMMENT 'Its order among what happened to the alert, with ordinal'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, alert_id, origin, position, ordinal)
COMMENT 'What happened to each alert, in order.';

CREATE TABLE IF NOT EXISTS serving_states
(
    origin LowCardinality(String),
    tenant LowCardinality(String),
    deployment String COMMENT 'Name of the deployment',
    model String COMMENT 'Name of the model',
    model_version String,
    model_digest String COMMENT '32 bytes; the state is of this model only',
    state LowCardinality(String) COMMENT 'live, fallback or blocked',
    releases_frozen Bool COMMENT 'Whether the deployment must not be changed but to stop it',
    quarantined Bool COMMENT 'Whether the model may not be deployed anywhere',
    alert_id String COMMENT 'The alert that it rests on; empty for none',
    reason String COMMENT 'One sentence',
    since DateTime64(3, 'UTC') COMMENT 'LogAppendTime of the event that changed it',
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, deployment, model_digest, origin)
COMMENT 'Whether a model may serve at a deployment. What has no row was never held back: it is live.';
