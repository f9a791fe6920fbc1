"""Whom a key may be registered for; and that what processors derive is theirs alone."""

import pytest

from auditspine.cli.commands.keys import _require_free
from auditspine.cli.control import SPEAKERS
from auditspine.cli.errors import CliError
from auditspine.ledger.control import RESERVED
from auditspine.schemas.catalogue import event_types


def test_what_is_reserved_is_what_the_processors_say() -> None:
    said = [each for types in SPEAKERS.values() for each in types]
    assert sorted(said) == sorted(RESERVED)
    assert set(event_types()) >= RESERVED


@pytest.mark.parametrize("glob", ["alert.raised", "alert.r*", "drift.*", "serving.observed"])
@pytest.mark.parametrize("producer", ["scorer", "auditspine-notify", "auditspine-scorer"])
def test_a_type_that_a_processor_derives_is_refused_to_others(glob: str, producer: str) -> None:
    with pytest.raises(CliError, match=f"derived by auditspine-.*; got .* for {producer}"):
        _require_free(glob, producer)


@pytest.mark.parametrize(
    ("glob", "producer"),
    [
        ("alert.raised", "auditspine-alerts"),
        ("notification.delivered", "auditspine-notify"),
        ("*", "scorer"),
        ("alert.*", "scorer"),
        ("alert.acknowledged", "console"),
        ("prediction.made", "scorer"),
    ],
)
def test_everything_else_can_be_registered(glob: str, producer: str) -> None:
    _require_free(glob, producer)
