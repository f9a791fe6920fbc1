"""One valid event of each type as JSON, for people to start from; docs/events.md shows them."""

from importlib.resources import files


def example(event_type: str) -> str:
    """Give the example of an event type as JSON text.

    Raises:
        FileNotFoundError: There is no such event type.
    """
    return (files("auditspine.schemas") / "examples" / f"{event_type}.json").read_text("utf-8")
