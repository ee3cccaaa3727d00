"""The options every verb has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Directory = Annotated[
    Path,
    typer.Option(
        "--directory", "-d", envvar="CONCORD_DIRECTORY", help="The participant's directory.", show_default="here",
        file_okay=False, metavar="DIR",
    ),
]  # fmt: skip
Json = Annotated[bool, typer.Option("--json", help="Print the value as JSON; keys are its field names.")]
HERE = Path()
IfMissing = Annotated[
    bool, typer.Option("--if-missing", help="Do nothing when it is there already, and say so: for set-ups that repeat.")
]
