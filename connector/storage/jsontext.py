"""JSON columns as text: orjson for what it writes as Python means it, the standard library for the rest."""

from __future__ import annotations

import json
from typing import Any

import orjson

_STANDARD = " "
"""Begins a text the standard library wrote: orjson would read an integer beyond 64 bits as a fraction."""
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


def write(value: Any) -> str:
    """The text of a value. Raises TypeError for what is not JSON."""
    try:
        return orjson.dumps(value, option=_OPTIONS).decode()
    except TypeError:
        return _STANDARD + json.dumps(value)


def read(text: str) -> Any:
    """The value of a text this module wrote."""
    return json.loads(text) if text.startswith(_STANDARD) else orjson.loads(text)
