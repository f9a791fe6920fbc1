"""The notification settings: a wrong field is named, and no URL is ever shown."""

import os
import traceback
from pathlib import Path

import pytest
from tests.unit.sinks.notices import Alerts, notice

from auditspine.sinks.notify.sender import make_receivers
from auditspine.sinks.notify.settings import NotifySettingsError, load_settings

SECRET = "T0PS3CRET"
URL = f"json://user:{SECRET}@hooks.example/x"
GOOD = f"""
default = ["slack"]

[receivers.slack]
kind = "apprise"
url = "{URL}"

[receivers.pager]
kind = "alertmanager"
url = "https://alerts.example"

[[routes]]
tiers = ["stop_the_line"]
receivers = ["pager", "slack"]

[[routes]]
owners = ["credit-*"]
tenants = ["acme"]
receivers = ["pager"]
"""


def load(tmp_path: Path, text: str, **environ: str):
    path = tmp_path / "notify.toml"
    path.write_text(text)
    return load_settings(path, environ)


def refused(tmp_path: Path, text: str, **environ: str) -> str:
    """Give the message, after making sure that nothing about it shows a secret."""
    with pytest.raises(NotifySettingsError) as caught:
        make_receivers(load(tmp_path, text, **environ))
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    return str(caught.value)


def test_all_routes_that_match_count_and_each_receiver_is_told_once(tmp_path) -> None:
    settings = load(tmp_path, GOOD)
    stop = notice(Alerts().raised(tier="stop_the_line", owner="credit-models"))
    assert settings.receivers_of(stop) == ("pager", "slack")
    credit = notice(Alerts().raised(owner="credit-models"))
    assert settings.receivers_of(credit) == ("pager",)


def test_what_no_route_matches_goes_to_the_default(tmp_path) -> None:
    other = notice(Alerts().raised(owner="credit-models", tenant="other"))
    assert load(tmp_path, GOOD).receivers_of(other) == ("slack",)


def test_settings_do_not_show_their_urls(tmp_path) -> None:
    assert SECRET not in repr(load(tmp_path, GOOD))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('default = ["slack"]', "", "default: Field required"),
        ('default = ["slack"]', "default = []", "default: "),
        ('default = ["slack"]', 'default = ["slak"]', "default: unknown receiver slak"),
        ('receivers = ["pager"]', 'receivers = ["pagr"]', "routes.1.receivers: unknown receiver"),
        ('["stop_the_line"]', '["stop"]', "routes.0.tiers.0: Input should be"),
        ("owners =", "owner =", "routes.1.owner: no such field"),
        ('kind = "apprise"', 'kind = "slack"', "receivers.slack.kind: Input should be"),
        ("url = ", "uri = ", "receivers.slack.uri: no such field"),
        ('kind = "apprise"', "", "receivers.slack.kind: Field required"),
        (
            f'url = "{URL}"',
            f'url = "{URL}"\nurl_env = "X"',
            "receivers.slack: expected exactly one of url, url_env, url_file, got url and url_env",
        ),
        (f'url = "{URL}"', "", "receivers.slack: expected exactly one of url, url_env, url_file"),
        ('"apprise"', '"apprise"\ntimeout_s = 0', "receivers.slack.timeout_s"),
        ("json://", f"{SECRET}://", "receivers.slack: apprise does not know such a URL"),
        (URL, SECRET, "receivers.slack.url: expected one URL, got something else"),
        (
            "json://user",
            "opsgenie://12345678-1234-1234-1234-123456789012/#x",
            "receivers.slack.tell_resolved: expected false",
        ),
        ("https://alerts", f"ftp://{SECRET}", "receivers.pager.url: expected http:// or https://"),
        ("[receivers.pager]", f'["receivers.{SECRET} x"]\n[', ""),
    ],
)
def test_a_wrong_field_is_named_and_no_url_shown(tmp_path, old, new, message) -> None:
    assert old in GOOD
    assert message in refused(tmp_path, GOOD.replace(old, new, 1))


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(NotifySettingsError, match=r"nowhere\.toml cannot be read"):
        load_settings(tmp_path / "nowhere.toml")


FROM_ENV = GOOD.replace(f'url = "{URL}"', 'url_env = "HOOK"')
FROM_FILE = GOOD.replace(f'url = "{URL}"', 'url_file = "hook.url"')


def test_a_url_is_read_from_the_environment(tmp_path) -> None:
    url = load(tmp_path, FROM_ENV, HOOK=f" {URL}\n").receivers["slack"].url
    assert url is not None
    assert url.get_secret_value() == URL


def test_a_missing_variable_is_named(tmp_path) -> None:
    assert "receivers.slack.url_env: the environment variable HOOK" in refused(tmp_path, FROM_ENV)


def test_a_url_is_read_from_a_private_file_beside_the_settings(tmp_path) -> None:
    (tmp_path / "hook.url").touch(mode=0o600)
    (tmp_path / "hook.url").write_text(URL + "\n")
    url = load(tmp_path, FROM_FILE).receivers["slack"].url
    assert url is not None
    assert url.get_secret_value() == URL


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_url_file_that_others_can_read_is_refused(tmp_path, mode) -> None:
    (tmp_path / "hook.url").write_text(URL)
    (tmp_path / "hook.url").chmod(mode)
    message = refused(tmp_path, FROM_FILE)
    assert "receivers.slack.url_file:" in message
    assert f"expected mode 0600, got {mode:04o}" in message


@pytest.mark.parametrize("content", [b"", b" \n", SECRET.encode() + b"\xff", SECRET.encode()])
def test_a_url_file_without_a_url_is_refused(tmp_path, content) -> None:
    (tmp_path / "hook.url").write_bytes(content)
    (tmp_path / "hook.url").chmod(0o600)
    assert "receivers.slack.url_file:" in refused(tmp_path, FROM_FILE)


def test_no_file_a_link_a_folder_or_a_pipe_is_refused(tmp_path) -> None:
    assert "cannot be read" in refused(tmp_path, FROM_FILE)
    (tmp_path / "real").write_text(URL)
    (tmp_path / "hook.url").symlink_to(tmp_path / "real")
    assert "is a symbolic link" in refused(tmp_path, FROM_FILE)
    (tmp_path / "hook.url").unlink()
    os.mkfifo(tmp_path / "hook.url", 0o600)
    assert "is not a regular file" in refused(tmp_path, FROM_FILE)
