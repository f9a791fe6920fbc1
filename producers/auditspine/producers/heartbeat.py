"""Heartbeats: a producer's signed word on how far it got, so that an omission shows.

Without it, events missing at the tail of a log could not be told from events never sent.
"""

from auditspine.producers.session import Session
from auditspine.schemas.models import (
    Envelope,
    ProducerHeartbeat,
    ProducerHeartbeatBody,
    StreamPosition,
)

TRIGGER = "heartbeat"
REASON = "tell how far this producer's events were acknowledged"


def heartbeat(session: Session, envelope: Envelope) -> ProducerHeartbeat | None:
    """Give a session's heartbeat.

    It lists acknowledged sequences only, so it is never ahead of the log.

    Args:
        session: The session.
        envelope: Its envelope.

    Returns:
        The event, or None while nothing was acknowledged.
    """
    streams = tuple(
        StreamPosition(topic=row.topic, partition=row.partition, last_sequence=row.sequence)
        for row in session.reached()
    )
    if not streams:
        return None
    body = ProducerHeartbeatBody(epoch=session.epoch, streams=streams)
    return ProducerHeartbeat(envelope=envelope, body=body)
