"""Choose and check loopback ports."""

import secrets
import socket
from collections.abc import Container
from pathlib import Path

LOOPBACK = "127.0.0.1"

_LOWEST = 15_000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_TRIES = 200


def is_free(port: int) -> bool:
    """Tell whether a server could listen on a loopback port now."""
    with socket.socket() as sock:
        # As Java and asyncio do, so that connections in TIME_WAIT do not count as taken.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((LOOPBACK, port))
            sock.listen(1)
        except OSError:
            return False
    return True


def is_listening(port: int, timeout_s: float = 0.5) -> bool:
    """Tell whether something accepts connections on a loopback port."""
    try:
        socket.create_connection((LOOPBACK, port), timeout_s).close()
    except OSError:
        return False
    return True


def choose_port(taken: Container[int] = ()) -> int:
    """Choose a free loopback port below the range of outgoing connections.

    A port inside that range can be lost to some client while its server is down, and a client
    that keeps trying to reconnect over loopback can even connect to itself.

    Args:
        taken: Ports that must not be chosen, though they look free.

    Raises:
        OSError: No free port was found.
    """
    for _ in range(_TRIES):
        port = _LOWEST + secrets.randbelow(_first_ephemeral() - _LOWEST)
        if port not in taken and is_free(port):
            return port
    raise OSError(f"no free port found on {LOOPBACK} in {_TRIES} tries")


def _first_ephemeral() -> int:
    try:
        first = int(_EPHEMERAL.read_text("ascii").split()[0])
    except (OSError, ValueError):
        first = 32_768  # Linux's default
    return first if first > _LOWEST + 1000 else 32_768
