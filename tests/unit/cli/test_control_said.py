"""What the control topic says is what decides which control events are said still."""

import pytest

from auditspine.cli.control import SPEAKERS, Said
from auditspine.schemas.models import KeyRegisteredBody

KEY = b"\1" * 32


def said(*types: str) -> Said:
    body = KeyRegisteredBody(
        public_key=KEY,
        producer="auditspine-alerts",
        tenants=("*",),
        event_types=types,
        purpose="producer",
    )
    return Said(keys={KEY: body})


@pytest.mark.parametrize(
    ("known", "lacks"),
    [
        (Said(), True),
        (said(*SPEAKERS["alerts"]), False),
        (said(*SPEAKERS["alerts"], "more.of_them"), False),
        (said("alert.raised", "alert.resolved"), True),
    ],
)
def test_a_processors_key_is_registered_anew_for_types_of_a_later_release(known, lacks) -> None:
    assert known.lacks(KEY, SPEAKERS["alerts"]) is lacks


def test_a_revoked_key_is_not_registered_again() -> None:
    known = said("alert.raised")
    known.revoked.add(KEY)
    assert not known.lacks(KEY, SPEAKERS["alerts"])
