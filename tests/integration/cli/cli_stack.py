"""An embedded stack in a process of its own, and the commands on it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from clickhouse_connect.driver.exceptions import ClickHouseError
from tests.integration.cli.forked import run_command
from tests.waiting import await_true

from auditspine.cli.connections import clickhouse_client
from auditspine.cli.errors import EXPECTED
from auditspine.cli.settings import load_settings
from auditspine.embedded.datadir import DataDir
from auditspine.embedded.stack import find_running
from auditspine.schemas.examples import example

READY_S = 180
UNANSWERED = (*EXPECTED, ClickHouseError)
COMMAND = [sys.executable, "-m", "auditspine.cli"]


class Stack:
    def __init__(self, root: Path, **always: str) -> None:
        self.root = root
        self.always = always  # variables of every command
        self.data = root / "data"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> "Stack":
        with (self.root / "up.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "up", "--data-dir", str(self.data)],
                stdout=log,
                stderr=log,
                cwd=self.root,
                env={**os.environ, **self.always, **environment},
            )
        try:
            await_true(lambda: self.ended() or self.is_ready(), "ready", READY_S)
            await_true(lambda: self.ended() or self.is_sealing(), "all parts run", READY_S)
            assert not self.ended(), (self.root / "up.log").read_text()
        except BaseException:
            self.process.terminate()
            self.process.wait(60)
            raise
        return self

    def ended(self) -> bool:
        return self.process.poll() is not None

    def is_ready(self) -> bool:
        """Say whether every part has been ready; asking takes nothing from their start."""
        running = find_running(DataDir(self.data))
        return running is not None and running.ready

    def is_sealing(self) -> bool:
        """Say whether all parts run, and what began the control log is sealed."""
        code, out, _ = self.run("status", "--json")
        streams = json.loads(out)["streams"] if code == 0 else []
        return any(each["stream"] == "control" and each["sealed"] > 0 for each in streams)

    def run(self, *arguments: str, stdin: str = "", data_dir: bool = True, **environment: str):
        """Run a command; give its exit code, stdout and stderr."""
        where = ["--data-dir", str(self.data)] if data_dir else []
        environment = {**os.environ, **self.always, **environment}
        code, out, err = run_command((*arguments, *where), stdin, self.root, environment)
        assert "Traceback" not in err, err
        return code, out, err

    def open(self, *arguments: str) -> subprocess.Popen:
        """Start a command that reads its input as it comes."""
        return subprocess.Popen(
            [*COMMAND, *arguments, "--data-dir", str(self.data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.root,
            # As from a terminal: a shell that runs tests in the background ignores SIGINT.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )

    def described(self) -> dict:
        return json.loads((self.data / "run" / "up.json").read_text())

    def endpoint(self, part: str) -> str:
        return self.described()["endpoints"][part]

    def part(self, name: str) -> dict:
        return next(part for part in self.described()["parts"] if part["name"] == name)

    def query(self, sql: str) -> list[tuple]:
        """Give the rows that a reader sees; none while nobody answers."""
        try:
            client = clickhouse_client(load_settings(data_dir=self.data), reader=True)
        except UNANSWERED:
            return []
        try:
            return [tuple(row) for row in client.query(sql).result_rows]
        except UNANSWERED:
            return []
        finally:
            client.close()

    def count(self, prediction: str) -> int:
        """Count predictions in evidence by the beginning of their id; 0 while nobody answers."""
        rows = self.query(
            "SELECT count() FROM committed_evidence "
            f"WHERE startsWith(JSONExtractString(body, 'prediction_id'), '{prediction}')"
        )
        return rows[0][0] if rows else 0

    def left(self) -> list[str]:
        """Name the processes that still use the data directory."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                except OSError:
                    continue
                if str(self.data) in line:
                    found.append(line)
        return found


def event(event_type: str = "prediction.made", producer: str = "scorer", **body) -> str:
    content = json.loads(example(event_type))
    content["envelope"]["workload"]["name"] = producer
    del content["envelope"]["event_id"]
    del content["envelope"]["occurred_at"]  # now: the example's time grows old
    content["body"] |= body
    return json.dumps(content)
