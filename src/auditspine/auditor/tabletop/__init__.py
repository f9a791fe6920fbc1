"""Rebuilds a release from evidence alone: what is there, missing or cannot be checked."""
