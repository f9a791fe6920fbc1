-- How often monitors were right, written by the alerts processor. Rows are functions of
-- (key, version), so a repeated write is harmless; read with FINAL.

CREATE TABLE IF NOT EXISTS monitor_precision
(
    origin LowCardinality(String) COMMENT 'The log that it follows from',
    tenant LowCardinality(String),
    deployment String COMMENT 'Name of the deployment',
    model String COMMENT 'Name of the model, of all its versions',
    monitor String,
    kind LowCardinality(String) COMMENT 'What it watches, as in drift.signalled',
    feature String COMMENT 'The feature; empty when it is of none',
    risk_class LowCardinality(String),
    signals UInt64 COMMENT 'How often it signalled',
    true_alerts UInt64 COMMENT 'Alerts with a signal of it that a person closed as something real',
    false_alerts UInt64 COMMENT 'The same, closed as a false alarm',
    expected_alerts UInt64 COMMENT 'The same, closed as an expected change',
    true_effects Array(Float64) COMMENT 'Its largest effect in each of the latest 32 of true_alerts, signed',
    false_effects Array(Float64) COMMENT 'The same of false_alerts',
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, deployment, model, monitor, origin)
COMMENT 'How often each monitor signalled, and what people said about its alerts when they closed them.';
