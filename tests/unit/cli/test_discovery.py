"""Keys of an identity provider are asked for on a safe way, and what is no answer is an error."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from auditspine.cli.discovery import fetch_jwks, fetch_metadata
from auditspine.cli.errors import CliError

WELL_KNOWN = "/.well-known/openid-configuration"


@dataclass
class Site:
    """A web site: what it answers by path, and how long it rests after each byte."""

    issuer: str = ""
    pages: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    pause_s: float = 0.0

    def say(self, path: str, said: Any, status: int = 200) -> None:
        self.pages[path] = (status, said if isinstance(said, bytes) else json.dumps(said).encode())


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            status, content = found.pages.get(self.path, (404, b"secret"))
            self.send_response(status)
            if status in (301, 302):
                self.send_header("Location", content.decode())
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            size = len(content) if found.pause_s == 0 else 1
            with suppress(OSError):
                for at in range(0, len(content), size or 1):
                    self.wfile.write(content[at : at + size])
                    time.sleep(found.pause_s)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.issuer = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found.say(WELL_KNOWN, {"issuer": found.issuer, "jwks_uri": f"{found.issuer}/keys"})
        found.say("/keys", {"keys": [{"kty": "OKP"}]})
        yield found
        server.shutdown()


def refused(site: Site) -> str:
    with pytest.raises(CliError) as caught:
        fetch_jwks(site.issuer)
    assert "secret" not in str(caught.value)
    return str(caught.value)


def test_keys_are_found_through_the_metadata(site: Site) -> None:
    assert fetch_jwks(site.issuer) == {"keys": [{"kty": "OKP"}]}
    assert site.asked == [WELL_KNOWN, "/keys"]


def test_an_issuer_may_have_a_path(site: Site) -> None:
    issuer = f"{site.issuer}/realms/x"
    site.say(f"/realms/x{WELL_KNOWN}", {"issuer": issuer})
    assert fetch_metadata(issuer) == {"issuer": issuer}


def test_metadata_of_another_issuer_are_refused(site: Site) -> None:
    site.say(WELL_KNOWN, {"issuer": "https://secret.example.com"})
    assert "expected metadata of this issuer" in refused(site)


@pytest.mark.parametrize(
    "address",
    ["http://login.example.com/keys", "file:///etc/passwd", "https://a@b/keys", "keys", 1, None],
)
def test_keys_are_asked_for_on_a_safe_way_only(site: Site, address: Any) -> None:
    site.say(WELL_KNOWN, {"issuer": site.issuer, "jwks_uri": address})
    assert "jwks_uri" in (told := refused(site)) or "https address" in told
    assert site.asked == [WELL_KNOWN]


def test_an_issuer_elsewhere_without_tls_is_not_asked() -> None:
    with pytest.raises(CliError, match="expected an https address"):
        fetch_metadata("http://login.example.com")


def test_a_redirect_is_not_followed(site: Site) -> None:
    site.say("/keys", f"{site.issuer}/elsewhere".encode(), 302)
    site.say("/elsewhere", {"keys": []})
    assert "the provider said 302" in refused(site)
    assert "/elsewhere" not in site.asked


@pytest.mark.parametrize("said", [b"secret", b"", b"[]", b"1", b"[" * 100_000])
def test_an_answer_that_is_no_object_is_refused(site: Site, said: bytes) -> None:
    site.say("/keys", said)
    assert "expected an answer of JSON" in refused(site)


def test_an_answer_without_keys_is_refused(site: Site) -> None:
    site.say("/keys", {"keys": "secret"})
    assert "expected a JWK set" in refused(site)


def test_an_answer_that_is_too_long_is_refused(site: Site) -> None:
    site.say("/keys", b" " * 1_048_577)
    assert "longer than 1048576 bytes" in refused(site)


def test_an_answer_that_drips_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditspine.cli.discovery._WHOLE_S", 1.0)
    site.pause_s = 0.2
    began = time.monotonic()
    assert "took longer than 1 s" in refused(site)
    assert time.monotonic() - began < 5


def test_nobody_there_is_an_error(site: Site) -> None:
    with pytest.raises(CliError, match=r"no answer from the provider \(ConnectionError\)"):
        fetch_metadata("http://127.0.0.1:1")
    site.pages.clear()
    assert "the provider said 404" in refused(site)


def test_no_proxy_is_asked_for_this_machine(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    assert fetch_jwks(site.issuer)
