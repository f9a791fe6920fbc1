"""What the drift processor makes of odd groups of people: names, tokens, profiles, cuts."""

import itertools
import json
import re
import sqlite3
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from auditspine.processors.drift import fair, naming
from auditspine.processors.drift.policy import shipped_policy
from auditspine.processors.drift.policy_parts import Excluded, Fairness, MonitorSettings
from auditspine.processors.drift.port import FoundProfile
from auditspine.processors.drift.protected import Groups, attribute_name
from auditspine.schemas.catalogue import event_types

from .alert_events import published
from .drift_events import numeric, prediction
from .drift_people import TOKENS, Applicants, profiled
from .drift_world import World

EVENT_ID = "01900000-0000-7000-8000-0000000000ff"
PEOPLE = ("proxy", "fairness", "group", "protected")
SETTINGS = MonitorSettings(warm_up_rows=200)
_folders = itertools.count()


@pytest.fixture
def world(tmp_path: Path):
    return lambda *args, **more: World(tmp_path / str(next(_folders)), *args, **more)


def policy(**more):
    more = {"monitors": SETTINGS, "fairness": Fairness(least_group_rows=30), **more}
    return shipped_policy().model_copy(update=more)


def known(profile: dict | None = None) -> FoundProfile:
    return FoundProfile(EVENT_ID, profile or profiled())


def people_of(made: World) -> dict:
    kept = next(value for key, value in made.state.items() if key.startswith(b"g"))
    return json.loads(kept)["groups"]


def everything(made: World) -> str:
    """All that a world keeps or says, as text."""
    said = [str(dict(made.state)), str([each.body for each in made.derived]), str(made.levels)]
    for path in made.folder.glob("*.sqlite3"):
        with sqlite3.connect(path) as file:
            said += ["\n".join(file.iterdump())]
    return "\n".join(said)


def check(made: World) -> None:
    """Every derived body is plain Python, and fits its contract."""
    for each in made.derived:
        kind = event_types()[each.event_type]
        body = kind.model.model_fields["body"].annotation.model_validate(each.body)
        assert body
        _plain(each.body)
        assert published(each)
    _plain(made.levels)


def _plain(value: object) -> None:
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple)):
        for each in value:
            _plain(each)
    else:
        assert not isinstance(value, np.generic), value


def same(one: World, other: World) -> None:
    assert [(e.cause.position, e.ordinal, e.body) for e in one.derived] == [
        (e.cause.position, e.ordinal, e.body) for e in other.derived
    ]
    assert one.levels == other.levels
    assert dict(one.state) == dict(other.state)


class Late:
    """Profiles of which the first is known from a position on."""

    def __init__(self, found: FoundProfile, at: int) -> None:
        self._found, self._at = found, at

    def find(self, tenant: str, digest: bytes, at: int) -> FoundProfile | None:
        return self._found if at >= self._at else None


class Crowd:
    """Draws predictions on people of up to three attributes, some of which come late."""

    def __init__(self, seed: int, kinds: dict) -> None:
        self.random, self.kinds = np.random.default_rng(seed), kinds

    def draw(self, rows: int) -> list:
        return [self._one(row) for row in range(rows)]

    def _one(self, row: int):
        random, kinds = self.random, self.kinds
        protected = {}
        for name, (start, groups, missing, named) in kinds["attributes"].items():
            token = None
            if random.random() >= missing:
                weights = 0.5 ** np.arange(groups)
                token = f"{name}{random.choice(groups, p=weights / weights.sum())}"
            if row >= start and (token is not None or named):
                protected[name] = token
        features = {"income": float(random.normal(50, 10))}
        if row >= kinds["feature"]:
            features["later"] = float(random.normal()) if random.random() < 0.9 else None
            features["word"] = str(random.choice(["a", "b", "c"]))
        moved = row >= kinds["moved"]
        return prediction(
            row,
            features,
            score=float(random.beta(2, 5 if moved and "x" in str(protected) else 3)),
            decision="approve" if random.random() < (0.3 if moved else 0.6) else "decline",
            protected=protected,
        )


