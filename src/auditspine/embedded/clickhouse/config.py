"""The engine's configuration: roles, what the limited role cannot see, and memory bounds.

chDB runs everything as the user ``default`` and refuses ``CREATE ROLE`` while it runs, so the roles
are written here before it starts, and each connection is narrowed to one.
"""

from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import escape

OWNER_ROLE = "auditspine_owner"
READER_ROLE = "auditspine_reader"
READER_TAG = "auditspine_reader"
"""Value of ``query_cache_tag`` on a limited connection, by which row policies know it."""

HIDDEN_SYSTEM_TABLES = (
    "asynchronous_inserts",
    "asynchronous_metrics",
    "azure_queue_metadata",
    "azure_queue_metadata_cache",
    "background_schedule_pool",
    "background_schedule_pool_log",
    "backups",
    "certificates",
    "clusters",
    "database_replicas",
    "detached_parts",
    "detached_tables",
    "dimensional_metrics",
    "disks",
    "distribution_queue",
    "dns_cache",
    "dropped_tables",
    "dropped_tables_parts",
    "errors",
    "events",
    "fail_points",
    "filesystem_cache",
    "filesystem_cache_settings",
    "handlers",
    "histogram_metrics",
    "hypothetical_indexes",
    "hypothetical_projections",
    "iceberg_files",
    "iceberg_history",
    "kafka_consumers",
    "macros",
    "merges",
    "metrics",
    "moves",
    "mutations",
    "named_collections",
    "part_moves_between_shards",
    "parts",
    "parts_columns",
    "processes",
    "projection_parts",
    "projection_parts_columns",
    "query_cache",
    "query_condition_cache",
    "remote_data_paths",
    "replicas",
    "replicated_fetches",
    "replication_queue",
    "resources",
    "rocksdb",
    "s3_queue_metadata",
    "s3queue_metadata_cache",
    "scheduler",
    "schema_inference_cache",
    "server_settings",
    "session_query_ids",
    "stack_trace",
    "storage_policies",
    "transactions",
    "user_directories",
    "user_processes",
    "user_query_log",
    "view_refreshes",
    "warnings",
    "workloads",
    "zookeeper",
)
"""System tables that show the process, its disks or other callers: without rows for the reader.

``select_from_system_db_requires_grant`` has no effect in chDB 26.9. A test holds that every system
table is either listed here or known to be harmless, so an upgrade of the engine cannot add one
unseen.
"""

_MIB = 1_048_576

_PROFILE = """\
      <async_insert>0</async_insert>
      <implicit_select>0</implicit_select>
      <max_insert_threads>1</max_insert_threads>
      <output_format_parallel_formatting>0</output_format_parallel_formatting>"""


def write_config(folder: Path, reader_tables: Iterable[str], max_memory_bytes: int) -> Path:
    """Write the engine's two configuration files.

    Args:
        folder: Where they go.
        reader_tables: What the limited role may select from, as ``database.name``.
        max_memory_bytes: Bound on what the engine allocates.

    Returns:
        Path of the main file.
    """
    users = folder / "users.xml"
    users.write_text(_users_xml(reader_tables), "utf-8")
    main = folder / "config.xml"
    main.write_text(_main_xml(users.resolve(), max_memory_bytes), "utf-8")
    return main.resolve()


def _main_xml(users: Path, max_memory_bytes: int) -> str:
    cache_bytes = min(64 * _MIB, max_memory_bytes // 16)
    return f"""<clickhouse>
  <users_config>{escape(str(users))}</users_config>
  <access_control_improvements>
    <users_without_row_policies_can_read_rows>1</users_without_row_policies_can_read_rows>
    <settings_constraints_replace_previous>1</settings_constraints_replace_previous>
  </access_control_improvements>
  <max_server_memory_usage>{max_memory_bytes}</max_server_memory_usage>
  <mark_cache_size>{cache_bytes}</mark_cache_size>
  <index_mark_cache_size>{cache_bytes}</index_mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <merge_tree>
    <fsync_after_insert>1</fsync_after_insert>
    <fsync_part_directory>1</fsync_part_directory>
  </merge_tree>
</clickhouse>
"""


def _users_xml(reader_tables: Iterable[str]) -> str:
    grants = "".join(f"<query>GRANT SELECT ON {table}</query>" for table in reader_tables)
    hidden = "".join(
        f"<{table}><filter>getSetting('query_cache_tag') != '{READER_TAG}'</filter></{table}>"
        for table in HIDDEN_SYSTEM_TABLES
    )
    return f"""<clickhouse>
  <profiles>
    <default>
{_PROFILE}
    </default>
  </profiles>
  <roles>
    <{OWNER_ROLE}><grants><query>GRANT ALL ON *.*</query></grants></{OWNER_ROLE}>
    <{READER_ROLE}><grants>{grants}</grants></{READER_ROLE}>
  </roles>
  <users>
    <default>
      <password></password>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants><query>GRANT {OWNER_ROLE}, {READER_ROLE}</query></grants>
      <databases><system>{hidden}</system></databases>
    </default>
  </users>
  <quotas><default></default></quotas>
</clickhouse>
"""
