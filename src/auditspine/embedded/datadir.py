"""The layout of the embedded stack's data directory. Knows names, not contents."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT_NAME = ".auditspine"


@dataclass(frozen=True, slots=True)
class DataDir:
    """Where the embedded stack keeps everything.

    Attributes:
        root: The directory itself.
    """

    root: Path

    @property
    def kafka(self) -> Path:
        """Give the broker's directory."""
        return self.root / "kafka"

    @property
    def clickhouse(self) -> Path:
        """Give the ClickHouse engine's directory."""
        return self.root / "clickhouse"

    @property
    def keys(self) -> Path:
        """Give the directory of private keys, which only its owner may enter."""
        return self.root / "keys"

    @property
    def state(self) -> Path:
        """Give the directory of the processors' stores."""
        return self.root / "state"

    @property
    def logs(self) -> Path:
        """Give the directory of the parts' log files."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Give the directory of what describes the running stack."""
        return self.root / "run"

    @property
    def lock_file(self) -> Path:
        """Give the file that the supervisor holds locked."""
        return self.run / "up.lock"

    @property
    def stack_file(self) -> Path:
        """Give the file that describes the running stack, with its secrets."""
        return self.run / "up.json"

    @property
    def trust_file(self) -> Path:
        """Give the auditors' trust file."""
        return self.root / "trust.json"

    def log_file(self, part: str) -> Path:
        """Give the log file of a part."""
        return self.logs / f"{part}.log"

    def create(self) -> None:
        """Create what is missing; the keys' and the run directory are closed to others."""
        for path in (self.kafka, self.clickhouse, self.state, self.logs):
            path.mkdir(parents=True, exist_ok=True)
        for path in (self.keys, self.run):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.chmod(0o700)


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file atomically and durably; only its owner may read it."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
