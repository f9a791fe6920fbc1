"""Rebuilds a release: every piece, from one tenant's entries about one digest. Pure.

The order in which entries are given does not matter; what was sealed and is not what was sealed
any more makes the pieces that rest on it unverifiable, never present.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from auditspine.auditor.tabletop import deciding, making, serving
from auditspine.auditor.tabletop.dossier import Dossier
from auditspine.auditor.tabletop.entry import Entry
from auditspine.auditor.tabletop.findings import listed
from auditspine.auditor.tabletop.people import people
from auditspine.auditor.tabletop.remarks import remarks, rests_on
from auditspine.auditor.tabletop.report import Found, Piece, Release, Standing, cited
from auditspine.auditor.tabletop.timeline import lines, timeline


class Kind(NamedTuple):
    """One kind of piece.

    Attributes:
        name: Its name.
        title: What it is, in words.
        weight: What it counts of 100.
        required: Whether a release cannot be defended without it.
        find: Finds it.
        types: Event types that it rests on: one of them that cannot be read makes it unverifiable.
    """

    name: str
    title: str
    weight: int
    required: bool
    find: Callable[[Dossier], Found]
    types: tuple[str, ...]


_MADE = ("run.started", "model.registered")
KINDS = (
    Kind("timeline", "What happened, in order", 4, False, timeline, _MADE),
    Kind("registration", "What it is and is for", 8, True, making.registration, _MADE[1:]),
    Kind("people", "Who, and entitled by what", 6, True, people, ("role.granted", "role.revoked")),
    Kind(
        "data",
        "Datasets, snapshots, labels, features",
        10,
        True,
        making.data,
        ("dataset.snapshotted", "dataset.registered", "labels.applied", "feature.defined", *_MADE),
    ),
    Kind("code", "The code that ran", 6, True, making.code, ("code.committed", *_MADE)),
    Kind("parameters", "Settings, seed, environment", 5, True, making.parameters, _MADE[:1]),
    Kind(
        "metrics",
        "What was measured, on slices too",
        10,
        True,
        making.metrics,
        ("run.completed", "validation.reported"),
    ),
    Kind("explanation", "How it decides", 4, False, making.explanation, ("explanation.attached",)),
    Kind("approvals", "Who approved it", 12, True, deciding.approvals, ("approval.decided",)),
    Kind("signature", "Whose bytes they are", 6, True, deciding.signature, ("artifact.signed",)),
    Kind("request", "What was asked for", 3, False, deciding.request, ("deployment.requested",)),
    Kind("decision", "What was decided", 9, True, deciding.decision, ("decision.made",)),
    Kind("policy", "By which rules", 3, False, deciding.policy, ("policy.published",)),
    Kind(
        "exceptions",
        "Rules that were waived",
        2,
        False,
        deciding.exceptions,
        ("exception.granted",),
    ),
    Kind(
        "deployments",
        "Where it served, and by right",
        6,
        True,
        serving.deployments,
        ("deployment.changed", "decision.made"),
    ),
    Kind(
        "drift",
        "What was watched",
        2,
        False,
        serving.drift,
        ("serving.observed", "drift.signalled"),
    ),
    Kind("alerts", "What was wrong", 2, False, serving.alerts, ("alert.raised", "alert.resolved")),
    Kind(
        "investigations",
        "What it was about",
        1,
        False,
        serving.investigations,
        ("investigation.opened", "investigation.dispositioned"),
    ),
    Kind("findings", "What went around it", 1, False, serving.findings, ("finding.raised",)),
)
"""Every piece, in the order of a release's life. The weights make 100."""


def rebuild(name: str, version: str, digest: str, tenant: str, entries: Iterable[Entry]) -> Release:
    """Rebuild a release.

    Args:
        name: Name of the model.
        version: Its version.
        digest: SHA-256 of its content, ``sha256:`` and hex: this alone identifies it.
        tenant: The tenant.
        entries: All entries about it and what it came of, in any order.
    """
    dossier = Dossier(name, version, digest, tenant, entries)
    return Release(
        tenant,
        name,
        version,
        digest,
        tuple(_piece(kind, dossier) for kind in KINDS),
        lines(dossier),
        remarks(dossier),
        rests_on(dossier),
    )


def _piece(kind: Kind, dossier: Dossier) -> Piece:
    found = kind.find(dossier)
    unread = [each for each in dossier.unread if each.event_type in kind.types]
    spoiled = [each for each in (*found.entries, *unread) if each.problem]
    if spoiled and (unread or found.standing is Standing.PRESENT):
        where = (f"{e.origin} {e.position} ({e.event_type}): {e.problem}" for e in spoiled)
        found = replace(
            found,
            standing=Standing.UNVERIFIABLE,
            text=listed(where, 2),
            mend="run `auditspine verify`, and read a copy of the evidence that holds",
        )
    return Piece(
        kind.name,
        kind.title,
        kind.weight,
        kind.required,
        found.standing,
        found.text,
        found.mend,
        found.facts,
        cited((*found.entries, *unread)),
    )
