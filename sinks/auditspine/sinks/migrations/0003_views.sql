-- What analysts read. Views show committed rows only (docs/adr/0004-commits-table.md): a chunk that
-- is being written does not count yet. Described with examples in docs/sql.md. Every statement can
-- be run again without effect.

CREATE OR REPLACE VIEW log_heads AS
SELECT
    topic,
    partition,
    origin,
    toUInt64(last + 1) AS size,
    chain,
    root,
    next_sealed_offset,
    committed_at
FROM commits FINAL
COMMENT 'How far each log is committed here: its size, and chain and root after the last entry.';

CREATE OR REPLACE VIEW committed_entries AS
SELECT e.*
FROM entries AS e
INNER JOIN (SELECT origin, last FROM commits FINAL) AS h ON e.origin = h.origin
WHERE toInt64(e.position) <= h.last
COMMENT 'The table entries, committed rows only.';

CREATE OR REPLACE VIEW committed_evidence AS
SELECT e.*
FROM evidence AS e
INNER JOIN (SELECT origin, last FROM commits FINAL) AS h ON e.origin = h.origin
WHERE toInt64(e.position) <= h.last
COMMENT 'The table evidence, committed rows only.';

CREATE OR REPLACE VIEW committed_quarantine AS
SELECT e.*
FROM quarantine AS e
INNER JOIN (SELECT origin, last FROM commits FINAL) AS h ON e.origin = h.origin
WHERE toInt64(e.position) <= h.last
COMMENT 'The table quarantine, committed rows only.';

CREATE OR REPLACE VIEW who_touched_artifact AS
SELECT
    tenant,
    artifact_kind,
    artifact_name,
    artifact_version,
    lower(hex(artifact_digest)) AS artifact_sha256,
    workload_namespace,
    workload_name,
    principal,
    network,
    operation,
    permitted,
    min(first_at) AS first_at,
    max(last_at) AS last_at,
    sum(count) AS times
FROM access_edges FINAL
GROUP BY
    tenant, artifact_kind, artifact_name, artifact_version, artifact_digest, workload_namespace,
    workload_name, principal, network, operation, permitted
COMMENT 'Who touched which artifact, from where, how, first, last and how often. Kept by the access processor.';

CREATE OR REPLACE VIEW run_history AS
SELECT
    run_id,
    tenant,
    appended_at,
    occurred_at,
    event_type,
    actor_principal,
    workload_namespace,
    workload_name,
    intent_reason,
    arrayMap(a -> concat(a.kind, ' ', a.name, ' ', a.version), artifacts) AS artifacts_named,
    body,
    event_id,
    origin,
    position
FROM committed_evidence
WHERE run_id != ''
UNION ALL
SELECT
    JSONExtractString(body, 'run_id') AS run_id,
    tenant,
    appended_at,
    occurred_at,
    event_type,
    actor_principal,
    workload_namespace,
    workload_name,
    intent_reason,
    arrayMap(a -> concat(a.kind, ' ', a.name, ' ', a.version), artifacts) AS artifacts_named,
    body,
    event_id,
    origin,
    position
FROM committed_evidence AS e
WHERE e.event_type IN ('run.started', 'run.completed', 'model.registered')
    AND JSONExtractString(body, 'run_id') NOT IN ('', e.run_id)
COMMENT 'Every event of a run: those that name it as their run, and those whose body names it.';

CREATE OR REPLACE VIEW model_life AS
SELECT
    tenant,
    model.name AS model_name,
    model.version AS model_version,
    lower(hex(model.digest)) AS model_sha256,
    appended_at,
    event_type,
    toUInt64(1) AS events,
    actor_principal,
    actor_roles,
    concat(workload_namespace, '/', workload_name) AS workload,
    intent_reason,
    coalesce(
        nullIf(JSONExtractString(body, 'decision'), ''),
        nullIf(JSONExtractString(body, 'action'), ''),
        if(JSONHas(body, 'passed'), if(JSONExtractBool(body, 'passed'), 'passed', 'failed'), '')
    ) AS outcome,
    body,
    origin,
    position