ATTRIBUTES = st.dictionaries(
    st.sampled_from(["sex", "age", "zone"]),
    st.tuples(st.integers(0, 900), st.integers(1, 5), st.sampled_from([0, 0.2, 1]), st.booleans()),
    min_size=1,
)


STORIES = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 1000),
        "attributes": ATTRIBUTES,
        "feature": st.integers(0, 1200),
        "late": st.sampled_from([None, 0, 300, 900]),
        "excluded": st.sampled_from(["none", "zone", "age"]),
        "moved": st.just(1000),
    }
)


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    story=STORIES,
    cuts=st.lists(st.integers(1, 400), min_size=1, max_size=12),
    restarts=st.lists(st.booleans(), min_size=1, max_size=7),
)
def test_no_cut_and_no_restart_changes_a_bit(world, story, cuts, restarts) -> None:
    late, excluded = story["late"], story["excluded"]
    rule = Excluded(jurisdiction="fr", reason="article 6", attributes=(excluded,))
    own = policy(
        exclusions=(rule,), fairness=Fairness(least_group_rows=30, assess_minutes=10, most_groups=4)
    )
    stream = Crowd(story["seed"], story).draw(1500)
    made = []
    for sizes, again in (([500], [False]), (cuts, restarts)):
        each = world(None, own)
        if late is not None:
            each.profiles = Late(known(), stream[late].appended_at)
        each.restart()
        at = 0
        for size, restart in zip(itertools.cycle(sizes), itertools.cycle(again), strict=False):
            each.take(stream[at : at + size], 500)
            at += size
            if restart:
                each.restart()
            if at >= len(stream):
                break
        made.append(each)
    same(*made)
    check(made[0])


def rows_with(given, rows: int = 600, **more) -> list:
    """Predictions whose protected attributes are given, as pairs, by row and random."""
    random, found = np.random.default_rng(0), []
    for row in range(rows):
        event = prediction(
            row,
            {"income": float(random.normal(50, 10)), "region": str(random.choice(["north"]))},
            score=float(random.beta(2, 5)),
            decision=str(random.choice(["approve", "decline"])),
            **more,
        )
        pairs = given(row, random)
        event.body["protected"] = [{"attribute": a, "token": t} for a, t in pairs]
        found.append(event)
    return found


