"""Options for the times of a withdrawal, the same wherever terms are offered or narrowed."""

from __future__ import annotations

from typing import Annotated

import typer

StopWithin = Annotated[str | None, typer.Option(help="After a withdrawal new use stops within this: PT24H.")]
EraseWithin = Annotated[str | None, typer.Option(help="After a withdrawal data is erased within this: P30D.")]
BackupsWithin = Annotated[str | None, typer.Option(help="After a withdrawal backups are free of it within this: P90D.")]
Freshness = Annotated[str | None, typer.Option(help="How long consents of a silent wallet still count: PT24H.")]


def times(stop: str | None, erase: str | None, backups: str | None, freshness: str | None) -> dict[str, str]:
    """The times that were said, by name."""
    said = {"stop": stop, "erase": erase, "backups": backups, "freshness": freshness}
    return {name: text for name, text in said.items() if text is not None}
