"""How the demo speaks: steps, and what is done."""

from rich.markup import escape

from auditspine.cli.console import stdout


def step(title: str) -> None:
    """Print a step's title."""
    stdout.print(f"\n[title]▸ {title}[/]")


def done(text: str) -> None:
    """Print that something is done."""
    stdout.print(f"  [good]✓[/] {escape(text)}", soft_wrap=True)


def remark(text: str) -> None:
    """Print what is worth to know."""
    stdout.print(f"  {escape(text)}", style="dim", soft_wrap=True)
