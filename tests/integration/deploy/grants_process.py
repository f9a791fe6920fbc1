"""Runs statements in chDB under roles of a configuration; both come as JSON from stdin."""

import json
import sys

import chdb

given = json.load(sys.stdin)
connection = chdb.connect(f"{given['path']}?config-file={given['config']}")
results = []
for role, statement in given["statements"]:
    connection.query(f"SET ROLE {role}")
    try:
        found = connection.query(statement, "TabSeparated").bytes() or b""
        results.append(["ok", found.decode("utf-8", "replace")])
    except Exception as exc:  # noqa: BLE001 - the test looks at what it says
        results.append(["error", str(exc).split("\n", 1)[0]])
connection.close()
print(json.dumps(results))
