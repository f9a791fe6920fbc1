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

-- A prediction is looked up by its id, among all that were ever made.
ALTER TABLE evidence ADD INDEX IF NOT EXISTS prediction_ids JSONExtractString(body, 'prediction_id') TYPE bloom_filter(0.001) GRANULARITY 1;

-- Each question about lineage as a view. Those with parameters are read like functions:
-- SELECT * FROM lineage_upstream(tenant = 'acme', kind = 'model', name = 'risk', version = '3').

CREATE OR REPLACE VIEW lineage AS
WITH named AS
(
    SELECT
        node_id,
        any(artifact_kind) AS kind,
        any(artifact_name) AS name,
        any(artifact_version) AS node_version,
        any(lower(hex(artifact_digest))) AS sha256
    FROM lineage_nodes
    GROUP BY node_id
)
SELECT
    e.tenant AS tenant,
    s.kind AS source_kind,
    s.name AS source_name,
    s.node_version AS source_version,
    s.sha256 AS source_sha256,
    e.relation AS relation,
    t.kind AS target_kind,
    t.name AS target_name,
    t.node_version AS target_version,
    t.sha256 AS target_sha256,
    e.first_at AS recorded_at,
    e.occurred_at AS occurred_at,
    e.event_id AS event_id,
    e.origin AS origin,
    e.first_position AS position,
    e.source_id AS source_id,
    e.target_id AS target_id
FROM lineage_edges AS e FINAL
INNER JOIN named AS s ON e.source_id = s.node_id
INNER JOIN named AS t ON e.target_id = t.node_id
COMMENT 'The edges of the lineage graph with the names of both ends.';

CREATE OR REPLACE VIEW lineage_upstream AS
WITH RECURSIVE reached AS
(
    SELECT node_id, toUInt16(0) AS depth
    FROM lineage_nodes
    WHERE tenant = {tenant:String} AND artifact_kind = {kind:String}
        AND artifact_name = {name:String} AND artifact_version = {version:String}
    UNION ALL
    SELECT DISTINCT e.source_id AS node_id, toUInt16(r.depth + 1) AS depth
    FROM lineage_edges AS e
    INNER JOIN reached AS r ON e.target_id = r.node_id
    WHERE e.tenant = {tenant:String} AND e.relation != 'replaced_by' AND r.depth < 900
)
SELECT
    min(r.depth) AS depth,
    any(n.artifact_kind) AS kind,
    any(n.artifact_name) AS name,
    any(n.artifact_version) AS node_version,
    any(lower(hex(n.artifact_digest))) AS sha256,
    max(n.registered) AS registered,
    min(n.first_at) AS recorded_at,
    r.node_id AS node_id
FROM reached AS r
INNER JOIN lineage_nodes AS n ON n.node_id = r.node_id AND n.tenant = {tenant:String}
GROUP BY r.node_id
COMMENT 'All that an artifact came of, up to 900 steps; of every digest of that name and version. Parameters: tenant, kind, name, version.';

CREATE OR REPLACE VIEW lineage_downstream AS
WITH RECURSIVE reached AS
(
    SELECT node_id, toUInt16(0) AS depth
    FROM lineage_nodes
    WHERE tenant = {tenant:String} AND artifact_kind = {kind:String}
        AND artifact_name = {name:String} AND artifact_version = {version:String}
    UNION ALL
    SELECT DISTINCT e.target_id AS node_id, toUInt16(r.depth + 1) AS depth
    FROM lineage_edges AS e
    INNER JOIN reached AS r ON e.source_id = r.node_id
    WHERE e.tenant = {tenant:String} AND e.relation != 'replaced_by' AND r.depth < 900
)
SELECT
    min(r.depth) AS depth,
    any(n.artifact_kind) AS kind,
    any(n.artifact_name) AS name,
    any(n.artifact_version) AS node_version,
    any(lower(hex(n.artifact_digest))) AS sha256,
    max(n.registered) AS registered,
    min(n.first_at) AS recorded_at,
    r.node_id AS node_id
