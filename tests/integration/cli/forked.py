"""Commands in processes of their own that are forked after the program was imported.

A command is a process as a shell would start it, with its own streams, environment, folder and
exit code; only the half second that importing takes is spent once for all of them.
"""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from auditspine.cli.main import main

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["auditspine.cli.main"])


def run_command(
    arguments: tuple[str, ...],
    stdin: str,
    cwd: Path,
    environment: Mapping[str, str],
    timeout_s: float = 120,
) -> tuple[int, str, str]:
    """Run ``auditspine`` with arguments to its end; give its exit code, stdout and stderr."""
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder) / name for name in ("stdin", "stdout", "stderr")]
        streams[0].write_text(stdin)
        command = _CONTEXT.Process(
            target=_command, args=(arguments, streams, cwd, dict(environment)), daemon=False
        )
        command.start()
        try:
            command.join(timeout_s)
            assert command.exitcode is not None, f"not within {timeout_s} s: {arguments}"
        finally:
            command.kill()
            command.join()
        return command.exitcode, streams[1].read_text(), streams[2].read_text()


def _command(
    arguments: tuple[str, ...], streams: list[Path], cwd: Path, environment: dict[str, str]
) -> None:
    """Become the command: what a shell does before it executes a program, and the program."""
    for number, path in enumerate(streams):
        opened = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the whole process
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = ["auditspine", *arguments]
    main()
