"""Sessions: what SET and USE said before, replayed on each request's own connection.

Temporary tables do not outlive their request.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from auditspine.embedded.clickhouse.errors import ClickHouseError

_DEFAULT_TIMEOUT_S = 60.0
_MAX_SESSIONS = 4096
_LOCK_WAIT_S = 0.5  # a client may be faster with its next request than we are with cleaning up


@dataclass(slots=True)
class Session:
    """One client's session.

    Attributes:
        statements: SET and USE statements so far.
        lock: Held while a request runs.
        expires_at: By the clock of ``Sessions``.
    """

    statements: list[bytes] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    expires_at: float = 0.0


class Sessions:
    """The sessions of all accounts, bounded in number."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[tuple[str, str], Session] = {}

    @asynccontextmanager
    async def use(
        self, account: str, session_id: str, *, must_exist: bool, timeout_s: float | None
    ) -> AsyncIterator[Session]:
        """Hold a session for one request.

        Args:
            account: Sessions of different accounts have nothing in common.
            session_id: The client's name for it.
            must_exist: Refuse to begin one.
            timeout_s: How long it is kept after the request; None for 60 s.

        Raises:
            ClickHouseError: 372 where there is none, 373 while another request holds it.
        """
        self._forget_expired()
        key = (account, session_id)
        if must_exist and key not in self._known:
            raise ClickHouseError(372, "Session not found.")
        session = self._known.pop(key, None) or Session()
        self._known[key] = session  # the last used stands last
        kept_s = _DEFAULT_TIMEOUT_S if timeout_s is None else timeout_s
        session.expires_at = self._clock() + kept_s + _LOCK_WAIT_S
        try:
            await asyncio.wait_for(session.lock.acquire(), _LOCK_WAIT_S)
        except TimeoutError:
            raise ClickHouseError(373, "Session is locked by a concurrent client.") from None
        try:
            yield session
        finally:
            session.expires_at = self._clock() + kept_s
            session.lock.release()

    def _forget_expired(self) -> None:
        now = self._clock()
        surplus = len(self._known) - _MAX_SESSIONS
        for key, session in list(self._known.items()):
            if not session.lock.locked() and (session.expires_at < now or surplus > 0):
                del self._known[key]
                surplus -= 1
