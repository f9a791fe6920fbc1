"""``auditspine artifact``: sign and verify a model's bytes, and take a model out of use."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from auditspine.cli.artifact_files import beside, read_signature, target_of, write_signature
from auditspine.cli.artifact_keys import public_key, workload_keys
from auditspine.cli.artifact_screen import (
    described,
    digest_shown,
    digest_text,
    tell_altered,
    tell_signed,
    tell_unsigned,
    tell_verified,
)
from auditspine.cli.connections import kafka_properties
from auditspine.cli.console import print_json, printable, stdout
from auditspine.cli.errors import CliError
from auditspine.cli.model_ref import ModelArgument, parse_model
from auditspine.cli.options import DataDirOption, JsonOption, ServersOption
from auditspine.cli.person import KeyOption, PersonSpeaker, WorkloadOption
from auditspine.cli.settings import load_settings
from auditspine.ledger.errors import IntegrityError
from auditspine.ledger.intoto import Manifest, open_artifact, sign_artifact
from auditspine.ledger.keyfile import public_bytes, read_key
from auditspine.producers.artifact import differences
from auditspine.schemas.models import (
    ArtifactQuarantined,
    ArtifactQuarantinedBody,
    ArtifactRef,
    ArtifactSigned,
    ArtifactSignedBody,
    QuarantineAction,
)

_FORMAT = "dsse"

app = typer.Typer(help="Sign and verify a model's bytes; quarantine a model.", no_args_is_help=True)

PathArgument = Annotated[
    Path,
    typer.Argument(metavar="PATH", help="The artifact: a file, or a directory with all in it."),
]
DomainOption = Annotated[str, typer.Option(help="Business domain of the event.")]


@app.command()
def digest(path: PathArgument, *, as_json: JsonOption = False) -> None:
    """Print an artifact's digest, as models are named with.

    Of a file it is the SHA-256 of its bytes; of a directory that of its files' digests, in the
    order of their names, as OpenSSF Model Signing has it.

    **Example**: `auditspine artifact digest model/`
    """
    found = digest_shown(path)
    if as_json:
        print_json(described(found))
    else:
        stdout.print(f"[hash]{digest_text(found)}[/]", soft_wrap=True)


@app.command()
def sign(
    path: PathArgument,
    key: KeyOption = None,
    name: Annotated[
        str | None,
        typer.Option(help="What the model is called. [default: the last part of PATH]"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Where the signature goes. [default: PATH.sig]", show_default=False),
    ] = None,
    *,
    publish: Annotated[
        bool, typer.Option("--publish", help="Publish artifact.signed and wait until it is sealed.")
    ] = False,
    tenant: Annotated[str | None, typer.Option(help="The tenant; with --publish.")] = None,
    version: Annotated[
        str | None, typer.Option(help="The model's version; with --publish.")
    ] = None,
    workload: Annotated[
        str | None,
        typer.Option(help="Workload whose key it is, registered for the tenant; with --publish."),
    ] = None,
    domain: DomainOption = "governance",
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
) -> None:
    """Sign an artifact where it is made, with the key of the workload that made it.

    Nothing is read twice and nothing is held in memory; an artifact that changes meanwhile is
    refused. With --publish a release can rest on the signature.

    **Examples**

    `auditspine artifact sign model/ --key trainer.pem`

    `auditspine artifact sign model.safetensors --name mortgage-risk --publish --version 3
    --tenant acme --workload trainer`
    """
    settings = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers)
    if key is None and workload is None:
        raise CliError("name the key file with --key, or its workload with --workload")
    private = read_key(key or settings.data_dir / "keys" / f"{workload}.pem")
    target = target_of(path, output)
    speaker = None
    if publish:
        if not (tenant and version and workload):
            raise CliError("--publish needs --tenant, --version and --workload")
        _reference(name or path.resolve().name, version, bytes(32))
        kafka_properties(settings)  # what is wrong is said before hours go into a digest
        speaker = PersonSpeaker(settings, tenant, None, workload, key, domain)
    manifest = digest_shown(path, name)
    envelope = sign_artifact(private, manifest)
    write_signature(target, envelope)
    event = None
    if speaker is not None:
        [event] = _say_signed(speaker, manifest, version or "", envelope, public_bytes(private))
    tell_signed(target, manifest, event, as_json=as_json)


@app.command()
def verify(
    path: PathArgument,
    signature: Annotated[
        Path | None,
        typer.Option(help="The signature. [default: PATH.sig]", show_default=False),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(help="The signer's public key: 64 hexadecimal digits, or a PEM file."),
    ] = None,
    trusted_by: Annotated[
        str | None,
        typer.Option(
            "--trusted-by",
            metavar="WORKLOAD",
            help="Instead of --key: a key that the control log has for this workload.",
        ),
    ] = None,
    tenant: Annotated[
        str | None, typer.Option(help="With --trusted-by: for which the key must be registered.")
    ] = None,
    *,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
) -> None:
    """Check that an artifact is, byte for byte, what was signed.

    The exit code is 1 when it was altered or the key did not sign it, and 2 when that could not
    be checked. With --key nothing but the files is needed.

    **Examples**

    `auditspine artifact verify model/ --key 3f…`

    `auditspine artifact verify model/ --trusted-by trainer --tenant acme`
    """
    if (key is None) == (trusted_by is None):
        raise CliError("name either --key or --trusted-by: a signature says nothing of itself")
    file = signature or beside(path)
    envelope = read_signature(file)
    if key is not None:
        keys = [public_key(key)]
    else:
        settings = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers)
        keys = workload_keys(settings, trusted_by or "", tenant)
    try:
        signed, by = _opened(envelope, keys)
    except IntegrityError as exc:
        tell_unsigned(file, f"does not hold: {exc}", as_json=as_json)
        raise typer.Exit(1) from None
    found = digest_shown(path, signed.name)
    if changes := differences(signed, found):
        tell_altered(path, signed, changes, as_json=as_json)
        raise typer.Exit(1)
    tell_verified(path, found, by, as_json=as_json)


@app.command()
def quarantine(
    model: ModelArgument,
    tenant: Annotated[str, typer.Option(help="The tenant.")],
    reason: Annotated[str, typer.Option(help="Why; it becomes part of the evidence.")],
    *,
    release: Annotated[bool, typer.Option("--release", help="End the quarantine instead.")] = False,
    by: Annotated[
        str | None, typer.Option(help="Who does it. [default: the workload itself]")
    ] = None,
    workload: WorkloadOption = "on-call",
    key: KeyOption = None,
    domain: DomainOption = "governance",
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
) -> None:
    """Take one exact model out of use, or let it be used again, and wait until that is sealed.

    **Example**

    `auditspine artifact quarantine mortgage-risk:3@sha256:… --tenant acme --reason "poisoned data"`
    """
    settings = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers)
    artifact = parse_model(model)
    action: QuarantineAction = "released" if release else "quarantined"
    body = ArtifactQuarantinedBody(artifact=artifact, action=action, reason=reason)
    speaker = PersonSpeaker(settings, tenant, by, workload, key, domain)
    [event] = speaker.say(
        [lambda envelope: ArtifactQuarantined(envelope=envelope, body=body)],
        "incident",
        f"{action} {artifact.name}",
    )
    if as_json:
        print_json({"model": model, "action": action, "event": event})
    else:
        stdout.print(Text.assemble(("✓ ", "good"), printable(f"{model}: {action}")), soft_wrap=True)


def _reference(name: str, version: str, digest: bytes) -> ArtifactRef:
    return ArtifactRef(kind="model", name=name, version=version, digest=digest)


def _say_signed(
    speaker: PersonSpeaker, manifest: Manifest, version: str, envelope: str, signer: bytes
) -> Sequence[str]:
    artifact = _reference(manifest.name, version, manifest.digest)
    body = ArtifactSignedBody(
        artifact=artifact, format=_FORMAT, envelope=envelope, public_key=signer
    )
    return speaker.say(
        [lambda shared: ArtifactSigned(envelope=shared, body=body)],
        "request",
        "signed where it was made",
    )


def _opened(envelope: str, keys: Sequence[bytes]) -> tuple[Manifest, bytes]:
    """Read a signature with the first key that made it."""
    for key in keys[:-1]:
        try:
            return open_artifact(envelope, key), key
        except IntegrityError:
            continue
    return open_artifact(envelope, keys[-1]), keys[-1]