NAMES = [
    "x" * 256,
    "x" * 255 + "y",
    "a.b.1-2",
    "1.2",
    "income~sex",
    "sex & age",
    "sex and age",
    "пол",
    "\ud800odd",
    "\ud801odd",
    "",
    "new\nline",
    "(score)",
    "income",
    "sex.1-2",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_any_name_and_any_token_is_watched_and_said_so_that_it_can_be_read(world, name) -> None:
    tokens = ["t" * 300, "t" * 299 + "u", name or "-"]
    stream = rows_with(lambda _row, random: [(name, tokens[random.integers(3)]), (name, "twice")])
    made = world(None, policy(fairness=Fairness(least_group_rows=30, assess_minutes=5)))
    made.take(stream)
    check(made)
    (attribute,) = people_of(made)["numbers"]
    assert len(attribute) <= 60
    assert len(people_of(made)["numbers"][attribute]) == 3
    watch = next(made.fold.watches())
    monitors = watch.fair.watched
    assert any(each.kind == "fairness" for each in monitors)
    for each in monitors:
        named = naming.read(each.name)
        if each.kind in ("proxy", "fairness") or named is not None:
            assert named.attribute == attribute
            assert set(named.groups) <= {1, 2, 3}
    assert len({(each.kind, each.feature, each.name) for each in watch.monitors}) == len(
        watch.monitors
    )


def test_names_that_had_to_be_changed_stay_apart() -> None:
    assert len({attribute_name(each) for each in NAMES}) == len(NAMES)


def test_a_feature_called_as_an_attribute_does_not_speak_for_it(world) -> None:
    def draw(rows: int, start: int, missing: float) -> list:
        random, found = np.random.default_rng(start), []
        for row in range(start, start + rows):
            has, told = random.random(2) >= missing
            features = {"sex": "f" if has else None, "income": float(random.normal())}
            protected = {"sex": "aa" if told else None}
            found.append(prediction(row, features, protected=protected))
        return found

    made = world(None, policy()).take(draw(1000, 0, 0.05) + draw(400, 1000, 0.6))
    kinds = {body["kind"] for _, body in made.signals() if body["monitor"] == "sex.missing"}
    assert kinds == {"missing", "protected"}


def test_a_token_of_its_own_for_each_row_is_bounded_and_told_once(world) -> None:
    stream = rows_with(lambda row, _: [("sex", "aa"), ("id", f"salted{row}")], 5000)
    made = world(None, policy()).take(stream, 500)
    check(made)
    names = [body["monitor"] for _, body in made.signals("group")]
    assert names.count("id.too_many") == 1
    assert all(len(own) <= 32 for own in people_of(made)["numbers"].values())
    assert "salted77" not in everything(made)
    assert sum(map(len, made.state.values())) < 1_000_000


def test_a_hundred_attributes_are_bounded_and_told_once(world) -> None:
    stream = rows_with(lambda _, random: [(f"a{n}", f"t{random.integers(9)}") for n in range(100)])
    made = world(None, policy()).take(stream)
    check(made)
    numbers = people_of(made)["numbers"]
    assert sum(naming.BOTH not in name for name in numbers) == 8
    names = [body["monitor"] for _, body in made.signals("group")]
    assert names.count("(attributes).too_many") == 1


def test_events_of_before_there_were_attributes_are_read_among_others(world) -> None:
    stream = rows_with(lambda _, random: [("sex", f"t{random.integers(2)}")], 800)
    for event in stream[::2]:
        del event.body["protected"]
    made = world(None, policy()).take(stream)
    check(made)
    assert "sex.missing" in [each.name for each in next(made.fold.watches()).monitors]


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf, 1e308, 0.0])
@pytest.mark.parametrize("decision", ["approve", "decline"])
def test_odd_scores_and_decisions_that_never_differ_are_no_trouble(world, score, decision) -> None:
    stream = rows_with(lambda _, random: [("sex", f"t{random.integers(2)}")], 900)
    for event in stream:
        event.body["decision"] = decision
    for event in stream[450:]:
        event.body["score"] = float(score)
    made = world(None, policy(fairness=Fairness(least_group_rows=30, assess_minutes=5)))
    check(made.take(stream))
    assert any(each.event_type == "bias.assessed" for each in made.derived)


@pytest.mark.parametrize("given", [[("sex", None)], [("sex", "aa" * 16)], [("sex", "")]], ids=str)
def test_an_attribute_of_one_group_or_of_none_is_no_trouble(world, given) -> None:
    made = world(None, policy()).take(rows_with(lambda *_: given, 1500))
    check(made)
    assert [body["monitor"] for _, body in made.signals() if body["kind"] in PEOPLE] == []


def broken(**more) -> dict:
    profile = profiled()
    profile["groups"][0] |= more
    return profile


SHARES = [{"category": "north", "share": 0.9}, {"category": "south", "share": 0.9}]
PROFILES = {
    "no rows": broken(rows=0),
    "no token": broken(token=""),
    "two attributes": broken(attribute="age & sex"),
    "shares of too much": broken(
        categorical=[{"name": "region", "shares": SHARES, "missing": 0.0}]
    ),
    "a share that is none": broken(
        categorical=[{"name": "region", "shares": [{**SHARES[0], "share": 7.0}], "missing": 0.0}]
    ),
    "missing that is no share": broken(
        categorical=[{"name": "region", "shares": [], "missing": float("nan")}]
    ),
    "quantiles that fall": broken(
        numeric=[
            {"name": "income", "probabilities": [0.1, 0.5], "quantiles": [3.0, 1.0], "missing": 0.0}
        ]
    ),
    "quantiles that are none": broken(
        score={"name": "s", "probabilities": [0.1], "quantiles": [float("inf")], "missing": 0.0}
    ),
    "no quantiles": broken(
        score={"name": "s", "probabilities": [], "quantiles": [], "missing": 0.0}
    ),
    "too many groups": {
        **profiled(),
        "groups": [{**profiled()["groups"][0], "token": f"t{n}"} for n in range(9)],
    },
    "too many attributes": {
        **profiled(),
        "groups": [{**profiled()["groups"][0], "attribute": f"a{n}"} for n in range(9)],
    },
}


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_odd_groups_are_a_problem_of_the_profile_and_change_nothing_else(world, profile) -> None:
    made = world(known(profile), policy()).take(Applicants(1).draw(400))
    check(made)
    (said,) = (body for _, body in made.signals("profile"))
    assert said["detail"].startswith("profile.groups")
    unprofiled = world(None, policy()).take(Applicants(1).draw(400))
    assert people_of(made)["numbers"] == people_of(unprofiled)["numbers"]


