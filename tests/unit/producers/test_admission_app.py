"""The HTTP around reviews: what is taken, how large, from whom, and what is said when it fails."""

import asyncio
import json
import logging

import httpx
import pytest
from tests.unit.producers.admission_cases import MODEL, OTHER, SECRET, check_of, document, named

from auditspine.producers.admission.app import MAX_BODY_BYTES, Admission, make_app
from auditspine.producers.admission.review import Terms

TOKEN = "a-token-of-32-characters-or-more"
JSON = {"content-type": "application/json"}


def send(method: str, path: str, *, raises: bool = True, ready=True, token=None, check=None, **how):
    known = check or check_of(MODEL)
    app = make_app(Admission(known, lambda: ready, Terms("production"), token))

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=raises)
        async with httpx.AsyncClient(transport=transport, base_url="https://a") as client:
            return await client.request(method, path, **how)

    return asyncio.run(ask())


def test_a_review_is_answered() -> None:
    done = send("POST", "/validate", json=document("pod_create"))
    assert (done.status_code, done.headers["content-type"]) == (200, "application/json")
    assert done.json()["response"]["allowed"] is True


def test_a_refusal_is_an_answer_and_a_log_line_without_the_object(caplog) -> None:
    with caplog.at_level(logging.INFO):
        done = send("POST", "/validate", json=document("pod_create"), check=check_of(OTHER))
    assert done.status_code == 200
    assert done.json()["response"]["status"]["code"] == 403
    assert "revoked: not_quarantined" in caplog.text
    assert document("pod_create")["request"]["uid"] in caplog.text
    assert SECRET not in caplog.text + done.text


@pytest.mark.parametrize("kind", ["text/plain", "application/yaml", "", "application/jsonp"])
def test_another_content_type_is_not_taken(kind: str) -> None:
    body = json.dumps(document("pod_create"))
    done = send("POST", "/validate", content=body, headers={"content-type": kind})
    assert done.status_code == 415


def test_a_charset_is_no_other_content_type() -> None:
    body = json.dumps(document("pod_create"))
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert send("POST", "/validate", content=body, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b"\xff", b'{"a": NaN}', b"[" * 100_000, b'{"request": {}}'],
)
def test_a_malformed_body_is_told_so(body: bytes) -> None:
    for path in ("/validate", "/registry"):
        done = send("POST", path, content=body, headers=JSON)
        assert done.status_code == 400
        assert done.json()["error"]


def test_a_body_is_taken_up_to_its_limit() -> None:
    body = json.dumps(document("pod_create")).encode()
    full = body + b" " * (MAX_BODY_BYTES - len(body))
    assert send("POST", "/validate", content=full, headers=JSON).status_code == 200
    assert send("POST", "/validate", content=full + b" ", headers=JSON).status_code == 413


def test_a_body_that_does_not_tell_its_length_has_the_same_limit() -> None:
    async def chunks():
        for _ in range(4):
            yield b" " * (MAX_BODY_BYTES // 4)
        yield b"{}"

    done = send("POST", "/validate", content=chunks(), headers=JSON)
    assert done.status_code == 413


def test_a_body_that_stops_coming_ends(monkeypatch) -> None:
    monkeypatch.setattr("auditspine.producers.admission.app._BODY_S", 0.05)

    async def chunks():
        yield b"{"
        await asyncio.sleep(30)

    assert send("POST", "/validate", content=chunks(), headers=JSON).status_code == 408


def test_what_fails_here_is_no_allowance() -> None:
    def failing(_digest: bytes):
        raise RuntimeError("broken")

    done = send("POST", "/validate", json=document("pod_create"), check=failing, raises=False)
    assert done.status_code == 500


def test_a_registry_is_answered_with_its_status() -> None:
    done = send("POST", "/registry", json={"digest": named(MODEL), "environment": "production"})
    assert (done.status_code, done.json()["allowed"]) == (200, True)
    done = send("POST", "/registry", json={"digest": named(OTHER)})
    assert (done.status_code, done.json()["allowed"]) == (403, False)


@pytest.mark.parametrize(
    "given", [None, "", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ", "Bearer é"]
)
def test_a_registry_without_the_token_learns_nothing(given: str | None) -> None:
    headers = {} if given is None else {"authorization": given.encode()}
    done = send("POST", "/registry", token=TOKEN, json={"digest": named(MODEL)}, headers=headers)
    assert (done.status_code, done.headers["www-authenticate"]) == (401, "Bearer")
    assert "allowed" not in done.text


def test_the_token_opens_the_registry_hook_and_the_webhook_needs_none() -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    asked = {"digest": named(MODEL)}
    done = send("POST", "/registry", token=TOKEN, json=asked, headers=headers)
    assert done.status_code == 200
    assert send("POST", "/validate", token=TOKEN, json=document("pod_create")).status_code == 200


def test_probes_tell_alive_from_ready() -> None:
    assert send("GET", "/healthz", ready=False).status_code == 200
    assert send("GET", "/readyz", ready=True).status_code == 200
    done = send("GET", "/readyz", ready=False)
    assert (done.status_code, done.text) == (503, "unknown: everything is refused\n")


def test_there_is_nothing_else() -> None:
    assert send("GET", "/validate").status_code == 405
    assert send("GET", "/").status_code == 404
