"""Figures against what a contract asks of them, and figures as they are kept: with every doubt on the careful side."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from typing import Any

from connector.services.releasing.risk_figures import HANDFUL, Figures
from contracts.risk import Thresholds

HANDFUL_ONLY, NO_DIAGNOSES, NOT_MEASURED = "handful", "no-diagnoses", "not-measured"
"""Why something is not said."""
_DIGITS = Decimal("0.000001")


def failed(asked: Thresholds, figures: Figures | None) -> list[dict[str, str]]:
    """Which thresholds are not met: their name, what was asked, what was found (empty: it cannot be said).

    What cannot be said is not met. A release about nobody meets everything.
    """
    if figures is not None and not figures.people:
        return []
    found = _found(figures)
    return [
        {"name": name, "asked": str(limit), "found": said(found[name])}
        for name, limit in asked.given().items()
        if (value := found[name]) is None or not _met(name, value, Fraction(limit))
    ]


def _met(name: str, value: Fraction, limit: Fraction) -> bool:
    return value >= limit if name.startswith("min_") else value <= limit


def _found(figures: Figures | None) -> dict[str, Fraction | None]:
    if figures is None:
        return dict.fromkeys(("min_k", "min_l", "max_t", "max_unique"))
    k, fewest = (None if one is None else Fraction(one) for one in (figures.k, figures.distinct_l))
    return {"min_k": k, "min_l": fewest, "max_t": figures.t, "max_unique": figures.unique}


def said(value: Fraction | None) -> str:
    """A figure as text: whole, or with six digits, rounded up; empty when there is none."""
    if value is None:
        return ""
    if value.denominator == 1:
        return str(value.numerator)
    up = (Decimal(value.numerator) / Decimal(value.denominator)).quantize(_DIGITS, ROUND_CEILING)
    return f"{up.normalize():f}"


def kept(figures: Figures | None, *, diagnoses: bool) -> dict[str, Any]:
    """Figures as they are kept with a report: counts as numbers, shares and distances as text, and what is not said."""
    if figures is None:
        return {"unsaid": [NOT_MEASURED]}
    unsaid = []
    if figures.people and figures.people < HANDFUL:
        unsaid.append(HANDFUL_ONLY)
    elif figures.people and not diagnoses:
        unsaid.append(NO_DIAGNOSES)
    return {
        "people": figures.people, "classes": figures.classes, "k": figures.k, "alone": figures.alone,
        "unique": said(figures.unique), "l": figures.distinct_l, "entropy_l": _number(figures.entropy_l),
        "t": said(figures.t), "delta": _number(figures.delta), "highest": said(figures.highest),
        "average": said(figures.average),
        "bands": [[one.least, one.most, one.classes, one.people] for one in figures.bands],
        "values": dict(figures.values), "without": {name: list(found) for name, found in figures.without.items()},
        "unsaid": unsaid,
    }  # fmt: skip


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
