"""Every code a failure can have, what it means and what to do: one table, made of one part for each kind of cause.

A code is a problem's (`connector.problems`), a protocol refusal's, a termination's, a decision's reason
(`policy.reasons`), or what kept a message from arriving. A code that ends in `*` stands for all that begin so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from connector.services.why import contracts, deciding, delivering, refusing, requesting
from policy.reasons import REASONS

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause: its code, what it means, what to do, and who does it (`operator`, `steward`, `they`, `nobody`)."""

    code: str
    words: str
    remedy: str
    who: str


@cache
def causes() -> Mapping[str, Cause]:
    """The whole table, by code. A code stands in one part only."""
    table: dict[str, Cause] = {}
    for code, (who, remedy) in deciding.REMEDIES.items():
        table[code] = Cause(code, REASONS[code][1] if code in REASONS else deciding.WORDS[code], remedy, who)
    for part in (delivering.CAUSES, contracts.CAUSES, requesting.CAUSES, refusing.CAUSES):
        for code, (who, words, remedy) in part.items():
            if code in table:
                raise ValueError(f"two parts of the table name {code}")
            table[code] = Cause(code, words, remedy, who)
    return table


def cause_of(code: str) -> Cause:
    """The cause with this code; for a code that stands nowhere one that says so, never nothing."""
    table = causes()
    if (found := table.get(code)) is not None:
        return found
    families = [known for known in table if known.endswith("*") and code.startswith(known[:-1])]
    if families:
        family = table[max(families, key=len)]
        return Cause(code, family.words, family.remedy, family.who)
    return Cause(code, table[UNKNOWN].words, table[UNKNOWN].remedy, table[UNKNOWN].who)


def is_known(code: str) -> bool:
    """Whether the table names this code, by itself or in a family."""
    return code in causes() or cause_of(code).words != causes()[UNKNOWN].words
