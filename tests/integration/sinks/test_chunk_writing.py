"""A chunk is written once, wherever its writer dies and whoever writes beside it."""

import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from sink_world import LOG_KEY, encode, prediction, public

from auditspine.ledger.verdict import Verdict
from auditspine.sinks.chunk import Follower, Limits
from auditspine.sinks.claims import LEASE_S, Claims
from auditspine.sinks.errors import RefusedError, StaleError, UnavailableError
from auditspine.sinks.pool import Pool
from auditspine.sinks.store import Store
from auditspine.sinks.stored_schemas import StoredSchemas, control_schemas
from auditspine.sinks.writer import ChunkWriter

ALL = Limits(max_entries=100_000, linger_s=0, quiet_linger_s=0)
POOL = Pool(4, "test-insert")
STEPS = ("claims", "evidence", "quarantine", "entries", "checkpoints", "commits")


class Died(BaseException):
    """Stands for SIGKILL: nothing catches it."""


class DyingStore(Store):
    """The real store; dies before or after the n-th insert into a table."""

    def __init__(self, connect, table: str = "", *, after: bool = False, number: int = 1) -> None:
        super().__init__(connect)
        self.table, self.after, self.left = table, after, number

    def insert_rows(self, table, columns, rows, token=""):
        self._guard(table, lambda: super(DyingStore, self).insert_rows(table, columns, rows, token))

    def insert_data(self, target, data, fmt, token):
        self._guard(target, lambda: super(DyingStore, self).insert_data(target, data, fmt, token))

    def _guard(self, target, insert):
        if target.split()[0] == self.table:
            self.left -= 1
            if self.left == 0:
                if self.after:
                    insert()
                raise Died
        insert()


def writer(store, clock=time.monotonic) -> ChunkWriter:
    return ChunkWriter(store, StoredSchemas(store, control_schemas()), Claims(store, clock), POOL)


def land(world, log, make, limits=ALL) -> None:
    """Land a log to its end, as the sink's loop does."""
    store = make()
    write = writer(store)
    topic, partition = log.sealed_topic, log.place.partition
    resume = write.resume(topic, partition)
    follower = Follower(topic, partition, resume, [public(LOG_KEY)], limits)
    for offset, raw in enumerate(log.segments):
        if offset >= resume.offset:
            follower.add(offset, raw, 0.0)
    while (chunk := follower.take(1e9)) is not None:
        until = write.write(chunk)
        if until == chunk.sealed_next:
            follower.settle(chunk)
        else:
            follower.recut(until)


@pytest.fixture(scope="module")
def sealed(shared_world):
    """Logs with valid and other entries, sealed but not produced; control has landed."""
    world = shared_world
    world.produce = lambda *_: None
    world.begin()
    world.predict(60)
    one = encode(prediction(now_ms=world.now_ms))
    world.seal("inference", 0, [(b"not ours", b""), (one, b"")])
    world.predict(30)
    world.seal("inference", 0, [], quiet=True)
    land(world, world.log("control"), world.store)
    return world


@pytest.fixture
def filled(sealed):
    with sealed.copied() as made:
        yield made


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("table", STEPS)
def test_a_death_at_any_step_loses_and_doubles_nothing(filled, table, after) -> None:
    log = filled.log("inference")
    with pytest.raises(Died):
        land(filled, log, lambda: DyingStore(filled.connect, table, after=after))
    land(filled, log, filled.store)
    filled.check()


@pytest.mark.parametrize("table", STEPS)
def test_a_death_is_made_good_with_other_limits_too(filled, table) -> None:
    log = filled.log("inference")
    small = Limits(max_entries=60, linger_s=0, quiet_linger_s=0)
    with pytest.raises(Died):
        land(filled, log, lambda: DyingStore(filled.connect, table, after=True), small)
    land(filled, log, filled.store, ALL)
    filled.check()


@pytest.mark.parametrize("table", STEPS)
def test_a_claim_left_for_long_is_finished_by_looking(filled, table) -> None:
    """ClickHouse may have forgotten the tokens: forget them on purpose, and age the claim."""
    log = filled.log("inference")
    with pytest.raises(Died):
        land(filled, log, lambda: DyingStore(filled.connect, table, after=True))
    for each in ("evidence", "quarantine", "entries", "checkpoints", "commits"):
        filled.client.command(
            f"ALTER TABLE {each} MODIFY SETTING non_replicated_deduplication_window = 0"
        )
    age = f"claimed_at - INTERVAL {int(LEASE_S) + 5} SECOND"
    filled.client.command(
        f"ALTER TABLE claims UPDATE claimed_at = {age} WHERE 1", settings={"mutations_sync": 2}
    )
    land(filled, log, filled.store)
    filled.check()


