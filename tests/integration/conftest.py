"""Fixtures for integration tests alone; the broker is in the conftest above."""
