"""Read multipart/form-data, byte for byte. Pure.

Source: RFC 7578, RFC 2046 §5.1.1.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message

from auditspine.embedded.clickhouse.errors import ClickHouseError

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a form.

    Attributes:
        name: Field name.
        is_file: It carries a file name, or says it is not text.
        data: Its content.
    """

    name: str
    is_file: bool
    data: bytes


def parse_multipart(content_type: str, body: bytes) -> Iterator[Part]:
    """Give the parts of a form.

    Args:
        content_type: The request's Content-Type header.
        body: The whole body.

    Raises:
        ClickHouseError: 36 where it is not well formed.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise ClickHouseError(36, "multipart/form-data without a boundary.")
    delimiter = b"\r\n--" + found[1].strip().encode("latin-1")
    _, *sections = (b"\r\n" + body).split(delimiter)
    for section in sections:
        if section.startswith(b"--"):
            return
        head, separator, data = section.partition(b"\r\n\r\n")
        if not separator:
            break
        yield _part(head, data)
    raise ClickHouseError(36, "multipart/form-data without its end.")


def _part(head: bytes, data: bytes) -> Part:
    lines = head.decode("utf-8", "replace").split("\r\n")
    headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    disposition = Message()
    disposition["content-disposition"] = headers.get("content-disposition", "")
    name = disposition.get_param("name", header="content-disposition")
    if not isinstance(name, str):
        raise ClickHouseError(36, "A part of the form has no name.")
    return Part(name, disposition.get_filename() is not None, data)
