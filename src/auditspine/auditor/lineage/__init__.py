"""Lineage as auditors ask for it: what came of what, until when, and on whose word."""
