"""The demo's real input: mortgage applications, split into lenders and into train, test and live.

Pure: no clock, no randomness. See ``data/ORIGIN.md``.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

NUMERIC = ("dir", "hir", "lvr", "ccs", "mcs", "uria")
YES_NO = ("pbcr", "dmi", "self", "single", "comdominiom")
FEATURES = (*NUMERIC, *YES_NO)
PROTECTED = "black"
ATTRIBUTE = "race"
"""The protected attribute of the column of that name, as predictions carry it: as a token."""
LABEL = "deny"
_WORDS = {"1": "yes", "0": "no"}  # the file's own numbers for the last of them


@dataclass(frozen=True, slots=True)
class Application:
    """One application.

    Attributes:
        number: Row in the file, from 1.
        features: Value of each of ``FEATURES`` as it came: a number, or a word of ``YES_NO``.
        protected: Whether the applicant belongs to the protected group.
        denied: The lender's decision.
    """

    number: int
    features: Mapping[str, float | str]
    protected: bool
    denied: bool

    @property
    def group(self) -> str:
        """The value of :data:`ATTRIBUTE`; never said but as a token."""
        return "black" if self.protected else "other"


@dataclass(frozen=True, slots=True)
class Split:
    """A set of applications with the bytes that identify it."""

    name: str
    rows: tuple[Application, ...]
    content: bytes

    @property
    def digest(self) -> bytes:
        """SHA-256 of the split's CSV bytes, 32 bytes."""
        return sha256(self.content).digest()


def dataset_bytes() -> bytes:
    """Give the data set's file."""
    return (files("auditspine.cli.demo") / "data" / "hmda_boston.csv").read_bytes()


def read_applications(content: bytes) -> tuple[list[Application], int]:
    """Parse the file.

    Returns:
        The complete applications, and the number left out because a value is missing.
    """
    complete, incomplete = [], 0
    for number, row in enumerate(csv.DictReader(content.decode("ascii").splitlines()), start=1):
        if all(row.values()):
            complete.append(_application(number, row))
        else:
            incomplete += 1
    return complete, incomplete


def split(applications: Iterable[Application], lender: str) -> dict[str, Split]:
    """Split one lender's applications into train (60 %), test (20 %) and live (20 %).

    The place of a row depends on a hash of its number, so it never moves.
    """
    shares: dict[str, list[Application]] = {"train": [], "test": [], "live": []}
    for application in applications:
        bucket = _bucket(f"{lender}/{application.number}", 10)
        shares["train" if bucket < 6 else "test" if bucket < 8 else "live"].append(application)
    return {
        name: Split(name, tuple(rows), "\n".join(_lines(rows)).encode("ascii"))
        for name, rows in shares.items()
    }


def of_lender(applications: Iterable[Application], index: int, lenders: int) -> list[Application]:
    """Give the applications that went to one of the demo's lenders."""
    return [item for item in applications if _bucket(f"lender/{item.number}", lenders) == index]


def _application(number: int, row: dict[str, str]) -> Application:
    features: dict[str, float | str] = {name: float(row[name]) for name in NUMERIC}
    features |= {name: _WORDS.get(row[name], row[name]) for name in YES_NO}
    return Application(number, features, row[PROTECTED] == "yes", row[LABEL] == "yes")


def _lines(rows: Iterable[Application]) -> Iterator[str]:
    yield ",".join(("row", *FEATURES, PROTECTED, LABEL))
    for row in rows:
        values = [v if isinstance(v, str) else f"{v:g}" for v in row.features.values()]
        yield ",".join([str(row.number), *values, str(int(row.protected)), str(int(row.denied))])


def _bucket(text: str, buckets: int) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:4], "big") % buckets
