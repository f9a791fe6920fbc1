-- What processors derive from the logs. Rows are functions of (key, version), so a repeated
-- write is harmless; read with FINAL or argMax(…, version).

CREATE TABLE IF NOT EXISTS access_edges
(
    origin LowCardinality(String) COMMENT 'The log that the counted events are in',
    tenant LowCardinality(String),
    artifact_kind LowCardinality(String),
    artifact_name String,
    artifact_version String,
    artifact_digest FixedString(32),
    workload_namespace LowCardinality(String),
    workload_name LowCardinality(String),
    principal String,
    network LowCardinality(String),
    operation LowCardinality(String),
    permitted Bool COMMENT 'Whether it was let happen; part of the key',
    first_position UInt64,
    first_at DateTime64(3, 'UTC') COMMENT 'LogAppendTime of the first access',
    last_position UInt64,
    last_at DateTime64(3, 'UTC') COMMENT 'LogAppendTime of the last access',
    count UInt64,
    version UInt64 COMMENT 'last_position'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, artifact_kind, artifact_name, artifact_version, artifact_digest, workload_namespace, workload_name, principal, network, operation, permitted, origin)
COMMENT 'Who touched which artifact, first, last and how often. Written by the access processor.';

CREATE TABLE IF NOT EXISTS findings
(
    finding_id UUID COMMENT 'Derived from processor, logic version, origin, position and ordinal',
    tenant LowCardinality(String),
    processor LowCardinality(String),
    logic_version UInt16,
    kind LowCardinality(String) COMMENT 'For example first_access',
    severity LowCardinality(String) COMMENT 'info, warning or critical',
    origin LowCardinality(String),
    position UInt64 COMMENT 'The entry that gave rise to it',
    ordinal UInt16,
    event_id UUID,
    appended_at DateTime64(3, 'UTC'),
    subject String COMMENT 'Who or what it is about, namespace/workload',
    artifact_kind LowCardinality(String),
    artifact_name String,
    artifact_version String,
    artifact_digest String COMMENT '32 bytes; empty when there is none',
    detail String COMMENT 'One sentence',
    version UInt64 COMMENT 'position'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, kind, origin, position, finding_id)
COMMENT 'What processors noticed.';