def test_two_sinks_that_cut_differently_write_the_same(filled) -> None:
    log, failures = filled.log("inference"), []

    def run(limit: int) -> None:
        limits = Limits(max_entries=limit, linger_s=0, quiet_linger_s=0)
        while True:
            try:
                land(filled, log, filled.store, limits)
            except StaleError:
                continue
            except BaseException as exc:  # noqa: BLE001
                failures.append(exc)
            return

    threads = [threading.Thread(target=run, args=(n,)) for n in (1, 60, 100, 1000)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(120)
    assert failures == []
    filled.check()


def test_a_sink_that_slept_past_its_lease_writes_nothing_when_others_went_on(filled) -> None:
    """A zombie: it claimed and stops before its rows; another finishes; then it wakes, and
    ClickHouse has forgotten every token."""
    log, now = filled.log("inference"), [0.0]

    class SleepyStore(Store):
        def query(self, sql, parameters=None):
            rows = super().query(sql, parameters)
            if rows and "sealed_first" in sql:  # the claim was made and read
                land(filled, log, filled.store)
                for each in ("evidence", "quarantine", "entries", "checkpoints"):
                    filled.client.command(
                        f"ALTER TABLE {each} MODIFY SETTING non_replicated_deduplication_window = 0"
                    )
                now[0] += LEASE_S + 1
            return rows

    store = SleepyStore(filled.connect)
    write = writer(store, lambda: now[0])
    resume = write.resume(log.sealed_topic, 0)
    follower = Follower(log.sealed_topic, 0, resume, [public(LOG_KEY)], ALL)
    for offset, raw in enumerate(log.segments):
        follower.add(offset, raw, 0.0)
    with pytest.raises(StaleError):
        write.write(follower.take(1.0))
    filled.check()


def test_events_that_clickhouse_cannot_read_are_quarantined_one_by_one(filled) -> None:
    """The ledger's verdict is forced, because it refuses such events itself."""
    log = filled.log("inference")
    whole = encode(prediction(now_ms=filled.now_ms))
    bad = set()
    for value in (whole[:-9], whole[:9], whole[:5] + b"\xff" * 40):
        filled.predict(20)
        bad.add(log.head.size)
        filled.seal("inference", 0, [(value, b"")], force=Verdict.VALID)
        filled.predict(3)
    land(filled, log, filled.store)
    filled.check({("inference", 0): bad})
    reasons = filled.rows("SELECT verdict, reason FROM quarantine", log.place.origin)
    assert len([r for v, r in reasons if r.startswith(b"undecodable by ClickHouse: ")]) == 3


def test_a_schema_that_clickhouse_cannot_take_at_all_is_refused_not_quarantined(filled) -> None:
    log = filled.log("inference")
    filled.client.command("ALTER TABLE evidence DROP COLUMN trace_id")
    with pytest.raises(RefusedError):
        land(filled, log, filled.store)
    assert filled.counts()["quarantine"] == 0


def test_an_event_whose_schema_has_not_landed_waits(world) -> None:
    world.produce = lambda *_: None
    world.begin()
    world.predict(10)
    with pytest.raises(Exception, match="the control log must land first"):
        land(world, world.log("inference"), world.store)
    land(world, world.log("control"), world.store)
    land(world, world.log("inference"), world.store)
    world.check()


def test_many_retention_classes_in_one_chunk_land(filled) -> None:
    log = filled.log("inference")
    values = [
        encode(
            prediction(
                now_ms=filled.now_ms,
                classification={
                    "sensitivity": "internal",
                    "regulatory_domains": [],
                    "retention_class": f"class-{i}",
                },
            )
        )
        for i in range(120)
    ]
    filled.seal("inference", 0, filled.signer("inference").sign(*values))
    land(filled, log, filled.store)
    filled.check()


def test_refusals_and_absence_are_told_apart(world) -> None:
    wrong = Store(lambda: world.connect(password="wrong"))
    with pytest.raises(RefusedError, match="refuses"):
        Claims(wrong).resume("t", 0)
    nobody = Store(lambda: world.connect(port=9))
    with pytest.raises(UnavailableError, match="away"):
        Claims(nobody).resume("t", 0)
    missing = Store(lambda: world.connect(database="default"))
    with pytest.raises(RefusedError, match="claims"):
        Claims(missing).resume("t", 0)