FROM committed_evidence
ARRAY JOIN arrayDistinct(arrayFilter(a -> a.kind = 'model', artifacts)) AS model
WHERE event_type NOT IN ('prediction.made', 'outcome.observed', 'artifact.accessed')
UNION ALL
SELECT
    tenant,
    model.name AS model_name,
    model.version AS model_version,
    lower(hex(model.digest)) AS model_sha256,
    min(e.appended_at) AS appended_at,
    event_type,
    count() AS events,
    '' AS actor_principal,
    CAST([], 'Array(LowCardinality(String))') AS actor_roles,
    concat(workload_namespace, '/', workload_name) AS workload,
    '' AS intent_reason,
    '' AS outcome,
    '' AS body,
    origin,
    min(e.position) AS position
FROM committed_evidence AS e
ARRAY JOIN arrayDistinct(arrayFilter(a -> a.kind = 'model', artifacts)) AS model
WHERE event_type IN ('prediction.made', 'outcome.observed', 'artifact.accessed')
GROUP BY
    tenant, model, event_type, workload_namespace, workload_name, origin, toDate(e.appended_at)
COMMENT 'A model version from registration to retirement; its predictions, outcomes and accesses as one row per day, workload and log.';

CREATE OR REPLACE VIEW quarantined AS
SELECT
    q.origin AS origin,
    q.position AS position,
    e.topic AS topic,
    e.partition AS partition,
    e.source_offset AS source_offset,
    q.appended_at AS appended_at,
    q.verdict AS verdict,
    q.reason AS reason,
    e.tenant AS claimed_tenant,
    e.producer AS claimed_producer,
    lower(hex(e.public_key)) AS public_key_hex,
    length(q.value) AS value_bytes,
    q.value AS value,
    q.sig AS sig
FROM committed_quarantine AS q
LEFT JOIN
(
    SELECT origin, position, topic, partition, source_offset, tenant, producer, public_key
    FROM entries
    WHERE (origin, position) IN (SELECT origin, position FROM quarantine)
) AS e ON q.origin = e.origin AND q.position = e.position
COMMENT 'What does not count, and why; who claims to have sent it.';

