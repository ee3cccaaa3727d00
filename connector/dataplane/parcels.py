"""What a worker answers in place of a line, and how long a line may be (`connector.ports.Prepared`)."""

from __future__ import annotations

LEAK = "leak"
TOO_LARGE = "too-large"
LARGEST_LINE = 256 * 1024
"""Bytes of one line with its line end: a line is handed over whole, so it must fit into one chunk."""
