"""Options for times of a withdrawal and for limits of risk, the same wherever terms are offered or narrowed."""

from __future__ import annotations

from typing import Annotated

import typer

StopWithin = Annotated[str | None, typer.Option(help="After a withdrawal new use stops within this: PT24H.")]
EraseWithin = Annotated[str | None, typer.Option(help="After a withdrawal data is erased within this: P30D.")]
BackupsWithin = Annotated[str | None, typer.Option(help="After a withdrawal backups are free of it within this: P90D.")]
Freshness = Annotated[str | None, typer.Option(help="How long consents of a silent wallet still count: PT24H.")]

MinK = Annotated[str | None, typer.Option(help="Nothing leaves unless so many share each combination of features: 5.")]
MinL = Annotated[str | None, typer.Option(help="... with so many different main diagnoses among them: 2.")]
MaxT = Annotated[str | None, typer.Option(help="... whose diagnoses differ from everybody's by at most this: 0.3.")]
MaxUnique = Annotated[str | None, typer.Option(help="... and at most this share of people stands alone: 0.05.")]


def risk(min_k: str | None, min_l: str | None, max_t: str | None, max_unique: str | None) -> dict[str, str]:
    """The limits that were said, by name."""
    said = {"min_k": min_k, "min_l": min_l, "max_t": max_t, "max_unique": max_unique}
    return {name: text for name, text in said.items() if text is not None}


def times(stop: str | None, erase: str | None, backups: str | None, freshness: str | None) -> dict[str, str]:
    """The times that were said, by name."""
    said = {"stop": stop, "erase": erase, "backups": backups, "freshness": freshness}
    return {name: text for name, text in said.items() if text is not None}