FROM reached AS r
INNER JOIN lineage_nodes AS n ON n.node_id = r.node_id AND n.tenant = {tenant:String}
GROUP BY r.node_id
COMMENT 'All that came of an artifact, up to 900 steps; of every digest of that name and version. Parameters: tenant, kind, name, version.';

CREATE OR REPLACE VIEW lineage_standing AS
SELECT
    m.tenant AS tenant,
    any(n.artifact_kind) AS kind,
    any(n.artifact_name) AS name,
    any(n.artifact_version) AS node_version,
    any(lower(hex(n.artifact_digest))) AS sha256,
    m.mark AS mark,
    argMax(m.value, (m.moment, m.event_id)) AS value,
    argMax(m.detail, (m.moment, m.event_id)) AS detail,
    argMax(m.principal, (m.moment, m.event_id)) AS principal,
    max(m.moment) AS since,
    m.node_id AS node_id
FROM
(
    -- No event is later than the broker's clock allows, whatever its producer says.
    SELECT *, least(occurred_at, addMinutes(toDateTime64(appended_at, 6, 'UTC'), 5)) AS moment
    FROM lineage_marks FINAL
) AS m
INNER JOIN lineage_nodes AS n ON n.node_id = m.node_id AND n.tenant = m.tenant
GROUP BY m.tenant, m.node_id, m.mark
COMMENT 'What holds of each node now: tags, owners, deprecations, flags, states. The latest by event time.';

CREATE OR REPLACE VIEW models_on_deprecated_features AS
SELECT
    e.tenant AS tenant,
    e.target_name AS model_name,
    e.target_version AS model_version,
    e.target_sha256 AS model_sha256,
    e.source_name AS feature_name,
    e.source_version AS feature_version,
    d.value AS review_status,
    d.detail AS reason,
    d.principal AS deprecated_by,
    d.since AS deprecated_at,
    e.occurred_at AS model_registered_at
FROM lineage AS e
INNER JOIN lineage_standing AS d ON d.node_id = e.source_id AND d.tenant = e.tenant
WHERE e.relation = 'used' AND e.target_kind = 'model' AND d.mark = 'deprecated' AND d.value != 'rejected'
COMMENT 'Which models were trained on a feature that is deprecated.';

CREATE OR REPLACE VIEW deployment_history AS
WITH changes AS
(
    SELECT
        tenant,
        JSONExtractString(body, 'environment') AS environment,
        JSONExtractString(body, 'deployment', 'name') AS deployment,
        JSONExtractString(body, 'deployment', 'version') AS deployment_version,
        JSONExtractString(body, 'deployment', 'digest') AS deployment_digest,
        JSONExtractString(body, 'action') AS action,
        JSONExtractFloat(body, 'traffic_share') AS traffic_share,
        JSONExtractString(body, 'model', 'name') AS model_name,
        JSONExtractString(body, 'model', 'version') AS model_version,
        JSONExtractString(body, 'model', 'digest') AS model_digest,
        lower(JSONExtractString(body, 'approval_event_id')) AS approval_event_id,
        actor_principal AS changed_by,
        intent_reason AS reason,
        appended_at AS recorded_from,
        leadInFrame(appended_at, 1, toDateTime64('2299-12-31 00:00:00', 3, 'UTC')) OVER ledger
            AS recorded_until,
        occurred_at AS occurred_from,
        leadInFrame(occurred_at, 1, toDateTime64('2299-12-31 00:00:00', 6, 'UTC')) OVER events
            AS occurred_until,
        event_id,
        origin,
        position
    FROM committed_evidence
    WHERE event_type = 'deployment.changed' AND bitAnd(flags, 2) = 0
    WINDOW
        ledger AS (
            PARTITION BY tenant, JSONExtractString(body, 'environment'),
                JSONExtractString(body, 'deployment', 'name')
            ORDER BY appended_at, origin, position
            ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING
        ),
        events AS (
            PARTITION BY tenant, JSONExtractString(body, 'environment'),
                JSONExtractString(body, 'deployment', 'name')
            ORDER BY occurred_at, event_id
            ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING
        )
)
SELECT
    c.tenant AS tenant,
    c.environment AS environment,
    c.deployment AS deployment,
    c.deployment_version AS deployment_version,
    c.deployment_digest AS deployment_digest,
    c.action AS action,
    c.traffic_share AS traffic_share,
    c.action NOT IN ('paused', 'retired') AND c.traffic_share > 0 AS serves,
    c.model_name AS model_name,
    c.model_version AS model_version,
    c.model_digest AS model_digest,
    c.changed_by AS changed_by,
    c.reason AS reason,
    a.actor_principal AS approved_by,
    a.decision AS decision,
    a.role AS approver_role,
    a.appended_at AS approved_at,
    a.subject = c.model_digest AS approval_is_for_this_digest,
    multiIf(
        a.id = '', 'none is cited, or none that was recorded',
        a.subject != c.model_digest, 'it is for another digest',
        a.decision NOT IN ('approved', 'approved_with_conditions'), concat('it says ', a.decision),
        a.appended_at > c.recorded_from, 'it was recorded after the change',
        a.expires_at IS NOT NULL AND a.expires_at <= c.recorded_from, 'it had expired',
        w.withdrawn_at > a.appended_at, 'it was withdrawn',
        ''
    ) AS approval_problem,
    a.validations AS validations,
    c.recorded_from AS recorded_from,
    c.recorded_until AS recorded_until,
    c.occurred_from AS occurred_from,
    c.occurred_until AS occurred_until,
    c.approval_event_id AS approval_event_id,
    c.event_id AS event_id,
    c.origin AS origin,
    c.position AS position
