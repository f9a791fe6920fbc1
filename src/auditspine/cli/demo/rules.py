"""The rules that a lender of the demo publishes for its releases: the shipped ones, adapted."""

import shutil
from importlib.resources import as_file, files
from pathlib import Path

from auditspine.cli.commands.policy import app as policy_command
from auditspine.cli.demo.commanding import run
from auditspine.cli.demo.deployment import GATED
from auditspine.cli.demo.identity import IdentityProvider
from auditspine.cli.demo.telling import remark, step
from auditspine.cli.errors import CliError
from auditspine.cli.settings import Settings

ENVIRONMENT = "production"

_CHANGES = {
    'environments = ["development", "staging", "production"]': f'environments = ["{ENVIRONMENT}"]',
    "grace_minutes = 5 ": "grace_minutes = 0 ",
}
_IDENTITY = """
[[identity]]
issuer = "{issuer}"
audience = "{client_id}"
person_claim = "employee_number"
"""


def publish_rules(settings: Settings, provider: IdentityProvider) -> None:
    """Publish a lender's release policy, and wait until it is in force.

    Its folder is written anew: every run of the demo has an identity provider with keys of its own.

    Raises:
        CliError: The shipped policy is not what this was written for, or it cannot be published.
    """
    step(f"{GATED.title()} publishes the rules that its releases are judged by")
    folder = settings.data_dir / "policy" / GATED
    _write(folder, provider)
    remark("the shipped rules for high risk with the EU and US overlays; one environment")
    remark("beacon publishes none, and is held to none")
    words = ("policy", "publish", str(folder), "--tenant", GATED, "--reason", "releases are gated")
    run(settings, policy_command, words)


def _write(folder: Path, provider: IdentityProvider) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with as_file(files("auditspine.policies") / "release") as shipped:
        shutil.copytree(shipped, folder)
    path = folder / "release.toml"
    text = path.read_text("utf-8")
    for before, after in _CHANGES.items():
        if before not in text:
            raise CliError(f"{path}: expected the shipped policy with {before!r}")
        text = text.replace(before, after)
    text += _IDENTITY.format(issuer=provider.issuer, client_id=provider.client_id)
    path.write_text(text, "utf-8")
