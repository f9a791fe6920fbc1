"""HTTP content encodings that ClickHouse's clients use: gzip, deflate, lz4, zstd. In chunks.

Not the engine's own block framing (``compress=1``, ``decompress=1``).
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import lz4.frame
import zstandard

from auditspine.embedded.clickhouse.errors import ClickHouseError


class _Frame(Protocol):
    """A decompressor of one frame."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: bytes, /) -> bytes: ...


def decoder(encoding: str) -> "Decoder":
    """Give a decoder of a request body.

    Clients send one frame per block, so frames may follow each other.

    Args:
        encoding: Value of Content-Encoding; empty for none.

    Raises:
        ClickHouseError: 48 where the encoding is not offered.
    """
    encoding = encoding.strip().lower()
    makers: dict[str, Callable[[], Any]] = {
        "gzip": lambda: zlib.decompressobj(31),
        "x-gzip": lambda: zlib.decompressobj(31),
        "deflate": zlib.decompressobj,
        "lz4": lz4.frame.LZ4FrameDecompressor,
        "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
    }
    if encoding in ("", "identity"):
        return Decoder(encoding, None)
    if encoding not in makers:
        raise ClickHouseError(48, f"Content-Encoding {encoding} is not offered.")
    return Decoder(encoding, makers[encoding])


class Decoder:
    """Decodes a body chunk by chunk."""

    def __init__(self, encoding: str, make: Callable[[], _Frame] | None) -> None:
        """Begin a body.

        Args:
            encoding: Its name, for messages.
            make: Makes the decompressor of a frame; None where there is nothing to decode.
        """
        self._encoding = encoding
        self._make = make
        self._frame: _Frame | None = None

    def decode(self, data: bytes) -> bytes:
        """Decode the next chunk.

        Raises:
            ClickHouseError: 36 where it is not of the encoding.
        """
        if self._make is None:
            return data
        plain = []
        try:
            while data:
                if self._frame is None:
                    self._frame = self._make()
                plain.append(self._frame.decompress(data))
                data = b""
                if self._frame.eof:
                    data = self._frame.unused_data or b""
                    self._frame = None
        except (zlib.error, RuntimeError, zstandard.ZstdError) as exc:
            raise ClickHouseError(36, f"The body is not {self._encoding}: {exc}.") from exc
        return b"".join(plain)

    def finish(self) -> None:
        """Check at the body's end that no frame is cut.

        Raises:
            ClickHouseError: 36 where one is.
        """
        if self._frame is not None:
            raise ClickHouseError(36, f"The body is not {self._encoding}: its end is missing.")


def choose_encoding(accepted: str) -> str:
    """Give the first encoding of an Accept-Encoding that is offered for responses, or ``""``."""
    for item in accepted.split(","):
        name = item.partition(";")[0].strip().lower()
        if name in ("lz4", "zstd", "gzip"):
            return name
    return ""


def encoded(encoding: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Encode a response body as one frame.

    Args:
        encoding: One that ``choose_encoding`` gave.
        chunks: The plain body.
    """
    head, compress, finish = _compressor(encoding)
    if head:
        yield head
    for chunk in chunks:
        if part := compress(chunk):
            yield part
    yield finish()


def _compressor(
    encoding: str,
) -> tuple[bytes, Callable[[bytes], bytes], Callable[[], bytes]]:
    if encoding == "lz4":
        frame = lz4.frame.LZ4FrameCompressor()
        return frame.begin(), frame.compress, frame.flush
    if encoding == "zstd":
        stream = zstandard.ZstdCompressor(level=1).compressobj()
        return b"", stream.compress, stream.flush
    gzip = zlib.compressobj(1, zlib.DEFLATED, 31)
    return b"", gzip.compress, gzip.flush