GOOD = {
    "unknown features": broken(numeric=[numeric("other", np.arange(9.0))]),
    "no score and no decision": broken(score=None, decision=None),
    "no figures": broken(score=None, decision=None, numeric=[], categorical=[]),
    "one row": broken(rows=1),
    "a constant": broken(numeric=[numeric("income", np.ones(9))]),
    "no groups": profiled(groups=False),
    "empty groups": {**profiled(), "groups": []},
    "a long name": broken(attribute="x" * 256),
}


@pytest.mark.parametrize("profile", GOOD.values(), ids=GOOD)
def test_groups_of_which_little_is_known_are_used_as_far_as_that_goes(world, profile) -> None:
    made = world(known(profile), policy()).take(Applicants(1).draw(800))
    check(made)
    assert made.signals("profile") == []
    assert any(each.kind == "fairness" for each in next(made.fold.watches()).fair.watched)


def excluding(*attributes: str):
    rule = Excluded(jurisdiction="fr", reason="article 6", attributes=attributes)
    return policy(exclusions=(rule,), fairness=Fairness(least_group_rows=30, assess_minutes=5))


SECRET = "5ec2e7" * 6


def secretive(rows: int, name: str = "ethnicity", start: int = 0) -> list:
    people = Applicants(3)
    people.position = start
    extra = {
        "protected": lambda _group, random: {
            name: f"{SECRET}{random.integers(2)}",
            f"sex & {name}": f"aa & {SECRET}",
        }
    }
    return people.draw(rows, **extra)


@pytest.mark.parametrize("name", ["ethnicity", "e" * 256, "a~b", "odd\x07name"])
def test_nothing_of_what_is_excluded_is_kept_or_said(world, name) -> None:
    profile = profiled()
    group = profile["groups"][0]
    profile["groups"] += [
        {**group, "attribute": name, "token": SECRET},
        {**group, "attribute": f"{name} & sex", "token": f"{SECRET} & aa"},
    ]
    made = world(known(profile), excluding(name)).take(secretive(1000, name))
    check(made)
    assert SECRET not in everything(made)
    assert made.signals("profile") == []
    assert list(people_of(made)["numbers"]) == ["sex"]
    said = next(each.body for each in made.derived if each.event_type == "bias.assessed")
    (evidence,) = said["exclusions"]
    assert evidence["predictions"] == said["predictions"]


def test_endless_names_of_what_is_excluded_are_counted_together(world) -> None:
    stream = rows_with(lambda row, _: [(f"ethnic{row}", "t"), (f"ethnic{row}x", "t")], 900)
    made = world(None, excluding("ethnic*")).take(stream)
    check(made)
    assert len(made.signals("protected")) < 50
    places = [(each.cause.position, each.ordinal) for each in made.derived]
    assert len(set(places)) == len(places)
    counted = [each.body for each in made.derived if each.event_type == "bias.assessed"][-1]
    assert sum(each["predictions"] for each in counted["exclusions"]) == counted["predictions"]


