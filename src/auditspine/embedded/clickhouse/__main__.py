"""Run the embedded ClickHouse endpoint; see ``server``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from auditspine.embedded.clickhouse.engine import DEFAULT_MAX_MEMORY_BYTES
from auditspine.embedded.clickhouse.server import serve
from auditspine.embedded.errors import EmbeddedError, InUseError

EXIT_FAILED = 1
EXIT_IN_USE = 75
"""Exit code where another process owns the data directory (EX_TEMPFAIL of sysexits.h)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and serve; give the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m auditspine.embedded.clickhouse",
        description="Serve chDB's engine over ClickHouse's HTTP interface, on loopback.",
    )
    parser.add_argument("--data-dir", type=Path, required=True, help="owned by this process alone")
    parser.add_argument("--port", type=int, required=True, help="loopback port; 0 for any free one")
    parser.add_argument("--accounts", type=Path, required=True, help="JSON file, mode 0600")
    parser.add_argument(
        "--max-memory-bytes",
        type=int,
        default=DEFAULT_MAX_MEMORY_BYTES,
        help="bound on what the engine allocates (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    try:
        serve(options.data_dir, options.port, options.accounts, options.max_memory_bytes)
    except InUseError as exc:
        sys.stderr.write(f"{exc}\n")
        return EXIT_IN_USE
    except (EmbeddedError, OSError) as exc:
        sys.stderr.write(f"{exc}\n")
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
