"""From a prediction to the page on call: the whole way, on the real stack."""

import json
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files

import pytest
from tests.integration.cli.cli_stack import Stack
from tests.integration.cli.served_model import TENANT, Served, ref
from tests.waiting import await_true

pytestmark = pytest.mark.timeout(600)  # seconds; the first test also starts the stack


class Inbox(BaseHTTPRequestHandler):
    """Whoever is on call."""

    got: list[dict]

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append(json.loads(raw))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def inbox():
    handler = type("Handler", (Inbox,), {"got": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", handler.got
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def stack(tmp_path_factory, inbox):
    root = tmp_path_factory.mktemp("drift")
    told = root / "notifications.toml"
    told.write_text(
        f'default = ["on-call"]\n[receivers.on-call]\nkind = "apprise"\nurl = "json://{inbox[0]}/"\n'
    )
    running = Stack(root, AUDITSPINE_NOTIFICATIONS=str(told)).start()
    assert running.run("tenants", "register", TENANT)[0] == 0
    for name in ("scorer", "on-call"):
        assert running.run("keys", "create", name)[0] == 0
        assert running.run("keys", "register", name, "--tenant", TENANT)[0] == 0
    yield running
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(60) == 0
    assert running.left() == []


def alerts(stack, deployment: str) -> list[tuple]:
    return stack.query(
        "SELECT tier, state, kind, features, alert_id FROM alerts FINAL "
        f"WHERE deployment = '{deployment}' ORDER BY raised_at"
    )


def test_a_moved_feature_reaches_whoever_is_on_call(stack, inbox) -> None:
    served = Served(stack.data, "mortgage").trained().deployed()
    try:
        served.predict(1000).predict(300, income=lambda value: value + 9)
        await_true(lambda: alerts(stack, "mortgage-eu"), "an alert", 60)
        [(tier, state, _, features, alert_id)] = alerts(stack, "mortgage-eu")
        assert (tier, state, features) == ("review", "open", ["income"])
        await_true(lambda: [m for m in inbox[1] if alert_id in json.dumps(m)], "a page", 60)
    finally:
        served.close()


def said(stack, *arguments: str) -> dict:
    """Say something of an alert; give what the command tells of it."""
    code, out, err = stack.run("alerts", *arguments, "--by", "ana", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["taken"], err
    return told


def serving(stack, deployment: str) -> list[tuple]:
    return stack.query(
        f"SELECT state, releases_frozen FROM serving_states FINAL WHERE deployment = '{deployment}'"
    )


def shown(stack, alert_id: str) -> dict:
    return json.loads(stack.run("alerts", "show", alert_id, "--json")[1])


def at_signal(stack, deployment: str) -> set[str]:
    """Name the monitors that an alert is of."""
    [watched] = json.loads(stack.run("drift", "show", deployment, "--json")[1])
    assert watched["serving"] == "fallback, releases frozen"
    return {each["monitor"] for each in watched["monitors"] if each["in_alert"]}


def test_people_take_an_alert_on_and_bring_the_model_back(stack) -> None:
    served = Served(stack.data, "heloc", seed=3).trained().deployed()
    try:
        served.predict(500).predict(50, income=lambda value: value + 30)
    finally:
        served.close()
    await_true(lambda: serving(stack, "heloc-eu"), "the model is out of service", 60)
    [(tier, state, _, features, alert_id)] = alerts(stack, "heloc-eu")
    assert (tier, state, features) == ("stop_the_line", "open", ["income"])
    short = alert_id.removeprefix("alert-")[:8]

    [first] = json.loads(stack.run("alerts", "list", "--deployment", "heloc-eu", "--json")[1])
    assert (first["alert_id"], first["tier"]) == (alert_id, tier)
    await_true(lambda: shown(stack, short)["signals"], "its signals have landed")
    screen = stack.run("alerts", "show", short)[1]
    for word in ("income.location", "fallback, releases frozen", f"acknowledge {alert_id}"):
        assert word in screen
    await_true(lambda: "income.location" in at_signal(stack, "heloc-eu"), "its report is there")
    assert "income.location" in stack.run("drift", "show", "heloc-eu")[1]

    taken = said(stack, "acknowledge", short, "--comment", "asking the bureau")
    assert (taken["alert"], taken["state"]) == (alert_id, "acknowledged")
    assert said(stack, "silence", short, "--for", "2h", "--reason", "repair")["silenced_until"]
    closing = ("disposition", alert_id, "--as", "data_quality", "--rationale", "monthly incomes")
    assert said(stack, *closing)["state"] == "resolved"
    assert serving(stack, "heloc-eu") == [("fallback", False)]
    said(stack, *closing, "--resume")
    assert serving(stack, "heloc-eu") == [("live", False)]
    history = [each["what"] for each in shown(stack, alert_id)["history"]]
    closed = ["dispositioned", "resolved", "serving", "dispositioned", "serving"]
    assert history[-7:] == ["acknowledged", "silenced", *closed]


def test_an_escalated_alert_gets_what_its_tier_asks_for(stack) -> None:
    served = Served(stack.data, "card", domain="retail", seed=4).trained().deployed()
    try:
        served.predict(250).predict(300, income=lambda value: value + 9)
        await_true(lambda: alerts(stack, "card-eu"), "an alert", 60)
    finally:
        served.close()
    alert_id = alerts(stack, "card-eu")[0][4]
    before = shown(stack, alert_id)["alert"]
    assert (before["tier"], before["investigation_id"]) == ("caution", "")
    code, _, err = stack.run(
        "alerts", "disposition", alert_id, "--as", "false_alarm", "--rationale", "x", "--by", "ana"
    )
    assert (code, "has no investigation" in err) == (2, True), err
    raised = said(stack, "escalate", alert_id, "--to", "review", "--reason", "it is the bureau")
    assert (raised["tier"], raised["state"]) == ("review", "open")
    assert shown(stack, alert_id)["alert"]["investigating"]
    silenced = said(stack, "silence", "--deployment", "card-eu", "--for", "1d", "--reason", "x")
    assert silenced["silence"]
    assert shown(stack, alert_id)["alert"]["silenced_until"]


def defined(served: Served, version: str, unit: str) -> None:
    body = {
        "feature": ref("feature", "income", version),
        "description": "Income of the applicant",
        "inputs": (),
        "definition": "bureau.income",
        "language": "sql",
        "type": "real",
        "unit": unit,
        "owner": "data-platform",
    }
    served.say("feature.defined", body).result(30)


def test_what_is_behind_it_is_told_kept_and_learned_from(stack, tmp_path) -> None:
    served = Served(stack.data, "auto", seed=9).trained()
    try:
        defined(served, "1", "kEUR")
        served.deployed().predict(500)
        defined(served, "2", "EUR")
        served.predict(50, income=lambda value: value * 1000)
    finally:
        served.close()
    await_true(lambda: serving(stack, "auto-eu"), "the model is out of service", 60)
    alert_id = alerts(stack, "auto-eu")[0][4]
    await_true(lambda: shown(stack, alert_id)["analysed"], "it is analysed")
    found = shown(stack, alert_id)["analysed"]["body"]
    assert (found["likeliest"], found["features"]) == ("pipeline_break", ["income"])
    assert found["changes"][0]["artifact"]["version"] == "2"
    assert "What may be behind it" in stack.run("alerts", "show", alert_id)[1]

    closing = ("--as", "pipeline_break", "--resume", "--rationale", "incomes came in EUR")
    said(stack, "disposition", alert_id, *closing)
    await_true(lambda: investigated(stack, "auto"), "the graph has it")
    [closed] = investigated(stack, "auto")
    assert (closed["disposition"], closed["closed_by"]) == ("pipeline_break", "ana")
    assert investigated(stack, "auto-eu")

    code, out, err = stack.run("drift", "tune", "auto-eu", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["proposals"], told["diff"]) == ([], "")
    [income] = [
        e
        for e in told["record"]
        if (e["deployment"], e["monitor"]) == ("auto-eu", "income.location")
    ]
    assert (income["true_alerts"], income["false_alerts"]) == (1, 0)
    assert income["true_effects"][0] > 2

    policy = tmp_path / "drift.toml"
    policy.write_text((files("auditspine.policies") / "drift.toml").read_text() + "# ours\n")
    publishing = ("drift", "publish", str(policy), "--reason", "ours", "--json")
    assert [json.loads(stack.run(*publishing)[1])["published"] for _ in range(2)] == [True, False]


def investigated(stack, name: str) -> list[dict]:
    return json.loads(stack.run("history", name, "--json")[1])["investigations"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("acknowledge", "alert-nothing", "--comment", "x"), "no alert of acme is called"),
        (("escalate", "{id}", "--to", "caution", "--reason", "x"), "expected stop_the_line"),
        (("silence", "--deployment", "card-e", "--for", "2h", "--reason", "x"), "card-eu"),
        (("silence", "{id}", "--until", "2020-01-01", "--reason", "x"), "over already"),
    ],
)
def test_what_cannot_be_said_is_refused(stack, arguments, words) -> None:
    alert_id = alerts(stack, "card-eu")[0][4]
    given = [each.format(id=alert_id) for each in arguments]
    code, _, err = stack.run("alerts", *given, "--by", "ana")
    assert (code, words in err) == (2, True), err


def test_a_deployment_that_nothing_was_seen_of_says_what_is_missing(stack) -> None:
    served = Served(stack.data, "leads", domain="retail", seed=6).trained().deployed()
    try:
        served.predict(20)
    finally:
        served.close()
    await_true(lambda: "20 predictions landed" in stack.run("drift", "show")[2], "it landed")
    code, out, err = stack.run("drift", "show", "leads-eu")
    assert (code, out) == (0, "")
    assert "the first report comes after a few hundred" in err
    code, _, err = stack.run("drift", "show", "lead-eu")
    assert (code, "the nearest is leads-eu" in err) == (2, True), err


def test_what_was_computed_is_what_the_logs_say(stack) -> None:
    for name in ("drift", "alerts"):
        code, out, err = stack.run("rebuild", name, "--check")
        assert code == 0, out + err
        code, _, err = stack.run("rebuild", name)
        assert code == 2
        assert "it is compared only" in err
