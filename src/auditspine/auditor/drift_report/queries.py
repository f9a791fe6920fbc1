"""The queries of a drift report, all with bound parameters."""

from auditspine.auditor.drift_report.statistics import PLACES
from auditspine.schemas.tokens import KEPT_DIGITS, KEYED

_OF_MODEL = """
    tenant = {tenant:String} AND bitAnd(flags, 2) = 0
        AND has(artifacts.digest, unhex({digest:String})::FixedString(32))
"""
_AT_DEPLOYMENT = """
    arrayFirst(each -> each.kind = 'deployment', artifacts).name = {deployment:String}
"""

SERVED = """
    SELECT deployment, model, version, digest, max(at) AS last_at FROM (
        SELECT arrayFirst(each -> each.kind = 'deployment', artifacts).name AS deployment,
            arrayFirst(each -> each.kind = 'model', artifacts).name AS model,
            arrayFirst(each -> each.kind = 'model', artifacts).version AS version,
            lower(hex(arrayFirst(each -> each.kind = 'model', artifacts).digest)) AS digest,
            appended_at AS at
        FROM committed_evidence
        WHERE tenant = {tenant:String}
            AND event_type IN ('prediction.made', 'deployment.changed')
            AND has(artifacts.name, {model:String})
        UNION ALL
        SELECT '', artifact_name, artifact_version, lower(hex(artifact_digest)), first_at
        FROM lineage_nodes
        WHERE tenant = {tenant:String} AND artifact_kind = 'model'
            AND artifact_name = {model:String}
    )
    WHERE model = {model:String} AND ({version:String} = '' OR version = {version:String})
        AND {deployment:String} IN ('', deployment)
    GROUP BY deployment, model, version, digest ORDER BY last_at DESC, digest
"""
"""Where a model without a report of monitors serves or served; nowhere when it only is known."""

NAMES = """
    SELECT DISTINCT name FROM (
        SELECT model AS name FROM drift_levels WHERE tenant = {tenant:String}
        UNION ALL SELECT artifact_name FROM lineage_nodes
            WHERE tenant = {tenant:String} AND artifact_kind = 'model'
    ) ORDER BY name
"""

LEVELS = """
    SELECT max(appended_at) AS at, max(predictions), argMax(run_length, appended_at),
        argMax(profiled, appended_at), monitors,
        arrayMap(each -> toString(each), any(kinds)), maxForEach(levels),
        argMax(expected, appended_at), argMax(found, appended_at), toString(origin) AS log
    FROM drift_levels FINAL
    WHERE tenant = {tenant:String} AND deployment = {deployment:String}
        AND model_digest = unhex({digest:String})
        AND (origin, appended_at) IN (
            SELECT origin, appended_at FROM drift_levels
            WHERE tenant = {tenant:String} AND deployment = {deployment:String}
                AND model_digest = unhex({digest:String})
                AND appended_at >= fromUnixTimestamp64Milli({since:Int64})
            ORDER BY appended_at DESC
            LIMIT 8 BY origin,
                intDiv(toUnixTimestamp64Milli(appended_at) - {since:Int64}, {step:Int64})
        )
    GROUP BY log, monitors,
        intDiv(toUnixTimestamp64Milli(appended_at) - {since:Int64}, {step:Int64})
    ORDER BY at
"""
"""How all monitors stood: of each step of time the most that each reached in its last few reports;
all else is of the last. A report has hundreds of monitors, and there may be thousands a day."""

LAST_LEVELS = """
    SELECT min(appended_at), max(appended_at) FROM drift_levels
    WHERE tenant = {tenant:String} AND deployment = {deployment:String}
        AND model_digest = unhex({digest:String})
        AND appended_at >= fromUnixTimestamp64Milli({since:Int64})
    HAVING count() > 0
"""