FROM changes AS c
LEFT JOIN
(
    SELECT
        tenant,
        toString(event_id) AS id,
        actor_principal,
        appended_at,
        JSONExtractString(body, 'decision') AS decision,
        JSONExtractString(body, 'role') AS role,
        JSONExtractString(body, 'subject', 'digest') AS subject,
        arrayMap(v -> JSONExtractString(v, 'digest'), JSONExtractArrayRaw(body, 'validations'))
            AS validations,
        parseDateTime64BestEffortOrNull(JSONExtractString(body, 'expires_at'), 6, 'UTC') AS expires_at
    FROM committed_evidence
    WHERE event_type = 'approval.decided' AND bitAnd(flags, 2) = 0
    ORDER BY appended_at, origin, position
    LIMIT 1 BY tenant, event_id
) AS a ON a.tenant = c.tenant AND a.id = c.approval_event_id
LEFT JOIN
(
    SELECT
        tenant,
        JSONExtractString(body, 'subject', 'digest') AS subject,
        max(appended_at) AS withdrawn_at
    FROM committed_evidence
    WHERE event_type = 'approval.decided' AND JSONExtractString(body, 'decision') = 'withdrawn'
    GROUP BY tenant, subject
) AS w ON w.tenant = c.tenant AND w.subject = c.model_digest
COMMENT 'What each deployment served from when until when, who changed it, and on whose approval; by ledger time and by event time.';

CREATE OR REPLACE VIEW deployments_on_flagged_sources AS
WITH RECURSIVE flagged AS
(
    SELECT tenant, node_id, kind, name, node_version, detail, principal, since
    FROM lineage_standing
    WHERE mark = 'flagged' AND value = 'yes'
),
reached AS
(
    SELECT tenant, node_id AS source_id, node_id, toUInt16(0) AS depth
    FROM flagged
    UNION ALL
    SELECT DISTINCT r.tenant, r.source_id, e.target_id AS node_id, toUInt16(r.depth + 1) AS depth
    FROM lineage_edges AS e
    INNER JOIN reached AS r ON e.source_id = r.node_id AND e.tenant = r.tenant
    WHERE e.relation != 'replaced_by' AND r.depth < 900
)
SELECT DISTINCT
    h.tenant AS tenant,
    h.environment AS environment,
    h.deployment AS deployment,
    h.model_name AS model_name,
    h.model_version AS model_version,
    h.model_digest AS model_digest,
    f.kind AS source_kind,
    f.name AS source_name,
    f.node_version AS source_version,
    f.detail AS reason,
    f.principal AS flagged_by,
    f.since AS flagged_at,
    h.recorded_from AS serving_since
