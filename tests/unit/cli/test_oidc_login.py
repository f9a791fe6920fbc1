"""A whole login against a running provider, with an HTTP client as the browser."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from tests.oidc_provider import OidcProvider, running_provider
from typer.testing import CliRunner, Result

from auditspine.cli.commands import login as command
from auditspine.cli.credential import Wallet
from auditspine.cli.errors import CliError
from auditspine.cli.main import app
from auditspine.cli.oidc_login import Client, log_in
from auditspine.ledger.keyfile import public_bytes, read_key
from auditspine.ledger.statement import key_nonce
from auditspine.processors.release.identity import verify_person
from auditspine.processors.release.providers import Provider

KEY = bytes(range(1, 33))


@pytest.fixture
def provider() -> Iterator[OidcProvider]:
    with running_provider() as running:
        yield running


class Browser:
    """Follows an address in its own thread, as a browser would."""

    def __init__(self, change: Callable[[str], str] = lambda address: address) -> None:
        self.change = change
        self.pages: list[httpx.Response] = []
        self.threads: list[threading.Thread] = []

    def __call__(self, *addresses: str) -> bool:
        self.threads.append(threading.Thread(target=self._go, args=addresses))
        self.threads[-1].start()
        return True

    def _go(self, *addresses: str) -> None:
        with httpx.Client(follow_redirects=True, trust_env=False, timeout=10) as client:
            self.pages += [client.get(self.change(each)) for each in addresses]

    def page(self) -> httpx.Response:
        for each in self.threads:
            each.join()
        return self.pages[-1]


def client_of(provider: OidcProvider, **other: str) -> Client:
    return Client(provider.issuer, provider.client_id, **other)


def refuse(provider: OidcProvider, message: str, browser: Browser | None = None) -> None:
    with pytest.raises(CliError, match=message):
        log_in(client_of(provider), KEY, browser or Browser(), 10)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_login_gives_a_token_that_commits_to_the_key(provider, algorithm) -> None:
    provider.algorithm, browser = algorithm, Browser()
    done = log_in(client_of(provider), KEY, browser, 10)
    assert (done.person.principal, done.person.name) == ("ana@acme.example", "Ana Lima")
    assert browser.page().status_code == 200
    assert "close this window" in browser.page().text
    trusted = Provider(provider.issuer, provider.client_id, provider.jwks())
    assert verify_person(done.id_token, KEY, [trusted], int(time.time() * 1000)) == done.person
    assert 290 < done.expires_at - time.time() <= 300


def test_what_is_asked_is_what_the_standards_ask(provider) -> None:
    log_in(client_of(provider), KEY, Browser(), 10)
    [asked] = provider.asked
    assert asked["scope"] == "openid profile"
    assert asked["nonce"] == key_nonce(KEY)
    assert len(asked["state"]) >= 43
    assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/callback", asked["redirect_uri"])
    log_in(client_of(provider, principal_claim="email"), KEY, Browser(), 10)
    assert provider.asked[1]["scope"] == "openid profile email"
    assert provider.asked[1]["state"] != asked["state"]
    assert provider.asked[1]["code_challenge"] != asked["code_challenge"]


def test_a_hint_says_who_logs_in(provider) -> None:
    browser = Browser(lambda address: f"{address}&login_hint=tom")
    assert log_in(client_of(provider), KEY, browser, 10).person.name == "Tom Berg"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("expired", "the login is refused: the identity token had expired"),
        ("audience", "the login is refused: the identity token is for another audience"),
        ("key", "the login is refused: the identity token is not signed with a key"),
        ("nonce", "the login is refused: the identity token is of a login for another key"),
        ("name", "the login is refused: the identity token lacks the claim name"),
        ("denied", "the provider refused the login: access_denied"),
        ("garbage", "the provider gave no ID token"),
    ],
)
def test_a_bad_answer_ends_the_login_and_says_why(provider, fault, message) -> None:
    provider.fault = fault
    refuse(provider, message)


def test_a_code_that_was_used_is_not_exchanged_again(provider) -> None:
    provider.exchange = lambda form: {}["used"]  # type: ignore[method-assign]
    refuse(provider, "did not exchange the code: status 400")


def test_an_answer_with_another_state_is_turned_away_and_waited_out(provider) -> None:
    provider.fault = "state"
    browser = Browser()
    with pytest.raises(CliError, match="nobody logged in within 1 s"):
        log_in(client_of(provider), KEY, browser, 1)
    assert browser.page().status_code == 400


def test_a_stranger_s_request_does_not_end_the_login(provider) -> None:
    browser = Browser()

    def show(address: str) -> None:
        [where] = parse_qs(urlsplit(address).query)["redirect_uri"]
        stolen = urlencode({"code": "theirs", "state": "guessed"})
        browser(f"{where}?{stolen}", where.replace("/callback", "/favicon.ico"), address)

    assert log_in(client_of(provider), KEY, show, 10).person.name == "Ana Lima"
    assert browser.page().status_code == 200
    assert [page.status_code for page in browser.pages] == [400, 404, 200]


def test_an_answer_of_another_issuer_is_refused(provider) -> None:
    """Source: RFC 9207: a provider that another one pretends to be."""

    def show(address: str) -> None:
        query = parse_qs(urlsplit(address).query)
        back = {"code": "x", "state": query["state"][0], "iss": "https://evil.example"}
        Browser()(f"{query['redirect_uri'][0]}?{urlencode(back)}")

    with pytest.raises(CliError, match="came from another provider"):
        log_in(client_of(provider), KEY, show, 10)


def test_an_error_that_the_provider_words_itself_is_not_shown(provider) -> None:
    def show(address: str) -> None:
        query = parse_qs(urlsplit(address).query)
        back = {"error": "\x1b[31mcall 555", "state": query["state"][0]}
        Browser()(f"{query['redirect_uri'][0]}?{urlencode(back)}")

    with pytest.raises(CliError, match=r"refused the login: an error$"):
        log_in(client_of(provider), KEY, show, 10)


def test_a_port_that_is_taken_is_named(provider) -> None:
    taken = urlsplit(provider.issuer).port
    with pytest.raises(CliError, match=f"port {taken} cannot be listened on"):
        log_in(client_of(provider), KEY, Browser(), 10, taken)


@pytest.mark.parametrize("issuer", ["http://id.acme.example", "ftp://127.0.0.1", "no address"])
def test_a_provider_is_asked_over_https_or_on_this_machine_only(issuer) -> None:
    with pytest.raises(CliError, match="expected an https address"):
        log_in(Client(issuer, "cli"), KEY, Browser(), 10)


def invoke(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--data-dir", str(folder)])


def log_in_by_command(folder: Path, provider: OidcProvider, *more: str) -> Result:
    given = ("--issuer", provider.issuer, "--client-id", provider.client_id)
    return invoke(folder, "login", *given, *more)


def test_the_command_keeps_the_login_where_its_owner_alone_can_read_it(
    provider, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(command.webbrowser, "open", Browser())
    result = log_in_by_command(tmp_path, provider)
    assert result.exit_code == 0, result.output
    assert "Ana Lima, ana@acme.example" in result.output
    folder = tmp_path / "person"
    assert folder.stat().st_mode & 0o777 == 0o700
    files = sorted(folder.iterdir())
    assert [each.stat().st_mode & 0o777 for each in files] == [0o600, 0o600]
    credential = Wallet(folder).load()
    public = public_bytes(read_key(folder / credential.key_file))
    trusted = Provider(provider.issuer, provider.client_id, provider.jwks())
    verify_person(credential.id_token, public, [trusted], int(time.time() * 1000))
    assert credential.id_token not in result.output


def test_a_new_login_has_a_new_key_and_the_old_one_goes(provider, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(command.webbrowser, "open", Browser())
    log_in_by_command(tmp_path, provider)
    first = Wallet(tmp_path / "person").load()
    provider.logs_in = "tom"
    log_in_by_command(tmp_path, provider)
    second = Wallet(tmp_path / "person").load()
    assert (second.name, len(list((tmp_path / "person").iterdir()))) == ("Tom Berg", 2)
    assert second.key_file != first.key_file


def test_a_login_that_fails_leaves_the_one_before_it(provider, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(command.webbrowser, "open", Browser())
    log_in_by_command(tmp_path, provider)
    before = sorted((tmp_path / "person").iterdir())
    provider.fault = "denied"
    result = log_in_by_command(tmp_path, provider)
    assert isinstance(result.exception, CliError)
    assert sorted((tmp_path / "person").iterdir()) == before


def test_without_a_browser_the_address_is_printed(provider, tmp_path) -> None:
    result = log_in_by_command(tmp_path, provider, "--no-browser", "--timeout", "1")
    assert "nobody logged in within 1 s" in str(result.exception)
    assert f"{provider.issuer}/authorize?response_type=code" in result.stderr.replace("\n", "")
    assert list((tmp_path / "person").iterdir()) == []


def test_status_and_logout_say_how_things_stand(provider, tmp_path, monkeypatch) -> None:
    nobody = invoke(tmp_path, "login", "--status")
    assert "nobody is logged in; run: auditspine login" in str(nobody.exception)
    monkeypatch.setattr(command.webbrowser, "open", Browser())
    log_in_by_command(tmp_path, provider)
    said = json.loads(invoke(tmp_path, "login", "--status", "--json").stdout)
    assert (said["principal"], said["name"]) == ("ana@acme.example", "Ana Lima")
    assert "logged out" in invoke(tmp_path, "logout").output
    assert list((tmp_path / "person").iterdir()) == []
    assert "nobody was logged in" in invoke(tmp_path, "logout").output


def test_without_a_provider_the_command_says_where_to_name_it(tmp_path) -> None:
    result = invoke(tmp_path, "login", "--issuer", "https://id.acme.example")
    assert "AUDITSPINE_OIDC_CLIENT_ID" in str(result.exception)
    assert not (tmp_path / "person").exists()