_EVENT = """
    SELECT toString(event_type), toString(event_id), appended_at, toString(origin), position,
        actor_principal, body
    FROM committed_evidence
"""
EVENTS = f"""
    SELECT * FROM (
        {_EVENT} WHERE {_OF_MODEL} AND {_AT_DEPLOYMENT}
            AND event_type IN ('drift.signalled', 'bias.assessed', 'investigation.analysed')
            AND appended_at >= fromUnixTimestamp64Milli({{since:Int64}})
        ORDER BY appended_at DESC, position DESC LIMIT {{most:UInt32}} BY event_type
    ) ORDER BY appended_at, position
"""  # noqa: S608 - names of this package
DISPOSITIONS = f"""
    {_EVENT} WHERE tenant = {{tenant:String}} AND bitAnd(flags, 2) = 0
        AND event_type = 'investigation.dispositioned'
        AND appended_at >= fromUnixTimestamp64Milli({{since:Int64}})
        AND has({{alerts:Array(String)}}, JSONExtractString(body, 'alert_id'))
    ORDER BY appended_at, position
"""
RAISED = f"""
    {_EVENT} WHERE {_OF_MODEL} AND event_type = 'alert.raised'
        AND has({{alerts:Array(String)}}, JSONExtractString(body, 'alert_id'))
    ORDER BY appended_at, position
"""
PROFILE = f"""
    {_EVENT} WHERE {_OF_MODEL} AND event_type = 'run.completed'
        AND JSONExtractString(body, 'status') = 'succeeded'
        AND JSONHas(body, 'profile', 'model')
        AND position(body, concat('sha256:', {{digest:String}})) > 0
    ORDER BY appended_at DESC, position DESC LIMIT 1
"""
HISTORY = """
    SELECT alert_id, at, toString(what), who, detail, toString(event_id)
    FROM alert_history FINAL
    WHERE tenant = {tenant:String} AND has({alerts:Array(String)}, alert_id)
    ORDER BY alert_id, version, ordinal
"""

NEWEST = f"""
    SELECT toString(origin) AS log, min(position), max(position), min(appended_at),
        max(appended_at), count()
    FROM (
        SELECT origin, position, appended_at FROM committed_evidence
        WHERE {_OF_MODEL} AND event_type = 'prediction.made' AND {_AT_DEPLOYMENT}
        ORDER BY appended_at DESC, position DESC LIMIT {{rows:UInt32}}
    ) GROUP BY log ORDER BY log
"""  # noqa: S608 - names of this package
_ROWS = f"""
    SELECT JSONExtract(body, 'features',
            'Array(Tuple(name String, number Nullable(Float64), text Nullable(String)))') AS inputs,
        arrayConcat(inputs, [
            ('(score)', JSONExtract(body, 'score', 'Nullable(Float64)'), NULL),
            ('(decision)', NULL, JSONExtract(body, 'decision', 'Nullable(String)'))
        ]) AS named,
        arrayConcat([('', '')], arrayMap(
            each -> (each.1, if(each.2 = '' OR match(each.2, '^(?:{KEYED})$'), each.2,
                substring(lower(hex(SHA256(each.2))), 1, {KEPT_DIGITS}))),
            arrayFilter(each -> has({{attributes:Array(String)}}, each.1),
                JSONExtract(body, 'protected', 'Array(Tuple(attribute String, token String))')
        ))) AS whose
    FROM committed_evidence
    WHERE {_OF_MODEL} AND event_type = 'prediction.made' AND {_AT_DEPLOYMENT}
        AND origin IN {{origins:Array(String)}}
        AND position >= arrayMin({{firsts:Array(UInt64)}})
        AND position <= arrayMax({{lasts:Array(UInt64)}})
        AND arrayExists((log, first, last) -> origin = log AND position BETWEEN first AND last,
            {{origins:Array(String)}}, {{firsts:Array(UInt64)}}, {{lasts:Array(UInt64)}})
"""  # noqa: S608 - names of this package
WHOSE = f"""
    SELECT of.1, of.2, count() FROM ({_ROWS}) ARRAY JOIN whose AS of GROUP BY of
"""  # noqa: S608 - names of this package
NUMBERS = f"""
    SELECT of.1, of.2, input.1 AS name, count(input.2), count(input.3),
        quantilesExactInclusiveIf({", ".join(map(str, PLACES))})(
            assumeNotNull(input.2), isNotNull(input.2))
    FROM (SELECT whose, named, of FROM ({_ROWS}) ARRAY JOIN whose AS of) ARRAY JOIN named AS input
    GROUP BY of, name
"""  # noqa: S608 - names of this package
TEXTS = f"""
    SELECT of.1, of.2, input.1 AS name, assumeNotNull(input.3) AS text, count() AS times
    FROM (SELECT whose, named, of FROM ({_ROWS}) ARRAY JOIN whose AS of) ARRAY JOIN named AS input
    WHERE isNotNull(input.3)
    GROUP BY of, name, text ORDER BY times DESC, text
    LIMIT {{categories:UInt32}} BY of, name
"""  # noqa: S608 - names of this package
"""Values of all rows, of the attribute '', and of each group."""

LEAVES = """
    SELECT toString(origin) AS log, position, lower(hex(leaf)) FROM committed_entries
    WHERE origin IN {origins:Array(String)} AND position IN {positions:Array(UInt64)}
"""
