"""The demo as a new user runs it, without a terminal."""

import re
import subprocess
import sys

import pytest


@pytest.mark.timeout(600)
def test_the_demo_verifies_and_names_the_altered_row(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "auditspine.cli", "demo"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=560,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout
    assert "6 in quarantine" in told
    assert re.search(r"taken from dataset hmda-boston 1996  [0-9a-f]{12}", told)
    assert re.search(r"^kind +access_without_grant", told, re.MULTILINE)
    assert re.search(r"^subject +piet.vos@harbor.example", told, re.MULTILINE)
    assert re.search(r"external.audit@harbor.example +auditor +restricted +not used yet", told)
    assert "VERIFIED  " in told
    assert re.search(r"DEFECTS  .* 1 defect$", told, re.MULTILINE)
    named = re.search(r"altered raw  (\S+) position (\d+)  evidence.value", told)
    assert named is not None
    assert f"verify names the row: {named[1]} position {named[2]}" in told
    assert "the row was put back, and everything verifies again" in told
