"""Runs the command line as ``python -m auditspine.cli``."""

from auditspine.cli.main import main

main()
