"""The demo as a new user runs it, without a terminal."""

import re
import subprocess
import sys
from pathlib import Path

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
    assert re.search(r"^race\.\d\.selection_rate +1,655 +1,6\d\d, after", told, re.MULTILINE)
    assert_what_staff_did_to_a_group_is_found(told, tmp_path)
    assert_the_gate_and_what_went_past_it(told)
    assert "VERIFIED  " in told
    assert re.search(r"DEFECTS  .* 1 defect$", told, re.MULTILINE)
    named = re.search(r"altered raw  (\S+) position (\d+)  evidence.value", told)
    assert named is not None
    assert f"verify names the row: {named[1]} position {named[2]}" in told
    assert "the row was put back, and everything verifies again" in told


def assert_what_staff_did_to_a_group_is_found(told: str, root: Path) -> None:
    began = told.index("At the branches, staff begin to overrule the model")
    told = told[began : told.index("Past the gate:")]
    assert "3,000 predictions; from 2,400 on, 46 applicants of the smaller group" in told
    for monitor in ("race.2.selection_rate", "race.1-2.selection_rate"):
        row = rf"^{re.escape(monitor)} +2,400 +2,5\d\d, after 1\d\d rows"
        assert re.search(row, told, re.MULTILINE), monitor
    assert "The model decides in favour of race group 2 in " in told
    assert "0 monitors signalled in the 2,400 applications before" in told
    alert = re.search(r"(alert-\w+): review, for decisions of risk class high", told)
    assert alert is not None
    assert re.search(r"began +[\d:.]{12} to [\d:.]{12} UTC; application 2,400 came at", told)
    assert re.search(r"groups +.*race group 2$", told, re.MULTILINE)
    assert re.search(r"likeliest +policy_drift, \d\d% by judgement", told)
    assert "decisions moved although neither features nor scores did" in told
    assert f"{alert[1]}: policy_drift by anna.berg@harbor.example; now review, resolved" in told
    page = re.search(r"how sure that is: (\S+\.html)", told)
    assert page is not None
    report = (root / page[1]).read_text("utf-8")
    assert f"<code>{alert[1]}</code>" in report
    assert "branches overruled without a reason" in report


def assert_the_gate_and_what_went_past_it(told: str) -> None:
    asked = told.index("NEEDS REVIEW  mortgage-denial 2 for production")
    signed = [told.index(f"{who} logged in as") for who in ("Maria Keller", "Jonas Weber")]
    allowed = re.search(r"ALLOWED  mortgage-denial 2 for production  (decision-\w+)", told)
    assert allowed is not None
    assert [asked, *signed, allowed.start()] == sorted([asked, *signed, allowed.start()])
    lacking = told[asked : signed[0]]
    assert re.search(r"✗  enough_approvals +Too few people have approved it", lacking)
    assert "17 of 18 rules hold" in lacking
    assert "[CAUTION] mortgage-denial 2 waits for 2 more approvals for production" in lacking
    assert "its serving guard says block: no release decision allows it" in told[:asked]
    assert "18 of 18 rules hold" in told[allowed.start() :]
    decision_id = allowed[1]
    assert f"its serving guard says serve, by {decision_id}" in told
    assert "the release processor finds mortgage-denial-api allowed" in told
    assert f"by {decision_id}: these guards obey release decisions" in told
    rows = re.findall(rf"^(mortgage-\S+) +(\d) +(\w+) +{decision_id}$", told, re.MULTILINE)
    assert [(version, verdict) for _, version, verdict in rows] == [
        *[("2", "allowed")] * 4,
        ("1", "bypassed"),
    ]
    bypassing = rows[-1][0]
    assert re.search(r"after the deployment: release_bypassed, stop_the_line", told)
    assert f"[STOP THE LINE] {bypassing} serves mortgage-denial 1 in production" in told
    assert f"which no decision allows (it names {decision_id})" in told
    assert re.search(r"^  ✓ received \d+\.\d\d s after the deployment", told, re.MULTILINE)
    assert "2 decisions are what their logs give" in told
    assert re.search(r" 100 of 100 +19 present", told)
    assert re.search(r"^Open gaps\n✓ none: every piece is there and holds", told, re.MULTILINE)
