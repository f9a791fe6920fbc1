"""What is upstream of models is known by name, and no more of it than has a place."""

from tests.unit.processors.alert_events import Log, ref
from tests.unit.processors.memory_state import Memory

from auditspine.processors.alerts import upstream
from auditspine.processors.alerts.causes import Ref
from auditspine.processors.alerts.upstream import DAY_US, Change, Known, Upstream

NOW = 1_795_600_000_000_000


def change(number: int, at: int = NOW) -> Change:
    artifact = Ref("feature", "dti", str(number), "ab" * 32)
    return Change(f"e-{number:04}", "feature.defined", at, artifact, is_first=False)


def test_the_latest_changes_of_a_name_are_kept_for_a_month() -> None:
    known = Upstream(Memory(), "acme")
    name = ("feature", "dti")
    for number in range(40):
        known.take(name, change(number, NOW + number))
    assert [each.event_id for each in known.known(name).changes] == [
        f"e-{number:04}" for number in range(24, 40)
    ]
    known.take(name, change(99, NOW + 31 * DAY_US))
    assert [each.event_id for each in known.known(name).changes] == ["e-0099"]


def test_a_repeat_changes_nothing() -> None:
    state = Memory()
    known = Upstream(state, "acme")
    known.take(("feature", "dti"), change(1), [("dataset", "a")])
    before = dict(state.values)
    known.take(("feature", "dti"), change(1), [("dataset", "a")])
    assert state.values == before


def test_only_the_first_of_a_name_is_the_first() -> None:
    known = Upstream(Memory(), "acme")
    known.take(("feature", "dti"), change(1))
    known.take(("feature", "dti"), change(2))  # at the same time
    known.take(("feature", "dti"), change(3, NOW + 1))
    assert [e.is_first for e in known.known(("feature", "dti")).changes] == [True, True, False]


def test_names_that_were_told_of_longest_ago_are_forgotten(monkeypatch) -> None:
    monkeypatch.setattr(upstream, "_MOST_NAMES", 4)
    state = Memory()
    known = Upstream(state, "acme")
    known.take(("feature", "kept"), change(0))
    for number in range(1, 20):
        known.take(("feature", f"f{number}"), change(number))
        known.take(("feature", "kept"), change(100 + number))
    names = [("feature", "kept"), *(("feature", f"f{number}") for number in range(1, 20))]
    assert [name for _, name in names if known.known(("feature", name)).changes] == [
        "kept",
        "f18",
        "f19",
    ]
    assert sum(1 for key, value in state.values.items() if key[:1] == b"v" and value) == 3


def test_circles_of_what_comes_from_what_end() -> None:
    known = Upstream(Memory(), "acme")
    known.take(("dataset", "a"), None, [("dataset", "b")])
    known.take(("dataset", "b"), None, [("dataset", "a"), ("dataset", "b")])
    assert list(known.sources([("dataset", "a")])) == [("dataset", "a"), ("dataset", "b")]


def test_a_name_is_read_as_it_was_written() -> None:
    known = Known(3, (("dataset", "a"),), (change(1),))
    assert Known.decode(known.encode()) == known


def test_another_tenants_changes_are_not_upstream() -> None:
    log = Log()
    log.take("feature.defined", {"feature": ref("feature", "dti"), "inputs": []}, tenant="globex")
    assert not Upstream(log.state, "acme").is_told
    assert Upstream(log.state, "globex").is_told
