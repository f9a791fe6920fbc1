"""``auditspine topics``: what the topics are, and creating them."""

from dataclasses import asdict

import typer
from rich.table import Table

from auditspine.cli.connections import kafka_properties
from auditspine.cli.console import print_json, stdout
from auditspine.cli.options import DataDirOption, JsonOption, ServersOption
from auditspine.cli.settings import load_settings
from auditspine.cli.topics_admin import TopicState, admin_client, create_topics, topic_states

app = typer.Typer(help="Show and create the topics.", invoke_without_command=True)


@app.callback()
def topics(
    context: typer.Context,
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Compare every topic with what the logs need. Exit code 1 when one is missing or wrong.

    **Examples**

    `auditspine topics`

    `auditspine topics create --bootstrap-servers kafka:9092`
    """
    if context.invoked_subcommand is not None:
        return
    settings = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers)
    states = topic_states(admin_client(kafka_properties(settings)), settings.topics)
    if as_json:
        print_json([asdict(state) for state in states])
    else:
        stdout.print(_table(states))
    raise typer.Exit(1 if any(state.problems for state in states) else 0)


@app.command()
def create(
    data_dir: DataDirOption = None,
    bootstrap_servers: ServersOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Create the topics that are missing; the others are left as they are.

    Partitions and replicas come from AUDITSPINE_PARTITIONS and AUDITSPINE_REPLICATION.
    """
    settings = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers)
    admin = admin_client(kafka_properties(settings))
    created = create_topics(admin, settings.topics, settings.replication)
    if as_json:
        print_json({"created": created})
        return
    for name in created:
        stdout.print(f"[good]✓[/] created {name}")
    if not created:
        stdout.print("all topics exist; `auditspine topics` compares them")


def _table(states: list[TopicState]) -> Table:
    table = Table(box=None, header_style="title", pad_edge=False)
    for name in ("topic", "partitions", "id", "state"):
        table.add_column(name, overflow="fold")
    for state in states:
        problems = "\n".join(f"[bad]{problem}[/]" for problem in state.problems)
        partitions = str(state.partitions) if state.partitions else "-"
        table.add_row(state.name, partitions, state.topic_id or "-", problems or "[good]ok[/]")
    return table
