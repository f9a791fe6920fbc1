from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic


def test_session_broker_keeps_what_is_produced(kafka, topic_prefix):
    topic = topic_prefix + "events"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(20)
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "acks": "all"})
    producer.produce(topic, b"value", b"key", partition=1)
    assert producer.flush(20) == 0

    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": topic_prefix + "group",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([topic])
    message = consumer.poll(20)
    consumer.close()
    assert message is not None
    assert message.error() is None
    assert (message.partition(), message.key(), message.value()) == (1, b"key", b"value")


def test_topics_are_not_created_by_use(kafka, topic_prefix):
    failures = []
    producer = Producer(
        {"bootstrap.servers": kafka.bootstrap_servers, "topic.metadata.propagation.max.ms": 500}
    )
    producer.produce(
        topic_prefix + "missing", b"value", on_delivery=lambda error, _: failures.append(error)
    )
    producer.flush(20)
    assert [error.name() for error in failures] in (["_UNKNOWN_TOPIC"], ["UNKNOWN_TOPIC_OR_PART"])
