-- How the monitors of models stood now and then, written by the drift processor. Rows are functions of
-- (key, version), so a repeated write is harmless; read with FINAL.

CREATE TABLE IF NOT EXISTS drift_levels
(
    origin LowCardinality(String) COMMENT 'The inference log',
    tenant LowCardinality(String),
    deployment String COMMENT 'Name of the deployment',
    model String COMMENT 'Name of the model',
    model_version String,
    model_digest String COMMENT '32 bytes',
    block UInt64 COMMENT 'Blocks of 25 predictions that were taken since the monitors were set up',
    appended_at DateTime64(3, 'UTC') COMMENT 'LogAppendTime of the last prediction of the block',
    predictions UInt64 COMMENT 'Predictions that were taken until then',
    run_length Float64 COMMENT 'Predictions that pass on average before a monitor signals without a change',
    profiled Bool COMMENT 'Whether the reference is the training profile',
    monitors Array(String) COMMENT 'Names of the monitors; the arrays that follow have their order',
    kinds Array(LowCardinality(String)) COMMENT 'What each watches, as in drift.signalled',
    levels Array(Float64) COMMENT 'How near each is to a signal; 1 from the signal on for as long as the shift lasts',
    expected Array(Float64) COMMENT 'Mean in training: of a normal score, its square, or a share',
    found Array(Float64) COMMENT 'Mean since it last was where it is expected',
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, deployment, model_digest, appended_at, block, origin)
COMMENT 'How all monitors of a model at a deployment stood: every 400 predictions.';
