"""Runs statements in chDB under roles of a configuration; ``python … '<json>'``."""

import json
import sys

import chdb

given = json.loads(sys.argv[1])
connection = chdb.connect(f"{given['path']}?config-file={given['config']}")
results = []
for role, statement in given["statements"]:
    connection.query(f"SET ROLE {role}")
    try:
        results.append(["ok", str(connection.query(statement, "TabSeparated"))])
    except Exception as exc:  # noqa: BLE001 - the test looks at what it says
        results.append(["error", str(exc).split("\n", 1)[0]])
connection.close()
print(json.dumps(results))
