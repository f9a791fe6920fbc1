"""Why a question of admission gets no verdict.

::

    ProducerError
    └── AdmissionError
        ├── MalformedError   the request is not of its form: 400
        └── RefusedError     what it asks for cannot be judged as it is written: refused
"""

from auditspine.producers.errors import ProducerError


class AdmissionError(ProducerError):
    """Base of what admission raises; a message never holds the request."""


class MalformedError(AdmissionError):
    """The request is not of its form: whoever sent it must mend it."""


class RefusedError(AdmissionError):
    """The object names its models or images in a way that cannot be judged: it is refused."""
