"""``deploy/kubernetes/admission.yaml``, as far as it can be checked without a cluster."""

import re
import subprocess
from pathlib import Path

import click
import pytest
import typer.main
import yaml
from tests.certificates import Authority

from auditspine.cli.admitting import require_certificate
from auditspine.cli.main import app
from auditspine.cli.settings import Settings
from auditspine.ledger.keyfile import KeyFileError
from auditspine.producers.admission.app import Admission, make_app
from auditspine.producers.admission.review import Terms

ROOT = Path(__file__).parents[3]
OBJECTS = list(yaml.safe_load_all((ROOT / "deploy/kubernetes/admission.yaml").read_text()))
BY_KIND = {each["kind"]: each for each in OBJECTS}
POD = BY_KIND["Deployment"]["spec"]["template"]["spec"]
CONTAINERS = [*POD["initContainers"], *POD["containers"]]
(SERVING,) = POD["containers"]
(WEBHOOK,) = BY_KIND["ValidatingWebhookConfiguration"]["webhooks"]
LABELS = BY_KIND["Deployment"]["spec"]["template"]["metadata"]["labels"]


def option(name: str) -> str:
    return next(arg.partition("=")[2] for arg in SERVING["args"] if arg.startswith(f"--{name}="))


def test_each_object_is_there_once_and_no_role() -> None:
    assert sorted(each["kind"] for each in OBJECTS) == [
        "Deployment",
        "Namespace",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "ServiceAccount",
        "ValidatingWebhookConfiguration",
    ]


def test_the_webhook_fails_closed_and_changes_nothing() -> None:
    assert WEBHOOK["failurePolicy"] == "Fail"
    assert WEBHOOK["sideEffects"] == "None"
    assert WEBHOOK["admissionReviewVersions"] == ["v1"]
    assert WEBHOOK["matchPolicy"] == "Equivalent"
    assert 1 <= WEBHOOK["timeoutSeconds"] <= 10


def test_the_webhook_is_for_labelled_namespaces_and_never_for_its_own() -> None:
    selected = WEBHOOK["namespaceSelector"]["matchLabels"]
    assert selected == {"auditspine.io/enforce": option("env")}
    own = BY_KIND["Namespace"]["metadata"]
    assert not selected.items() <= own["labels"].items()
    assert "objectSelector" not in WEBHOOK  # who writes an object would choose to be looked at
    assert {each["metadata"].get("namespace", own["name"]) for each in OBJECTS} == {own["name"]}


def test_pods_are_judged_on_every_way_in() -> None:
    judged = {
        resource: rule["operations"] for rule in WEBHOOK["rules"] for resource in rule["resources"]
    }
    assert all(operations == ["CREATE", "UPDATE"] for operations in judged.values())
    assert {"pods", "pods/ephemeralcontainers", "deployments", "cronjobs"} <= judged.keys()
    assert "inferenceservices" in judged
    assert {rule["scope"] for rule in WEBHOOK["rules"]} == {"Namespaced"}


def test_the_path_leads_to_the_webhook() -> None:
    called = WEBHOOK["clientConfig"]["service"]
    service = BY_KIND["Service"]
    assert called["name"] == service["metadata"]["name"]
    (port,) = service["spec"]["ports"]
    assert called["port"] == port["port"]
    (opened,) = SERVING["ports"]
    assert port["targetPort"] == opened["name"]
    assert opened["containerPort"] == int(option("port"))
    routes = {route.path for route in make_app(_nobody()).routes}
    probes = [SERVING[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")]
    assert {called["path"], *(probe["path"] for probe in probes)} <= routes
    assert {(probe["scheme"], probe["port"]) for probe in probes} == {("HTTPS", opened["name"])}
    assert probes[2]["path"] == "/readyz"
    for kind in ("Service", "NetworkPolicy", "PodDisruptionBudget", "Deployment"):
        selector = BY_KIND[kind]["spec"].get("selector") or BY_KIND[kind]["spec"]["podSelector"]
        assert selector.get("matchLabels", selector) == LABELS


def _nobody() -> Admission:
    return Admission(lambda _: pytest.fail("not asked"), lambda: False, Terms("production"))


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda each: each["name"])
def test_containers_have_the_least_rights(container: dict) -> None:
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert re.fullmatch(r"[^:@]+@sha256:[0-9a-f]{64}", container["image"])
    assert container["resources"]["limits"]["memory"]


def test_the_pod_is_not_root_and_has_no_token() -> None:
    context = POD["securityContext"]
    assert context["runAsNonRoot"] is True
    uid = int(re.search(r"--uid (\d+)", (ROOT / "Dockerfile").read_text())[1])
    assert context["runAsUser"] == uid
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert POD["automountServiceAccountToken"] is False
    assert BY_KIND["ServiceAccount"]["automountServiceAccountToken"] is False
    assert POD["serviceAccountName"] == BY_KIND["ServiceAccount"]["metadata"]["name"]
    assert not {"hostNetwork", "hostPID", "hostIPC"} & POD.keys()
    assert not any("hostPath" in volume for volume in POD["volumes"])
    assert BY_KIND["Namespace"]["metadata"]["labels"] == {
        "pod-security.kubernetes.io/enforce": "restricted"
    }


def test_what_is_served_can_write_nothing_and_does_not_see_the_secret() -> None:
    mounts = {mount["name"]: mount for mount in SERVING["volumeMounts"]}
    assert all(mount["readOnly"] is True for mount in mounts.values())
    assert "secret" not in mounts
    assert f"{mounts['tls']['mountPath']}/tls.key" == option("tls-key")
    (copies,) = [each["command"][-1] for each in POD["initContainers"]]
    assert "-m 0400 /secret/tls.key" in copies


def test_the_key_of_a_secret_is_copied_as_the_command_takes_it(tmp_path: Path) -> None:
    held, secret, tls = (tmp_path / name for name in ("..data", "secret", "tls"))
    for folder in (held, secret, tls):
        folder.mkdir()
    for name, path in zip(("tls.crt", "tls.key"), Authority(held).issue("web"), strict=True):
        path.chmod(0o440)
        (secret / name).symlink_to(path)
    with pytest.raises(KeyFileError):
        require_certificate(secret / "tls.crt", secret / "tls.key")
    (shell, option_c, script) = POD["initContainers"][0]["command"]
    script = script.replace("/secret/", f"{secret}/").replace("/tls/", f"{tls}/")
    subprocess.run([shell, option_c, script], check=True)
    require_certificate(tls / "tls.crt", tls / "tls.key")


def test_the_network_is_closed_but_for_what_it_needs() -> None:
    spec = BY_KIND["NetworkPolicy"]["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    opened = [port["port"] for rule in spec["ingress"] for port in rule["ports"]]
    assert opened == [int(option("port"))]
    assert sorted(port["port"] for rule in spec["egress"] for port in rule["ports"]) == [
        53,
        53,
        9092,
    ]


def test_one_stays_while_others_are_moved() -> None:
    assert BY_KIND["Deployment"]["spec"]["replicas"] > 1
    assert BY_KIND["PodDisruptionBudget"]["spec"]["minAvailable"] == 1


def test_the_command_and_its_settings_exist() -> None:
    name, *options = SERVING["args"]
    command = typer.main.get_command(app)
    found = command.get_command(click.Context(command), name)
    context = found.make_context(name, list(options))
    assert (context.params["tenant"], context.params["environment"]) == ("acme", "production")
    assert context.params["no_tls"] is False
    given = {each["name"].removeprefix("AUDITSPINE_").lower() for each in SERVING["env"]}
    assert given <= set(Settings.model_fields)
