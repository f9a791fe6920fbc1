"""What an HTTP receiver's answer, or the lack of one, means. Pure; shows no address."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import requests

from auditspine.sinks.notify.port import DELIVERED, Outcome

_ASKS_TO_WAIT = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


def judge(status: int, headers: Mapping[str, str], now: float) -> Outcome:
    """Give what an answer means.

    Args:
        status: HTTP status.
        headers: Its headers; names in any case when the mapping takes any.
        now: The time, seconds since 1970, for a ``Retry-After`` that is a date.

    Source: RFC 9110 §10.2.3 and §15.
    """
    if 200 <= status < 300:
        return DELIVERED
    if 300 <= status < 400:
        return Outcome(
            delivered=False,
            detail=f"the receiver answered {status}, a redirect, which is not followed: "
            "set the URL that it redirects to, if that is trusted",
        )
    if status in _ASKS_TO_WAIT:
        wait_s = retry_after(headers.get("Retry-After", ""), now)
        asked = f" and asked to wait {wait_s:.0f} s" if wait_s else ""
        return Outcome(False, f"the receiver answered {status}{asked}", wait_s)
    return Outcome(delivered=False, detail=f"the receiver answered {status}")


def retry_after(value: str, now: float) -> float:
    """Give how long a ``Retry-After`` header asks to wait, seconds; 0 when it cannot be read."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.fromtimestamp(now, UTC)).total_seconds())


def no_answer(exc: Exception) -> Outcome:
    """Give what an exception of ``requests`` means; its own text often has the URL in it."""
    if isinstance(exc, requests.exceptions.SSLError):
        detail = "the receiver's certificate or TLS was not accepted"
    elif isinstance(exc, requests.exceptions.ConnectTimeout):
        detail = "no connection to the receiver in time"
    elif isinstance(exc, requests.exceptions.Timeout):
        detail = "the receiver did not answer in time"
    elif isinstance(exc, requests.exceptions.ConnectionError):
        detail = "no connection to the receiver, or it ended before an answer"
    else:
        detail = f"no answer from the receiver ({type(exc).__name__})"
    return Outcome(delivered=False, detail=detail)
