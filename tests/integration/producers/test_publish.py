"""Publishing to the real broker: signatures, sequences, epochs, heartbeats."""

import shutil
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from auditspine.ledger.verdict import Flag
from auditspine.producers.errors import ClientClosedError, EventError
from auditspine.producers.settings import ProducerSettings

QUIET = ProducerSettings(heartbeat_s=0)


def test_ten_thousand_events_from_threads_arrive_once_signed_and_in_sequence(ready, tools):
    client = ready.client(settings=QUIET)
    events = [tools.prediction(client, number) for number in range(10_000)]
    with ThreadPoolExecutor(4) as pool:
        handles = list(pool.map(client.publish, events, chunksize=50))
    client.flush(60)

    records = ready.records("inference", len(events))
    assert tools.flags(records) == {Flag.NONE}
    published = Counter((h.topic, h.partition, h.offset, h.epoch, h.sequence) for h in handles)
    logged = Counter(
        (r.topic(), r.partition(), r.offset(), tools.header(r).epoch, tools.header(r).sequence)
        for r in records
    )
    assert published == logged
    assert max(published.values()) == 1
    assert len({h.partition for h in handles}) == 4
    assert max(tools.header(r).batch_size for r in records) == 64


def test_events_of_one_deployment_keep_their_order_in_one_partition(ready, tools):
    client = ready.client(settings=QUIET)
    handles = [client.publish(tools.prediction(client, n, deployment=3)) for n in range(500)]
    positions = [handle.result(30) for handle in handles]
    assert len({position.partition for position in positions}) == 1
    assert [position.offset for position in positions] == list(range(500))


def test_a_single_event_does_not_wait_for_its_batch_to_fill(ready, tools):
    client = ready.client(settings=QUIET)
    client.publish(tools.prediction(client, 1)).result(30)
    handle = client.publish(tools.prediction(client, 1))
    assert handle.result(10).offset == 1
    assert handle.done()
    assert handle.error is None


def test_the_next_epoch_cites_the_last_acknowledged_sequence_of_the_one_before(ready, tools):
    with ready.client(settings=QUIET) as first:
        for number in range(100):
            last = first.publish(tools.prediction(first, number, deployment=1))
    with ready.client(settings=QUIET) as second:
        second.publish(tools.prediction(second, 0, deployment=1))
        second.publish(tools.prediction(second, 1, deployment=1))

    records = ready.records("inference", 102)
    assert tools.flags(records) == {Flag.NONE}
    cited = [(h.previous_epoch, h.previous_sequence) for h in map(tools.header, records)]
    assert cited[100] == (last.epoch, 100)
    assert set(cited[:100]) | {cited[101]} == {(0, 0)}


def test_a_stale_state_file_never_makes_a_gap(ready, tools, tmp_path):
    state, stale = tmp_path / "state", tmp_path / "stale"
    with ready.client(settings=QUIET, state=state) as first:
        first.publish(tools.prediction(first, 0, deployment=1)).result(30)
        first.flush()
        shutil.copy(state, stale)
        for number in range(50):
            first.publish(tools.prediction(first, number, deployment=1))
    with ready.client(settings=QUIET, state=stale) as second:
        second.publish(tools.prediction(second, 0, deployment=1))

    records = ready.records("inference", 52)
    assert tools.flags(records) == {Flag.NONE}
    assert tools.header(records[-1]).previous_sequence == 1


def test_a_lost_tail_shows_as_a_gap_at_the_next_epoch(ready, tools):
    with ready.client(settings=QUIET) as first:
        for number in range(10):
            first.publish(tools.prediction(first, number, deployment=1))
    with ready.client(settings=QUIET) as second:
        second.publish(tools.prediction(second, 0, deployment=1))
    records = ready.records("inference", 11)
    without_tail = records[:8] + records[10:]
    assert tools.flags(without_tail) == {Flag.NONE, Flag.GAP}


def test_heartbeats_say_how_far_the_acknowledged_events_got(ready, tools):
    client = ready.client(settings=ProducerSettings(heartbeat_s=0.2))
    handle = client.publish(tools.prediction(client, 1))
    handle.result(30)
    periodic = ready.records("lifecycle", 1)
    client.publish(tools.prediction(client, 1)).result(30)
    client.close()

    records = ready.records("lifecycle", len(periodic) + 1)
    assert tools.flags(records) == {Flag.NONE}
    first, last = tools.heartbeat(records[0]), tools.heartbeat(records[-1])
    assert first.epoch == last.epoch == handle.epoch
    reached = {(s.topic, s.partition): s.last_sequence for s in last.streams}
    assert reached[handle.topic, handle.partition] == 2
    assert [s.last_sequence for s in first.streams if s.topic == handle.topic] == [1]


def test_control_events_go_to_the_single_partition_of_control(deployment, tools):
    deployment.create_topics(control=0)
    with deployment.client(tenant="-") as operator:
        position = operator.publish(tools.tenant_registered(operator)).result(30)
    assert position.topic == deployment.topics.source("control")
    assert tools.flags(deployment.records("control", 1)) == {Flag.NONE}


def test_a_delivery_callback_may_publish(ready, tools):
    client = ready.client(settings=QUIET)
    second, done = [], threading.Event()

    def again(handle):
        second.append(client.publish(tools.prediction(client, 2)))
        done.set()

    client.publish(tools.prediction(client, 1), on_delivery=again)
    assert done.wait(30)
    assert second[0].result(30)


def test_bad_events_are_refused_by_field_and_nothing_is_queued(ready, tools):
    client, other = ready.client(settings=QUIET), ready.client(tenant="beta", settings=QUIET)
    good = tools.prediction(client, 1)
    ahead = good.envelope.occurred_at.replace(year=good.envelope.occurred_at.year + 1)
    workload = good.envelope.workload.model_copy(update={"name": "impostor"})
    cases = {
        "envelope.tenant": tools.prediction(other, 1),
        "envelope.occurred_at": tools.altered(good, occurred_at=ahead),
        "envelope.workload.name": tools.altered(good, workload=workload),
        "event": tools.oversized(good),
    }
    for field, event in cases.items():
        with pytest.raises(EventError, match=field) as caught:
            client.publish(event)
        assert caught.value.field == field
        assert "SECRET" not in str(caught.value)
    with pytest.raises(EventError, match="reason"):
        client.envelope("request", "")
    client.flush(5)


def test_a_closed_client_refuses_and_leaves_no_thread(ready, tools):
    client = ready.client(settings=QUIET)
    client.publish(tools.prediction(client, 1))
    client.close()
    client.close()
    with pytest.raises(ClientClosedError):
        client.publish(tools.prediction(client, 1))
    assert not [t for t in threading.enumerate() if t.name == "auditspine-producer"]


def test_a_producer_that_failed_for_good_is_followed_by_a_new_epoch(ready, tools):
    client = ready.client(settings=QUIET)
    before = client.publish(tools.prediction(client, 1, deployment=1))
    before.result(30)
    client._session.outbound.fatal = True  # what librdkafka reports cannot be provoked from here
    after = client.publish(tools.prediction(client, 2, deployment=1))
    after.result(30)
    assert after.epoch > before.epoch
    records = ready.records("inference", 2)
    assert tools.flags(records) == {Flag.NONE}
    assert tools.header(records[1]).previous_epoch == before.epoch
    client.close()
    assert not [t for t in threading.enumerate() if t.name == "auditspine-producer"]
