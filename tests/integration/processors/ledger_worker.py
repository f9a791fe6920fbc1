"""A ledger worker for tests; see ledger_world.Backbone.worker."""

import json
import logging
import sys

from auditspine.processors.hosting import run_worker
from auditspine.processors.ledger.app import make_ledger_app

if __name__ == "__main__":
    from pathlib import Path

    here = Path(__file__).resolve()
    sys.path[:0] = [str(here.parent), str(here.parents[3])]
    from ledger_world import Backbone

    given = json.loads(sys.argv[1])
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("aiokafka").setLevel("WARNING")
    backbone = Backbone(given["servers"], given["prefix"], given["partitions"])
    run_worker([make_ledger_app(backbone.config(instance_id=given["instance"]))])
