"""The errors of the schemas package: one base class, split by what the caller must do."""


class SchemaError(Exception):
    """Base of everything that this package raises."""


class InvalidEventError(SchemaError):
    """What was given is not an event of the contract: correct it and publish again.

    The message names fields, what was expected and what kind of thing was got; it never
    holds a value of the event.

    Attributes:
        problems: One line per defect, such as ``body.model.digest: expected … got …``.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class EventTooLargeError(InvalidEventError):
    """The event exceeds the size limit: put the content into an artifact and cite its digest.

    Attributes:
        size: Size of the event, bytes.
        limit: What is allowed, bytes.
    """

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"event: expected at most {limit} bytes, got {size}")
        self.size = size
        self.limit = limit


class UndecodableError(SchemaError):
    """Bytes are not an event in the wire format under a known schema: quarantine them."""


class IncompatibleSchemaError(SchemaError):
    """A schema cannot read what its committed predecessors wrote, or is not recorded: stop.

    Attributes:
        problems: One line per defect.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class RegistryError(SchemaError):
    """The schema registry is away or refused: retry, or ask its operator."""
