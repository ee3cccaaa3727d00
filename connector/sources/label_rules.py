"""The rules by which this participant labels records: those of the operator's file, or the packaged ones."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import orjson

from connector.problems import Problem
from policy.labelling import Labeller, LabelRulesError, packaged_labeller, read_rules

LARGEST_FILE = 64 * 1024 * 1024


@cache
def labeller_of(file: Path | None, threshold: float) -> Labeller:
    """The labeller of a rule file (None: the packaged rules), read once. Raises Problem 400 if it is none."""
    if file is None:
        return packaged_labeller(threshold)
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise _unusable(f"larger than {LARGEST_FILE} bytes")
        return Labeller(read_rules(orjson.loads(file.read_bytes())), threshold)
    except OSError:
        raise _unusable("it cannot be read") from None
    except LabelRulesError as fault:
        raise _unusable(str(fault)) from None
    except ValueError:
        raise _unusable("it is not JSON") from None


def _unusable(why: str) -> Problem:
    return Problem(
        400, "bad-label-rules", "The rules for labels cannot be used", why, "label_rules",
        "a rule file as docs/operations.md describes it",
    )  # fmt: skip
