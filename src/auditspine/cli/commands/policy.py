"""``auditspine policy``: check, show and publish the policy that releases are judged by."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from auditspine.cli.connections import kafka_properties
from auditspine.cli.console import print_json, printable, stdout
from auditspine.cli.control import read_control
from auditspine.cli.discovery import fetch_jwks
from auditspine.cli.errors import CliError
from auditspine.cli.operator import await_sealed, speaking, watch_control
from auditspine.cli.options import DataDirOption, JsonOption, ServersOption
from auditspine.cli.policy_words import as_json as ruleset_json
from auditspine.cli.policy_words import flags, tightened
from auditspine.cli.settings import load_settings
from auditspine.ledger.control import EVERY_TENANT
from auditspine.processors.release.bundle import Fetch, bundle
from auditspine.processors.release.errors import PolicyError
from auditspine.processors.release.policy import ReleasePolicy, parse_policy

NAME = "release"
_SEAL_S = 30.0

app = typer.Typer(
    help="Check, show and publish the policy that releases are judged by.", no_args_is_help=True
)

FolderArgument = Annotated[
    Path | None,
    typer.Argument(
        help="Folder with release.toml, classes/ and overlays/. [default: the shipped policy]",
        show_default=False,
    ),
]


@app.command()
def check(
    folder: FolderArgument = None,
    *,
    offline: Annotated[
        bool,
        typer.Option(
            "--offline", help="Ask no identity provider for its keys; then there is no digest."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check a policy as publishing does, and tell its rules and what its overlays tighten.

    **Example**: `auditspine policy check policies/release`
    """
    policy, _ = _read(folder, _no_keys if offline else fetch_jwks)
    digest = None if offline and policy.providers else policy.digest.hex()
    found = {
        risk_class: {name: tightened(policy, risk_class, name) for name in policy.jurisdictions}
        for risk_class in policy.classes
    }
    if as_json:
        rules = {each: policy.ruleset(each).rules for each in policy.classes}
        classes = {
            name: {"rules": [rule.id for rule in rules[name]], "overlays": found[name]}
            for name in policy.classes
        }
        print_json({"version": policy.version, "digest": digest, "classes": classes})
        return
    for risk_class, overlays in found.items():
        rules_of = policy.ruleset(risk_class).rules
        stdout.print(f"[title]{risk_class}[/] {len(rules_of)} rules")
        stdout.print("  " + ", ".join(rule.id for rule in rules_of))
        for jurisdiction, told in overlays.items():
            said = "; ".join(told) or "changes nothing"
            stdout.print(f"  [dim]{jurisdiction}:[/] {printable(said)}", soft_wrap=True)
    _print_use(policy)
    stdout.print(
        f"[good]✓[/] version {policy.version}, digest "
        + (f"[hash]{digest}[/]" if digest else "as of the providers' keys"),
        soft_wrap=True,
    )


@app.command()
def show(
    folder: FolderArgument = None,
    risk_class: Annotated[
        str | None,
        typer.Option("--class", help="Risk class. [default: the policy's default]"),
    ] = None,
    jurisdictions: Annotated[
        list[str] | None,
        typer.Option("--jurisdiction", help="Jurisdiction whose overlay applies; repeat for more."),
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show the rules of a class, with what they mean and which obligations they serve.

    **Example**: `auditspine policy show --class high --jurisdiction eu`
    """
    policy, _ = _read(folder, _no_keys)
    try:
        ruleset = policy.ruleset(risk_class or policy.default_class, jurisdictions or ())
    except PolicyError as exc:
        raise CliError(
            f"{exc}: expected a class of {', '.join(policy.classes)} and jurisdictions of "
            f"{', '.join(policy.jurisdictions) or 'none'}"
        ) from None
    if as_json:
        print_json(ruleset_json(ruleset))
        return
    table = Table(box=None, header_style="title", pad_edge=False)
    for name in ("rule", "otherwise", "serves"):
        table.add_column(name, overflow="fold")
    for rule in ruleset.rules:
        table.add_row(rule.id, flags(rule), printable("; ".join(rule.obligations)) or "-")
    stdout.print(table)
    named = ", ".join(f"{name} = {value}" for name, value in ruleset.parameters.items())
    stdout.print(f"parameters: {printable(named)}", style="dim", markup=False, soft_wrap=True)


@app.command()
def publish(
    reason: Annotated[str, typer.Option(help="Why; it becomes part of the evidence.")],
    folder: FolderArgument = None,
    tenants: Annotated[
        list[str] | None,
        typer.Option(
            "--tenant",
            help="Tenant that it holds for; repeat for more. "
            "[default: every one without a policy of its own]",
        ),
    ] = None,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Publish a policy in the control log and wait until it is sealed; it holds from then on.

    The keys of its identity providers are fetched now and published with it. Repeating it changes
    nothing.

    **Example**: `auditspine policy publish policies/release --reason "two approvers from May on"`
    """
    policy, text = _read(folder, fetch_jwks)
    settings = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers)
    named = list(dict.fromkeys(tenants or (EVERY_TENANT,)))
    known = read_control(kafka_properties(settings), settings.topics)
    if lost := [each for each in named if each != EVERY_TENANT and each not in known.tenants]:
        raise CliError(
            f"--tenant: {lost[0]} is not registered: auditspine tenants register {lost[0]}"
        )
    in_force = all(known.policies.get((NAME, each)) == policy.digest for each in named)
    size = None
    if not in_force:
        with watch_control(settings) as watch:
            with speaking(settings) as operator:
                said = operator.publish_policy(NAME, text, named, reason)
            size = await_sealed(watch, [said], _SEAL_S)[0].position + 1
    digest = policy.digest.hex()
    if as_json:
        print_json(
            {
                "digest": digest,
                "tenants": named,
                "published": not in_force,
                "control_size": size,
            }
        )
        return
    whom = "every tenant without its own" if named == [EVERY_TENANT] else ", ".join(named)
    how = "was in force already" if in_force else f"is in force from control entry {size} on"
    stdout.print(f"[good]✓[/] policy [hash]{digest}[/] {how}, for {whom}", soft_wrap=True)


def _read(folder: Path | None, fetch: Fetch) -> tuple[ReleasePolicy, str]:
    """Give a folder's policy, and its text."""
    if folder is not None and not folder.is_dir():
        raise CliError(f"{folder}: expected a folder with release.toml, classes and overlays")
    try:
        text = bundle(folder, fetch)
        return parse_policy(text), text
    except PolicyError as exc:
        where = "" if folder is None else f"{folder}: "
        raise CliError(f"{where}the release policy cannot be used: {exc}") from None


def _no_keys(issuer: str) -> Mapping[str, Any]:
    """Stand in for the keys of a provider that is not asked."""
    return {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "", "kid": issuer}]}


def _print_use(policy: ReleasePolicy) -> None:
    roles = ", ".join(policy.approver_roles)
    stdout.print(f"environments: {' → '.join(policy.environments)}", markup=False, soft_wrap=True)
    stdout.print(f"approvers: {roles}", markup=False, soft_wrap=True)
    if not policy.providers:
        stdout.print("[warn]no identity provider:[/] nobody's approval can count")
    for each in policy.providers:
        keys = len(each.jwks["keys"])
        stdout.print(f"identity: {each.issuer}, {keys} keys", markup=False, soft_wrap=True)
