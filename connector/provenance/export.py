"""The offline copy of a log: its lines, and the script that verifies them without Concord."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from importlib.resources import files

from connector.provenance.entry import LogRow
from policy.canonical import canonical

LOG_NAME = "log.jsonl"
CHECKPOINT_NAME = "checkpoint.txt"
KEY_NAME = "key.json"
VERIFIER_NAME = "verify_export.py"


def export_lines(rows: Iterable[LogRow]) -> Iterator[bytes]:
    """The lines of log.jsonl, newline included: canonical JSON, binary columns in hexadecimal, erased ones null.

    Raises ValueError for a row whose body is not JSON: verify the log before exporting it.
    """
    for row in rows:
        line = {
            "index": row.position,
            "at": row.at,
            "kind": row.kind,
            "subject": row.subject,
            "commitment": row.commitment,
            "salt": row.salt.hex() if row.salt else None,
            "body": None if row.body is None else json.loads(row.body),
            "leaf": row.leaf_hash.hex(),
        }
        yield canonical(line) + b"\n"


def verifier_script() -> bytes:
    """The independent verifier, to be handed over beside the export."""
    return files("connector.provenance").joinpath(VERIFIER_NAME).read_bytes()
