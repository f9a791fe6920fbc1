"""The demo as a new user runs it, without a terminal."""

import re
import subprocess
import sys

import pytest


@pytest.mark.timeout(600)
def test_the_demo_stops_the_line_verifies_and_names_the_altered_row(tmp_path) -> None:
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
    assert re.search(r"^self.new_category +1,510 +1,5\d\d, after \d+ rows", told, re.MULTILINE)
    assert re.search(r"^dir.location +1,655 +1,674, after 20 rows", told, re.MULTILINE)
    assert "0 monitors signalled in the 1,510 applications before all that" in told
    assert re.search(r"^credit decisions +high +dir +stop_the_line", told, re.MULTILINE)
    assert re.search(r"^pre-screening +limited +dir +caution", told, re.MULTILINE)
    assert re.search(r"the guard said serve, and says fallback \d+\.\d\d s after", told)
    assert "[STOP THE LINE] dir lies" in told
    assert re.search(r"received \d+\.\d\d s after that application", told)
    assert "the guard says serve again" in told
    assert re.search(r"external.audit@harbor.example +auditor +restricted +not used yet", told)
    assert "VERIFIED  " in told
    assert re.search(r"DEFECTS  .* 1 defect$", told, re.MULTILINE)
    named = re.search(r"altered raw  (\S+) position (\d+)  evidence.value", told)
    assert named is not None
    assert f"verify names the row: {named[1]} position {named[2]}" in told
    assert "the row was put back, and everything verifies again" in told
