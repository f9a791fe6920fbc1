"""Writes what is derived from the schemas: ``models.py``, ``writers.py`` and ``docs/events.md``.

Run ``python -m auditspine.schemas.generate`` in a checkout after editing an ``.avsc`` file;
with ``--check`` it writes nothing and exits 1 when a file is out of date.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from auditspine.schemas.render_docs import render_docs
from auditspine.schemas.render_models import render_models
from auditspine.schemas.render_writers import render_writers

_PACKAGE = Path(__file__).parent
_ROOT = _PACKAGE.parents[2]


def outputs() -> dict[Path, str]:
    """Give the text of every derived file by its path."""
    return {
        _PACKAGE / "models.py": render_models(),
        _PACKAGE / "writers.py": render_writers(),
        _ROOT / "docs" / "events.md": render_docs(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the derived files.

    Returns:
        0 when they are up to date, 1 when ``--check`` found one that is not.
    """
    parser = argparse.ArgumentParser(prog="python -m auditspine.schemas.generate")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when outdated")
    check = parser.parse_args(arguments).check
    stale = [path for path, text in outputs().items() if _read(path) != text]
    for path in stale:
        name = path.relative_to(_ROOT)
        if check:
            sys.stderr.write(f"{name} is out of date: run python -m auditspine.schemas.generate\n")
        else:
            path.write_text(outputs()[path], "utf-8")
            sys.stdout.write(f"wrote {name}\n")
    return 1 if check and stale else 0


def _read(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
