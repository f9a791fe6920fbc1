-- The evidence: what the ledger sealed, row for row. Filled by the evidence sink only, from
-- sealed segments, chunk by chunk (docs/adr/0004-commits-table.md). Ordering keys and skip
-- indexes: docs/adr/0005-ordering-keys.md. Every statement can be run again without effect.

CREATE TABLE IF NOT EXISTS entries
(
    origin LowCardinality(String) COMMENT 'The log: region/cluster/topic-id/partition',
    position UInt64 COMMENT 'Place in the log, from 0, without gaps',
    topic LowCardinality(String) COMMENT 'Source topic',
    partition UInt16 COMMENT 'Source partition',
    source_offset Int64 COMMENT 'Kafka offset in the source partition; may have gaps',
    appended_at DateTime64(3, 'UTC') COMMENT 'LogAppendTime of the broker',
    leaf FixedString(32) COMMENT 'RFC 6962 leaf hash of the entry',
    chain FixedString(32) COMMENT 'SHA-256(chain of the entry before, or 32 zero bytes, and leaf)',
    verdict Enum8('valid' = 0, 'foreign' = 1, 'bad_signature' = 2, 'unknown_key' = 3, 'revoked_key' = 4, 'wrong_tenant' = 5, 'undecodable' = 6, 'not_permitted' = 7) COMMENT 'What the ledger says of it; final',
    flags UInt8 COMMENT '1 gap, 2 duplicate, 4 clock skew; a flag never blocks',
    control_size UInt64 COMMENT 'Entries of the control log that the verdict rests on',
    public_key String COMMENT 'Ed25519 key that the sig header names, 32 bytes; empty without a header',
    tenant LowCardinality(String) COMMENT 'As claimed in the sig header',
    producer LowCardinality(String) COMMENT 'As claimed in the sig header',
    epoch UInt64 COMMENT 'Start of the producer, nanoseconds since 1970; as claimed',
    sequence UInt64 COMMENT '1, 2, 3 … per producer, epoch and partition; as claimed'
)
ENGINE = MergeTree
ORDER BY (origin, position)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Every sealed entry without its content: the material of the chain check. Never expires.';

CREATE TABLE IF NOT EXISTS evidence
(
    origin LowCardinality(String) COMMENT 'The log; with position the key into entries',
    position UInt64 COMMENT 'Place in the log',
    appended_at DateTime64(3, 'UTC') COMMENT 'LogAppendTime of the broker',
    tenant LowCardinality(String),
    event_type LowCardinality(String) COMMENT 'For example model.registered',
    event_id UUID COMMENT 'UUID v7, given by the producer',
    occurred_at DateTime64(6, 'UTC') COMMENT 'Time of the event by the producer''s clock',
    domain LowCardinality(String),
    environment LowCardinality(String),
    actor_principal String COMMENT 'Who acted',
    actor_kind LowCardinality(String) COMMENT 'person or workload',
    actor_roles Array(LowCardinality(String)),
    actor_network LowCardinality(String) COMMENT 'From where',
    workload_name LowCardinality(String),
    workload_namespace LowCardinality(String),
    workload_node LowCardinality(String),
    workload_version LowCardinality(String),
    intent_trigger LowCardinality(String) COMMENT 'What set it off',
    intent_reason String COMMENT 'Why',
    intent_justification String COMMENT 'Empty when there is none',
    run_id String COMMENT 'Empty when there is none',
    trace_id String COMMENT 'Empty when there is none',
    causation_id String COMMENT 'Event that caused this one; empty when there is none',
    sensitivity LowCardinality(String),
    regulatory_domains Array(LowCardinality(String)),
    retention_class LowCardinality(String),
    artifacts Array(Tuple(kind String, name String, version String, digest FixedString(32))) COMMENT 'Every artifact that the body names, in schema order',
    body String COMMENT 'The typed body as JSON text',
    flags UInt8 COMMENT '1 gap, 2 duplicate, 4 clock skew',
    value String COMMENT 'The Kafka value as it was on the wire: this is the evidence',
    sig String COMMENT 'The sig header as it was on the wire',
    INDEX appended_range appended_at TYPE minmax GRANULARITY 1,
    INDEX run_filter run_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX artifact_names artifacts.name TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX artifact_digests artifacts.digest TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY (retention_class, toYYYYMM(appended_at))
ORDER BY (origin, position)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Every valid event, typed, with its raw bytes. Partitioned so that retention drops whole partitions.';

CREATE TABLE IF NOT EXISTS quarantine
(
    origin LowCardinality(String),
    position UInt64,
    appended_at DateTime64(3, 'UTC'),
    verdict Enum8('valid' = 0, 'foreign' = 1, 'bad_signature' = 2, 'unknown_key' = 3, 'revoked_key' = 4, 'wrong_tenant' = 5, 'undecodable' = 6, 'not_permitted' = 7) COMMENT 'As in entries; valid means that the ledger could decode it and ClickHouse could not',
    reason String COMMENT 'Why; never any of the content',
    value String COMMENT 'The Kafka value as it was on the wire',
    sig String COMMENT 'The sig header as it was on the wire'
)
ENGINE = MergeTree
ORDER BY (origin, position)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Every sealed entry that is not in evidence, with the reason and its raw bytes.';

CREATE TABLE IF NOT EXISTS checkpoints
(
    origin LowCardinality(String),
    size UInt64 COMMENT 'Entries of the log that the checkpoint covers',
    first UInt64 COMMENT 'Position of the first entry of its segment; equal to size in a quiet interval',
    root FixedString(32) COMMENT 'RFC 6962 tree hash',
    chain FixedString(32) COMMENT 'Chain after the last entry',
    control_size UInt64,
    sealed_at DateTime64(3, 'UTC') COMMENT 'The ledger''s own clock: a claim, not a proof',
    sealed_offset Int64 COMMENT 'Offset of the segment in the sealed topic',
    note String COMMENT 'The signed checkpoint (c2sp.org/tlog-checkpoint)'
)
ENGINE = MergeTree
ORDER BY (origin, size, sealed_offset)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One signed checkpoint per sealed segment that extended the log or confirmed its size.';

CREATE TABLE IF NOT EXISTS claims
(
    topic LowCardinality(String) COMMENT 'Sealed topic',
    partition UInt16,
    sealed_first Int64 COMMENT 'Offset of the first segment of the chunk',
    sealed_next Int64 COMMENT 'Offset after its last segment',
    claimed_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(sealed_first)
ORDER BY (topic, partition)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The chunk that a sink is writing, or wrote last: the first claim of an offset fixes its boundaries.';

CREATE TABLE IF NOT EXISTS commits
(
    topic LowCardinality(String) COMMENT 'Sealed topic',
    partition UInt16,
    origin LowCardinality(String),
    first UInt64 COMMENT 'Position of the first entry of the chunk',
    last Int64 COMMENT 'Position of its last entry; first - 1 when it holds checkpoints only',
    chain FixedString(32) COMMENT 'Chain after the last entry',
    root FixedString(32) COMMENT 'Tree hash after the last entry',
    next_sealed_offset Int64 COMMENT 'Offset in the sealed topic at which the sink goes on',
    committed_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(next_sealed_offset)
ORDER BY (topic, partition, origin)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'How far each log is completely here: rows up to last count, later ones are being written.';