FROM reached AS r
INNER JOIN lineage_nodes AS n ON n.node_id = r.node_id AND n.tenant = r.tenant
INNER JOIN deployment_history AS h
    ON h.tenant = r.tenant AND h.model_digest = concat('sha256:', lower(hex(n.artifact_digest)))
INNER JOIN flagged AS f ON f.node_id = r.source_id AND f.tenant = r.tenant
WHERE n.artifact_kind = 'model' AND h.serves AND h.recorded_until > toDateTime64('2299-01-01 00:00:00', 3, 'UTC')
COMMENT 'Which live deployments still use a source that is flagged for removal.';

CREATE OR REPLACE VIEW model_versions AS
SELECT
    m.tenant AS tenant,
    JSONExtractString(m.body, 'model', 'name') AS model_name,
    JSONExtractString(m.body, 'model', 'version') AS model_version,
    JSONExtractString(m.body, 'model', 'digest') AS model_digest,
    JSONExtractString(m.body, 'previous', 'version') AS previous_version,
    JSONExtractString(m.body, 'run_id') AS run_id,
    r.intent_trigger AS trigger,
    r.intent_reason AS reason,
    r.actor_principal AS started_by,
    r.appended_at AS started_at,
    c.event_type AS cause_type,
    c.intent_reason AS cause_reason,
    c.actor_principal AS caused_by,
    r.causation_id AS causation_id,
    m.appended_at AS registered_at,
    m.occurred_at AS occurred_at,
    m.event_id AS event_id,
    m.origin AS origin,
    m.position AS position
FROM
(
    SELECT * FROM committed_evidence
    WHERE event_type = 'model.registered' AND bitAnd(flags, 2) = 0
    ORDER BY appended_at, origin, position
    LIMIT 1 BY tenant, event_id
) AS m
LEFT JOIN
(
    SELECT
        tenant,
        JSONExtractString(body, 'run_id') AS run_id,
        intent_trigger,
        intent_reason,
        actor_principal,
        appended_at,
        lower(toString(causation_id)) AS causation_id
    FROM committed_evidence
    WHERE event_type = 'run.started' AND bitAnd(flags, 2) = 0
    ORDER BY appended_at, origin, position
    LIMIT 1 BY tenant, run_id
) AS r ON r.tenant = m.tenant AND r.run_id = JSONExtractString(m.body, 'run_id')
LEFT JOIN
(
    SELECT tenant, toString(event_id) AS id, event_type, intent_reason, actor_principal
    FROM committed_evidence
    WHERE event_type NOT IN ('prediction.made', 'outcome.observed') AND bitAnd(flags, 2) = 0
    ORDER BY appended_at, origin, position
    LIMIT 1 BY tenant, event_id
) AS c ON c.tenant = m.tenant AND c.id = r.causation_id
COMMENT 'Every version of a model and why it was trained: what set its run off, and the event that caused it.';

CREATE OR REPLACE VIEW release_diff AS
WITH RECURSIVE reached AS
(
    SELECT artifact_version AS release, node_id, toUInt16(0) AS depth
    FROM lineage_nodes
    WHERE tenant = {tenant:String} AND artifact_kind = 'model' AND artifact_name = {name:String}
        AND artifact_version IN ({before:String}, {after:String})
    UNION ALL
    SELECT DISTINCT r.release, e.source_id AS node_id, toUInt16(r.depth + 1) AS depth
    FROM lineage_edges AS e
    INNER JOIN reached AS r ON e.target_id = r.node_id
    WHERE e.tenant = {tenant:String} AND e.relation != 'replaced_by' AND r.depth < 900
)
SELECT
    if(any(r.release) = {before:String}, 'only before', 'only after') AS change,
    any(n.artifact_kind) AS kind,
    any(n.artifact_name) AS name,
    any(n.artifact_version) AS node_version,
    any(lower(hex(n.artifact_digest))) AS sha256,
    r.node_id AS node_id
FROM reached AS r
INNER JOIN lineage_nodes AS n ON n.node_id = r.node_id AND n.tenant = {tenant:String}
WHERE r.depth > 0
GROUP BY r.node_id
HAVING uniqExact(r.release) = 1 AND {before:String} != {after:String}
COMMENT 'What went into one version of a model and not into another. Parameters: tenant, name, before, after.';
