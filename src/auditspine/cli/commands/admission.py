"""``auditspine admission``: lets only allowed digests into a cluster or a registry."""

from pathlib import Path
from typing import Annotated

import typer

from auditspine.cli.admitting import (
    given_keys,
    listen,
    read_token,
    require_certificate,
    require_loopback,
    sealed_keys,
    serve,
)
from auditspine.cli.connections import kafka_properties
from auditspine.cli.console import stdout
from auditspine.cli.errors import CliError
from auditspine.cli.extras import require_extra
from auditspine.cli.logs import set_up_logging
from auditspine.cli.options import DataDirOption, ServersOption
from auditspine.cli.settings import load_settings
from auditspine.producers.admission.review import Images, Terms
from auditspine.producers.release_guard import ReleaseGuard


def admission(
    tenant: Annotated[str, typer.Option(help="The tenant whose models they are.")],
    environment: Annotated[str, typer.Option("--env", help="The environment that is guarded.")],
    *,
    tls_cert: Annotated[
        Path | None, typer.Option(help="PEM certificate chain.", show_default=False)
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="Its private key, mode 0600.", show_default=False)
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for a free one.")] = 8443,
    max_staleness: Annotated[
        float, typer.Option(help="Seconds without a sign of life, then everything is refused.")
    ] = 10.0,
    release_keys: Annotated[
        list[str] | None,
        typer.Option(
            "--release-key",
            metavar="HEX",
            help="Public key of the release processor. [default: what the sealed control log "
            "names, checked against the trust file]",
            show_default=False,
        ),
    ] = None,
    images: Annotated[
        Images,
        typer.Option(
            help="Whose container images must be pinned by digest and allowed as well: `all`, or "
            "those of the containers in `auditspine.io/model-containers`, the others pinned."
        ),
    ] = Images.NONE,
    optional: Annotated[
        bool, typer.Option("--optional", help="Let objects through that name no model.")
    ] = False,
    registry_token_file: Annotated[
        Path | None,
        typer.Option(help="A token that /registry asks for, mode 0600.", show_default=False),
    ] = None,
    no_tls: Annotated[
        bool, typer.Option("--no-tls", help="Plain HTTP, on a loopback address only.")
    ] = False,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
) -> None:
    """Answer a Kubernetes admission webhook and a registry hook until SIGTERM or Ctrl-C.

    `POST /validate` takes an AdmissionReview and refuses objects whose annotation
    `auditspine.io/model-digest` is missing, or names a digest without an allowing decision.
    `POST /registry` takes `{"digest": "sha256:…"}`. `/readyz` says whether verdicts are known;
    while they are not, everything is refused. docs/enforcement.md has the whole of it.

    **Examples**

    `auditspine admission --tenant acme --env production --tls-cert tls.crt --tls-key tls.key
    --host 0.0.0.0`

    `auditspine admission --tenant acme --env staging --no-tls --port 8080`
    """
    require_extra("admission", "starlette", "uvicorn")
    from auditspine.producers.admission.app import Admission, make_app  # noqa: PLC0415

    settings = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers)
    set_up_logging(settings)
    tls = _tls(tls_cert, tls_key, host, no_tls=no_tls)
    token = None if registry_token_file is None else read_token(registry_token_file)
    kafka = kafka_properties(settings)
    keys = given_keys(release_keys) if release_keys else sealed_keys(settings, kafka, tenant)
    guard = ReleaseGuard(
        kafka,
        tenant=tenant,
        environment=environment,
        keys=keys,
        topics=settings.topics,
        max_staleness_s=max_staleness,
    )
    terms = Terms(environment, images, optional=optional)
    with guard, listen(host, port) as listener:
        app = make_app(Admission(guard.check, lambda: guard.wait_ready(0), terms, token))
        scheme, name = "http" if no_tls else "https", f"[{host}]" if ":" in host else host
        address = f"{scheme}://{name}:{listener.getsockname()[1]}"
        stdout.print(f"{tenant}, {environment}: listening on {address}", markup=False)
        serve(app, listener, *tls)


def _tls(
    certificate: Path | None, key: Path | None, host: str, *, no_tls: bool
) -> tuple[Path | None, Path | None]:
    if no_tls:
        if certificate is not None or key is not None:
            raise CliError("--no-tls: give it, or --tls-cert and --tls-key, not both")
        require_loopback(host)
        return None, None
    if certificate is None or key is None:
        raise CliError("give --tls-cert and --tls-key, or --no-tls on a loopback address")
    require_certificate(certificate, key)
    return certificate, key