CREATE OR REPLACE VIEW chain_check AS
WITH linked AS
(
    SELECT
        origin,
        toInt64(position) AS place,
        lagInFrame(toInt64(position), 1, -1) OVER w AS place_before,
        source_offset,
        lagInFrame(source_offset, 1, -1) OVER w AS offset_before,
        chain,
        SHA256(concat(lagInFrame(chain, 1, toFixedString('', 32)) OVER w, leaf)) AS computed
    FROM committed_entries
    WINDOW w AS (PARTITION BY origin ORDER BY position ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
)
SELECT
    origin,
    toUInt64(place_before + 1) AS position,
    toUInt64(place - 1) AS last_position,
    'missing' AS defect,
    'no row' AS detail
FROM linked
WHERE place > place_before + 1
UNION ALL
SELECT origin, toUInt64(place), toUInt64(place), 'extra', 'more than one row'
FROM linked
WHERE place = place_before
UNION ALL
SELECT origin, toUInt64(place), toUInt64(place), 'reordered',
    'its source offset does not come after that of the row before'
FROM linked
WHERE place = place_before + 1 AND source_offset <= offset_before
UNION ALL
SELECT origin, toUInt64(place), toUInt64(place), 'altered',
    'its chain is not SHA-256 of the chain before and its leaf: it or the row before was altered'
FROM linked
WHERE place = place_before + 1 AND source_offset > offset_before AND computed != chain
UNION ALL
SELECT h.origin, toUInt64(f.size), toUInt64(h.size - 1), 'missing',
    'truncated: the log is committed further than its rows go'
FROM log_heads AS h
LEFT JOIN
(
    SELECT origin, max(position) + 1 AS size FROM committed_entries GROUP BY origin
) AS f ON h.origin = f.origin
WHERE h.size > f.size
UNION ALL
SELECT c.origin, e.position, e.position, 'altered',
    concat('its chain is not what the ', c.source, ' says')
FROM
(
    SELECT origin, size, chain, 'commit' AS source FROM log_heads WHERE size > 0
    UNION ALL
    SELECT DISTINCT origin, size, chain, 'checkpoint' AS source FROM checkpoints WHERE size > 0
) AS c
INNER JOIN committed_entries AS e ON e.origin = c.origin AND e.position = c.size - 1
WHERE e.chain != c.chain
COMMENT 'The chain of every log, recomputed from its leaves. Each row is a defect: none means that the chain holds. Signatures are checked by auditspine verify.';

CREATE OR REPLACE VIEW content_check AS
WITH both AS
(
    SELECT
        origin,
        position,
        leaf,
        1 AS entry,
        0 AS content,
        verdict = 'valid' AS valid,
        0 AS typed
    FROM committed_entries
    UNION ALL
    SELECT
        origin,
        position,
        SHA256(concat(
            unhex('00'),
            reinterpretAsFixedString(byteSwap(toUInt32(length(value)))), value,
            reinterpretAsFixedString(byteSwap(toUInt32(length(sig)))), sig
        )) AS leaf,
        0 AS entry,
        1 AS content,
        0 AS valid,
        1 AS typed
    FROM committed_evidence
    UNION ALL
    SELECT
        origin,
        position,
        SHA256(concat(
            unhex('00'),
            reinterpretAsFixedString(byteSwap(toUInt32(length(value)))), value,
            reinterpretAsFixedString(byteSwap(toUInt32(length(sig)))), sig
        )) AS leaf,
        0 AS entry,
        1 AS content,
        0 AS valid,
        0 AS typed
    FROM committed_quarantine
)
SELECT
    origin,
    position,
    multiIf(
        sum(content) = 0, 'missing',
        sum(content) > 1, 'extra',
        sum(entry) = 0, 'extra',
        min(leaf) != max(leaf), 'altered',
        'misplaced'
    ) AS defect,
    multiIf(
        sum(content) = 0, 'neither in evidence nor in quarantine',
        sum(content) > 1, 'more than once in evidence and quarantine',
        sum(entry) = 0, 'has no row in entries',
        min(leaf) != max(leaf),
            'value or sig do not have the leaf hash in entries',
        'in evidence, though its verdict is not valid'
    ) AS detail
FROM both
GROUP BY origin, position
HAVING sum(content) != 1 OR sum(entry) = 0 OR min(leaf) != max(leaf) OR (max(typed) = 1 AND max(valid) = 0)
COMMENT 'The raw bytes in evidence and quarantine, hashed again and held against entries. Each row is a defect: none means that the content is what was sealed.';

CREATE OR REPLACE VIEW key_standing AS
WITH said AS
(
    SELECT
        base64Decode(JSONExtractString(body, 'public_key')) AS public_key,
        arraySort(groupArray((position, event_type, appended_at, body))) AS history,
        arrayFilter(e -> e.2 = 'key.registered', history) AS registrations,
        registrations[1] AS first,
        arrayFilter(e -> e.2 = 'key.revoked' AND e.1 > first.1, history) AS revocations,
        arrayLast(
            e -> (empty(revocations) OR e.1 < revocations[1].1)
                AND JSONExtractString(e.4, 'purpose') = JSONExtractString(first.4, 'purpose'),
            registrations
        ) AS current
    FROM committed_evidence
    WHERE event_type IN ('key.registered', 'key.revoked')
    GROUP BY public_key
    HAVING notEmpty(registrations)
)
SELECT
    public_key,
    JSONExtractString(current.4, 'producer') AS producer,
    JSONExtract(current.4, 'tenants', 'Array(String)') AS tenants,
    JSONExtract(current.4, 'event_types', 'Array(String)') AS event_types,
    JSONExtractString(current.4, 'purpose') AS purpose,
    first.1 AS registered_position,
    first.3 AS registered_at,
    if(empty(revocations), NULL, revocations[1].1) AS revoked_position,
    if(empty(revocations), NULL, revocations[1].3) AS revoked_at,
    if(empty(revocations), '', JSONExtractString(revocations[1].4, 'reason')) AS revocation_reason,
    if(empty(revocations), NULL,
        parseDateTime64BestEffortOrNull(
            JSONExtractString(revocations[1].4, 'compromised_since'), 6, 'UTC')
    ) AS compromised_since
FROM said
COMMENT 'Every key of the control log, what it may sign, since when, and whether it is revoked.';
