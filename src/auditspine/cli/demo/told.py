"""Shows what whoever is on call received of something, over HTTP."""

from rich.markup import escape

from auditspine.cli.console import stdout
from auditspine.cli.demo.receiver import Message, Receiver
from auditspine.cli.demo.telling import remark
from auditspine.cli.errors import CliError
from auditspine.cli.settings import Settings

_TOLD_S = 60.0


def show_told(settings: Settings, receiver: Receiver | None, of: str) -> Message | None:
    """Print the message that has a text in it; give it.

    Args:
        settings: The settings.
        receiver: Who is told; ``None`` when the stack that runs tells nobody here.
        of: The text.

    Returns:
        The message; ``None`` without a receiver, which is said.

    Raises:
        CliError: Nothing came in time.
    """
    if receiver is None:
        file = settings.notifications
        whom = f"tells whom {file} names" if file else "AUDITSPINE_NOTIFICATIONS is not set"
        remark(f"not shown: this stack runs without the demo's receiver, and {whom}")
        return None
    message = received(receiver, of)
    stdout.print(f"  [bold]{escape(message.title)}[/]", soft_wrap=True)
    for line in message.text.splitlines():
        if line not in message.title:
            stdout.print(f"  {escape(line)}", soft_wrap=True)
    return message


def received(receiver: Receiver, of: str) -> Message:
    """Give the message that has a text in it.

    Raises:
        CliError: Nothing came in time.
    """
    message = receiver.wait_for(of, _TOLD_S)
    if message is None:
        raise CliError(f"the receiver was not told of {of} in {_TOLD_S:.0f} s")
    return message