@pytest.mark.parametrize("size", [1, 37, 300])
def test_what_is_excluded_later_is_forgotten_at_the_next_report(world, size) -> None:
    made = world(None, policy()).take(secretive(1000), 500)
    assert SECRET in str(dict(made.state))
    before = len(made.derived)
    made.policy = excluding("ethnicity")
    made.restart()
    stream = secretive(900, start=1000)
    made.take(stream[:400], size)
    assert SECRET not in str(dict(made.state))
    made.restart()
    made.take(stream[400:], size)
    assert SECRET not in str(dict(made.state))
    watch = next(made.fold.watches())
    of_groups = [each for each in watch.fair.watched if "ethnicity" in each.name]
    assert of_groups == []
    assert any(each.name == "sex.1-2.selection_rate" for each in watch.fair.watched)
    said = [each for each in made.derived[before:] if each.cause.position >= 1000]
    check(made)
    for each in said:
        if each.event_type == "bias.assessed" and each.body["evidence"]["first"] >= 1000:
            assert "ethnicity" not in str((each.body["attributes"], each.body["groups"]))
        if each.event_type == "drift.signalled" and "ethnicity" in each.body["monitor"]:
            assert each.body["monitor"].endswith("ethnicity.excluded")


def test_that_forgetting_does_not_depend_on_cuts(world) -> None:
    made = []
    for size, again in ((500, False), (61, True)):
        each = world(None, policy()).take(secretive(900), 500)
        each.policy = excluding("ethnicity")
        each.restart()
        stream = secretive(900, start=900)
        each.take(stream[:500], size)
        if again:
            each.restart()
        made.append(each.take(stream[500:], size))
    same(*made)


def test_an_excluded_attribute_is_not_taken_as_missing_where_others_may_be_read(world) -> None:
    rule = Excluded(
        jurisdiction="fr", reason="article 6", attributes=("sex",), domains=("insurance",)
    )
    stream = Applicants(5).draw(1500)
    for event in stream[100::2]:
        event.envelope["domain"] = "insurance"
    groups = Groups()
    found = groups.read(stream, policy(exclusions=(rule,)))
    assert np.isnan(found.codes[100::2]).all()
    assert not any(found.without[100::2])
    assert np.isfinite(found.codes[101::2]).all()


def test_of_more_monitors_than_there_is_room_for_gaps_are_watched_and_it_is_told(
    world, monkeypatch
) -> None:
    monkeypatch.setattr(fair, "_MOST_PROXIES", 3)
    stream = rows_with(
        lambda _, random: [(name, f"{random.integers(4):032x}") for name in ("age", "sex")], 1500
    )
    made = world(None, policy(fairness=Fairness(least_group_rows=100))).take(stream)
    check(made)
    watched = next(made.fold.watches()).fair.watched
    kinds = Counter(each.kind for each in watched)
    assert kinds["proxy"] == 3
    assert kinds["fairness"] >= 24
    names = [body["monitor"] for _, body in made.signals("protected")]
    assert names == ["(monitors).too_many"]


def test_the_name_of_any_proxy_fits_and_can_be_read(world) -> None:
    feature, category = "f" * 256, "c" * 300
    stream = rows_with(lambda _, random: [("s" * 256, f"t{random.integers(2)}")], 900)
    random = np.random.default_rng(1)
    for event in stream:
        word = category if random.random() < 0.5 else str(random.choice(["b", "c"]))
        event.body["features"].append({"name": feature, "number": None, "text": word})
    made = world(None, policy()).take(stream)
    check(made)
    proxies = [each for each in next(made.fold.watches()).fair.watched if each.kind == "proxy"]
    assert len(proxies) > 3
    for each in proxies:
        assert len(each.name) <= 256
        assert naming.read(each.name).is_proxy


def test_no_token_leaves_in_what_others_read(world) -> None:
    people = Applicants(32)
    stream = people.draw(800) + people.draw(1200, rates=(0.9, 0.1), income=(-1.0, 1.0))
    made = world(known(), policy()).take(stream)
    check(made)
    assert {body["kind"] for _, body in made.signals()} >= {"proxy", "fairness", "group"}
    said = [e.body for e in made.derived if e.event_type in ("drift.signalled", "serving.observed")]
    assert not any(re.search(rf"\b{token}\b", str(said)) for token in TOKENS)
