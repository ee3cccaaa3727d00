"""Logs: one JSON object a line, to stderr or a file, without personal data.

What is written is what our own code worded. A library's record is written without the values it was filled with, and
an exception by its type and the places in the code it passed: both may quote what a person sent. Requests are not
logged at all, since an address can name a person.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_OURS = ("concord", "connector", "consent_ui")
_SERVER = "uvicorn"
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonLines(logging.Formatter):
    """A record as one line of JSON: `at`, `level`, `logger`, `what`, and whatever was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its newline."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "what": _worded(record),
        }
        if _root(record.name) in _OURS:
            line |= {key: value for key, value in vars(record).items() if key not in _PLAIN}
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["trace"] = [f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in _places(record)]
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(level: str, file: Path | None = None, keep_days: int = 0) -> None:
    """Send every record of this process to stderr, or to the end of `file`, at `level` and above.

    With `keep_days`, a new file is begun each day (UTC), and the files of that many days before are kept beside it.
    """
    writer = _writer(file, keep_days)
    writer.setFormatter(JsonLines())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(writer)
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(level.upper())
    logging.getLogger(_SERVER).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def _writer(file: Path | None, keep_days: int) -> logging.Handler:
    if file is None:
        return logging.StreamHandler(sys.stderr)
    if not keep_days:
        return logging.FileHandler(file, "a", encoding="utf-8")
    from logging.handlers import TimedRotatingFileHandler  # only for who writes into files

    return TimedRotatingFileHandler(file, when="midnight", utc=True, backupCount=keep_days, encoding="utf-8")


def _worded(record: logging.LogRecord) -> str:
    name = _root(record.name)
    if name in _OURS:
        return record.getMessage()
    if name == "py":
        return "a library warned"
    # Only the words the library's authors wrote, and of a trace that was made into words only its head.
    return str(record.msg).strip().partition("\n")[0]


def _root(name: str) -> str:
    return name.partition(".")[0]


def _places(record: logging.LogRecord) -> list[traceback.FrameSummary]:
    found = record.exc_info[2] if record.exc_info else None
    return list(traceback.extract_tb(found)) if found else []
