-- The lineage graph, written by the lineage processor. Rows are functions of (key, version), so a
-- repeated write is harmless; read with FINAL, or by the views below.

CREATE TABLE IF NOT EXISTS lineage_nodes
(
    origin LowCardinality(String) COMMENT 'The log whose events speak of it',
    tenant LowCardinality(String),
    node_id UUID COMMENT 'Derived from tenant, kind, name, version and digest',
    artifact_kind LowCardinality(String) COMMENT 'dataset, snapshot, column, labels, feature, code, environment, run, model, evaluation, explanation, approval, deployment, …',
    artifact_name String COMMENT 'A column is snapshot/column; a run is its run_id; an approval its event_id',
    artifact_version String,
    artifact_digest String COMMENT '32 bytes; empty where it has no content of its own',
    first_position UInt64 COMMENT 'The first entry that speaks of it',
    first_at DateTime64(3, 'UTC') COMMENT 'LogAppendTime of that entry',
    occurred_at DateTime64(6, 'UTC') COMMENT 'The earliest time that an event gives it',
    registered Bool COMMENT 'Whether an event made it known, not only cited it',
    registered_at Nullable(DateTime64(3, 'UTC')) COMMENT 'LogAppendTime of that event',
    registered_occurred_at Nullable(DateTime64(6, 'UTC')),
    registered_event_id UUID COMMENT 'Zero when nothing did',
    version UInt64 COMMENT 'Position of the entry that last changed the row'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, artifact_kind, artifact_name, artifact_version, node_id, origin)
COMMENT 'What is in the lineage graph. A node is what its digest says.';

CREATE TABLE IF NOT EXISTS lineage_edges
(
    origin LowCardinality(String),
    tenant LowCardinality(String),
    source_id UUID COMMENT 'What was used',
    target_id UUID COMMENT 'What came of it',
    relation LowCardinality(String) COMMENT 'How, such as trained_on; replaced_by is the only one along which nothing flows',
    first_position UInt64 COMMENT 'The first entry that says so',
    first_at DateTime64(3, 'UTC') COMMENT 'LogAppendTime of that entry',
    occurred_at DateTime64(6, 'UTC') COMMENT 'The earliest time that an event gives it',
    event_id UUID COMMENT 'The event that gives that time',
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, target_id, source_id, relation, origin)
COMMENT 'How one node came of another.';

CREATE TABLE IF NOT EXISTS lineage_marks
(
    origin LowCardinality(String),
    tenant LowCardinality(String),
    node_id UUID,
    mark LowCardinality(String) COMMENT 'deprecated, flagged, retired, sensitivity, regulatory_domains, business_unit, data_tier, approval_status, owner, protected, state, decision, passed, trigger, …',
    value String COMMENT 'What it is from then on',
    position UInt64,
    appended_at DateTime64(3, 'UTC') COMMENT 'LogAppendTime of the event that says so',
    occurred_at DateTime64(6, 'UTC') COMMENT 'When it happened; the latest holds',
    event_id UUID,
    principal String COMMENT 'Who said so',
    detail String COMMENT 'Why',
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, node_id, mark, event_id, origin)
COMMENT 'What was said of nodes and may be said otherwise later. Of the same mark, the one that happened last holds.';
