"""The relations of the lineage graph: what the processor writes and readers follow."""

from enum import StrEnum


class Relation(StrEnum):
    """How a node came of another; an edge points from what was used to what came of it."""

    SNAPSHOT_OF = "snapshot_of"
    """dataset → snapshot"""
    HAS_COLUMN = "has_column"
    """snapshot → column"""
    LABELLED = "labelled"
    """snapshot, column → labels"""
    LABELLED_BY = "labelled_by"
    """labeller → labels"""
    COMPUTED_FROM = "computed_from"
    """column → feature"""
    USED = "used"
    """anything → run; feature → model"""
    RAN = "ran"
    """code → run, model"""
    RAN_IN = "ran_in"
    """environment → run, model"""
    GENERATED = "generated"
    """run → what it wrote"""
    TRAINED_ON = "trained_on"
    """snapshot, labels → model"""
    EVALUATED = "evaluated"
    """model → evaluation"""
    EVALUATED_ON = "evaluated_on"
    """snapshot → evaluation"""
    EXPLAINED = "explained"
    """model → explanation"""
    APPROVED = "approved"
    """model → approval"""
    RESTS_ON = "rests_on"
    """evaluation → approval"""
    ALLOWED = "allowed"
    """approval → deployment"""
    SERVED = "served"
    """model → deployment"""
    CONFIGURED = "configured"
    """serving configuration → deployment"""
    REPLACED_BY = "replaced_by"
    """anything → its successor"""

    @property
    def flows(self) -> bool:
        """Whether data or a decision flows along it: a successor is made of its own parts."""
        return self is not Relation.REPLACED_BY

    @property
    def carries_tags(self) -> bool:
        """Whether what falls on the source falls on the target.

        A column has a sensitivity of its own, whatever its neighbours' are; a person has none.
        """
        return self.flows and self not in (Relation.HAS_COLUMN, Relation.LABELLED_BY)


REGISTERED_KINDS = frozenset(
    {
        *("dataset", "snapshot", "labels", "feature", "run", "model", "evaluation"),
        *("explanation", "approval", "deployment", "serving_configuration"),
    }
)
"""Kinds of artifacts that an event of their own makes known: that none did is remarkable."""

SENSITIVITIES = ("public", "internal", "confidential", "restricted")
"""The symbols of ``auditspine.Sensitivity``, least harmful first."""
