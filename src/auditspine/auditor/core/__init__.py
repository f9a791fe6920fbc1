"""The verifier's core: pure checks over plain rows.

Needs the standard library, ``cryptography`` and the formats of :mod:`auditspine.ledger`;
knows nothing of ClickHouse, Kafka, Avro or files. Entry points:
:func:`auditspine.auditor.core.log.verify_log` for one log, and
:func:`auditspine.auditor.core.withheld.find_withheld` across logs.
"""
