"""The records of one partition of a compacted topic, and whether they are all. Pure.

Compaction keeps the last record of a key, whoever wrote it: one that an old writer, or somebody
without a key, put after a newer one would outlive it, and a deletion would hide it. So the sign
of life carries a digest of all records. Who has others must not believe that nothing is stopped.
"""

import struct
from collections.abc import Iterator
from hashlib import sha256
from typing import Generic

from auditspine.ledger.records import Alive, R, encode_value

_LENGTH = struct.Struct(">I")


class RecordTable(Generic[R]):
    """The newest record of each key."""

    def __init__(self) -> None:
        self._records: dict[bytes, R] = {}
        self._hashes: dict[bytes, bytes] = {}
        self._digest: bytes | None = None

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[R]:
        return iter(self._records.values())

    def get(self, key: bytes) -> R | None:
        """Give the record of a key, if there is one."""
        return self._records.get(key)

    def take(self, record: R) -> bool:
        """Take a record, unless a newer one is known.

        Of two with the same position the later one stays, as in the compacted topic.

        Returns:
            Whether it is the newest; ``False`` when it was ignored.

        Raises:
            FormatError: It could not be written.
        """
        key = record.key
        known = self._records.get(key)
        if known is not None and record.position < known.position:
            return False
        if record != known:
            self._hashes[key] = sha256(encode_value(record)).digest()
            self._records[key] = record
            self._digest = None
        return True

    def digest(self) -> bytes:
        """Give SHA-256 over all, by key: ``u32 length | key | SHA-256 of the value`` each."""
        if self._digest is None:
            whole = sha256()
            for key in sorted(self._hashes):
                whole.update(_LENGTH.pack(len(key)) + key + self._hashes[key])
            self._digest = whole.digest()
        return self._digest

    def is_what(self, alive: Alive) -> bool:
        """Tell whether a sign of life covers these records, all of them and no others."""
        return len(self) == alive.records and self.digest() == alive.digest
