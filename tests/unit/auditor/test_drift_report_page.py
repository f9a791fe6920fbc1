"""The page of a drift report: whole, escaped, small, and nothing from elsewhere."""

import json
import re
import shlex
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
import typer.main
from tests.unit.auditor.drift_report_story import LEAVES, NASTY, TOKENS, bare, material

from auditspine.auditor.drift_report.build import build, with_leaves
from auditspine.auditor.drift_report.page import to_html
from auditspine.cli.main import app

LARGEST = 3 * 1024 * 1024  # bytes of a page with 200 features
VOID = {"meta", "br", "input", "link", "img", "hr"}
BROWSER = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


class Page(HTMLParser):
    """What is on a page: elements with their attributes, and text outside style and script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.said: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def few() -> str:
    labels = {"sex": {TOKENS["sex"][1]: "women"}}
    return to_html(with_leaves(build(material(5), labels), LEAVES))


@pytest.fixture(scope="module")
def many() -> str:
    return to_html(build(material(200)))


def test_elements_close_in_order_and_names_are_unique(few, many) -> None:
    for page in map(Page, (few, many, to_html(build(bare())))):
        assert page.wrong == []
        assert page.open == []
        ids = Counter(each["id"] for _, each in page.elements if "id" in each)
        assert max(ids.values()) == 1


def test_nothing_comes_from_elsewhere(few, many) -> None:
    for page in (few, many):
        assert "default-src 'none'" in page
        assert not re.search(r"https?://|\bsrc=|@import|url\(|<link|<img|<iframe", page)


def test_what_producers_wrote_is_no_markup(few) -> None:
    page = Page(few)
    assert len(page.all("script")) == 1
    assert "<script>alert" not in few
    assert "\u202e" not in few
    assert NASTY.rstrip("\u202e") in page.text
    assert "<b>" not in page.text.replace("as of years <b>", "")
    assert not [key for _, each in page.elements for key in each if key.startswith("on")]


def test_a_template_is_filled_once(few) -> None:
    assert "{{" not in few
    title = "{{alerts}} $1 \\g0"
    given = material()
    changed = to_html(build(replace(given, alerts=[replace(given.alerts[0], title=title)])))
    assert title in changed


def test_an_alert_says_what_was_done_and_what_may_be_behind_it(few) -> None:
    text = Page(few).text
    for said in (
        "income lies 0.63 training standard deviations higher",
        "began between 2026-11-25 01:30 and 2026-11-25 06:30 (95%)",
        "notify, investigate, freeze releases, fallback",
        "by ana.silva@acme.example, 2026-11-25 07:50",
        "data quality : The bureau sent amounts",
        "pipeline break 82.0%",
        "feature.defined feature income 4 feature 3.1 min",
        "eu/cluster/inference/2 117,001 to 117,425",
    ):
        assert said in text, said


def test_what_a_person_said_is_there_before_their_event_has_landed() -> None:
    found = build(material())
    unlanded = tuple(replace(each, disposition="", rationale="") for each in found.alerts)
    text = Page(to_html(replace(found, alerts=unlanded))).text
    assert "disposition data_quality: The bureau sent amounts" in text
    assert "it was over by itself" not in text


def test_each_feature_is_a_line_that_unfolds(many) -> None:
    page = Page(many)
    rows = [each for each in page.all("details") if each.get("class", "").startswith("feature")]
    assert len(rows) == 200
    assert rows[0]["data-name"] == "loan_amount"
    moved = [float(each["data-moved"]) for each in rows]
    assert moved == sorted(moved, reverse=True)
    assert not any("open" in each for each in rows)


def test_with_few_features_they_are_unfolded(few) -> None:
    rows = [
        each for each in Page(few).all("details") if each.get("class", "").startswith("feature")
    ]
    assert len(rows) == 5
    assert all("open" in each for each in rows)


def test_a_group_that_moved_by_itself_is_named_in_the_line_of_its_feature() -> None:
    found = build(material())
    first, *others = found.features
    one = replace(first.groups[0], distance=0.9)
    calm = replace(first.overall, distance=0.1)
    moved = replace(first, overall=calm, groups=(one,))
    page = Page(to_html(replace(found, features=(moved, *others))))
    assert f"loan_amount {one.whose}: 90.0 pts" in page.text


def test_numbers_stand_beside_every_drawing(few) -> None:
    text = Page(few).text
    for said in (
        "reference 41,666 0.0% 24.81 38.39 52 70.44 109",
        "now 2,000 0.0% 30.76 49.96 70 98.08 159.3",
        "52 → 70 +0.85 sd",
        "sex group 2 (women) 1,000",
        "1.0% → 14.0%",
        "home 62.0% 48.0% -14.0 pts",
        "The axis is not linear",
    ):
        assert said in text, said


def test_fairness_has_intervals_ratios_exclusions_and_small_groups(few) -> None:
    text = Page(few).text
    for said in (
        "ethnicity fr Loi Informatique",
        "318",
        "group 1 less group 2 (women)",
        "below four fifths, by its interval not for certain",
        "missing in 920 (15.0%); 1 group of fewer than 100 rows",
        "were all of them right or all wrong, it would be 10.7% and 16.0%",
        "This page contains labels of protected groups",
    ):
        assert said in text, said


def test_drawings_have_a_text_and_tables_a_caption(few, many) -> None:
    for content in (few, many):
        page = Page(content)
        drawings = [each for each in page.all("svg") if "aria-hidden" not in each]
        assert drawings
        assert all(each["role"] == "img" and each["aria-label"] for each in drawings)
        assert len(page.all("table")) == len(page.all("caption"))
        assert all(each.get("scope") in ("col", "row") for each in page.all("th"))


def test_drawings_are_well_formed_and_within_their_frame(few) -> None:
    for drawing in re.findall(r"<svg.*?</svg>", few, re.DOTALL):
        root = ET.fromstring(drawing)
        _, _, width, height = map(float, root.attrib["viewBox"].split())
        for each in root.iter("circle"):
            assert 0 <= float(each.attrib["cx"]) <= width
            assert 0 <= float(each.attrib["cy"]) <= height
        for each in root.iter("rect"):
            assert 0 <= float(each.attrib["x"]) <= width


def test_a_page_of_two_hundred_features_is_a_few_megabytes_at_most(many) -> None:
    assert len(many.encode()) < LARGEST


def test_it_claims_no_verification_and_says_how_to(few) -> None:
    text = Page(few).text
    assert "This page verified nothing itself" in text
    assert "auditspine verify --log eu/cluster/inference/2" in text
    assert "ab" * 32 in text


def test_an_empty_section_says_why() -> None:
    text = Page(to_html(build(bare()))).text
    for said in (
        "no open alert",
        "No alert was raised in the period",
        "No monitor reported in the period",
        "No prediction of this model anywhere has landed",
        "No run.completed says what this model's inputs looked like",
        "Absence of figures is no sign of fairness",
        "No outcome of this model's predictions was compared",
        "No feature of it is known",
        "There is no monitor of rules",
        "No sealed entry was found",
    ):
        assert said in text, said


def test_links_lead_to_what_is_there(few) -> None:
    page = Page(few)
    ids = {each["id"] for _, each in page.elements if "id" in each}
    links = [each["href"] for each in page.all("a")]
    assert links
    assert {each.removeprefix("#") for each in links} <= ids


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_a_browser_shows_it_and_finds_and_sorts_features(many, tmp_path) -> None:
    probe = (
        "<script>{ const rows = () => [...document.querySelectorAll('#rows > details')]; "
        "const find = document.getElementById('find'), sort = document.getElementById('sort'); "
        "find.value = 'INCOME'; find.oninput(); const found = rows().filter((r) => !r.hidden)"
        ".map((r) => r.dataset.name); find.value = ''; find.oninput(); sort.value = 'name'; "
        "sort.onchange(); document.getElementById('fold').onclick(); const wide = "
        "document.documentElement.scrollWidth - innerWidth; document.body.dataset.told = "
        "JSON.stringify({found, first: rows()[0].dataset.name, open: rows().filter((r) => r.open)"
        ".length, wide}); }</script></body>"
    )
    path = tmp_path / "page.html"
    path.write_text(many.replace("</body>", probe), "utf-8")
    done = subprocess.run(
        [
            *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
            *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
            *("--disable-sync", f"--user-data-dir={tmp_path / 'profile'}"),
            *("--window-size=800,900", "--dump-dom", str(path)),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    raw = re.search(r'data-told="([^"]*)"', done.stdout)[1]
    told = json.loads(raw.replace("&quot;", '"'))
    assert set(told["found"]) == {"income", "debt_to_income"}
    assert told["first"].startswith("bureau_attribute_000")
    assert told["open"] == 200
    assert told["wide"] <= 0


def test_the_commands_that_it_names_are_ones_that_the_program_takes(few) -> None:
    command = typer.main.get_command(app)
    [named] = re.findall(r"<pre>(.*?)</pre>", few, re.DOTALL)
    for line in named.splitlines():
        words = shlex.split(line)[1:]
        verify = command.commands[words[0]]
        assert verify.make_context("verify", words[1:]).params["log"]
