import pytest

from auditspine.producers.errors import SetupError
from auditspine.producers.settings import ProducerSettings, connection, producer_config


def test_defaults_deliver_safely() -> None:
    config = producer_config(connection("h:1"), ProducerSettings())
    assert config["bootstrap.servers"] == "h:1"
    assert config["acks"] == "all"
    assert config["enable.idempotence"] is True
    assert config["delivery.timeout.ms"] == 120_000
    assert config["compression.type"] == "lz4"


def test_librdkafka_properties_pass_through() -> None:
    given = connection({"bootstrap.servers": "h:1", "security.protocol": "SSL", "linger.ms": 0})
    config = producer_config(given, ProducerSettings())
    assert (config["security.protocol"], config["linger.ms"]) == ("SSL", 0)


def test_the_clients_bounds_lie_below_those_of_librdkafka() -> None:
    settings = ProducerSettings(max_queue_events=10, max_queue_bytes=1 << 20)
    config = producer_config(connection("h:1"), settings)
    assert config["queue.buffering.max.messages"] > 10
    assert config["queue.buffering.max.kbytes"] * 1024 > 1 << 20


@pytest.mark.parametrize(
    "name",
    ["acks", "enable.idempotence", "delivery.timeout.ms", "transactional.id", "error_cb"],
)
def test_properties_that_a_delivery_rests_on_are_refused(name: str) -> None:
    with pytest.raises(SetupError, match=name):
        connection({"bootstrap.servers": "h:1", name: "1"})


@pytest.mark.parametrize("kafka", ["", {}, {"bootstrap.servers": ""}])
def test_missing_servers_are_refused(kafka) -> None:
    with pytest.raises(SetupError, match="bootstrap servers"):
        connection(kafka)


@pytest.mark.parametrize(
    ("field", "value"),
    [("batch_events", 0), ("batch_events", 1025), ("linger_ms", -1), ("max_queue_bytes", 1),
     ("delivery_timeout_s", 0), ("heartbeat_s", -1), ("max_queue_events", 0), ("block_s", -1)],
)  # fmt: skip
def test_settings_out_of_range_are_named(field: str, value: float) -> None:
    with pytest.raises(SetupError, match=f"{field}: expected .* got {value}"):
        ProducerSettings(**{field: value})
