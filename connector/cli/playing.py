"""`concord demo`: the whole story, on real processes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Once = Annotated[bool, typer.Option("--once", help="Play the story, then end. Without it the space stays up.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write what was measured there.", metavar="FILE")]
Space = Annotated[
    Path | None,
    typer.Option(
        "--directory", "-d", metavar="DIR", file_okay=False,
        help="Where the participants' files go; a second run there is a new round on the old state. "
        "Without it: ./data-space, with --once a folder that is deleted afterwards.",
    ),
]  # fmt: skip
Bundles = Annotated[
    Path | None,
    typer.Option(metavar="DIR", exists=True, file_okay=False, help="FHIR R4 bundles to use instead of those shipped."),
]
Seed = Annotated[int, typer.Option(help="Makes the invented wearable's measurements; the same seed, the same bodies.")]


def demo(
    once: Once = False, json: JsonFile = None, directory: Space = None, bundles: Bundles = None, seed: Seed = 7
) -> int:
    """Play a small data space: a hospital, a wearable vendor, a patients' wallet and a research group."""
    from connector.demo.play import Wish, play

    return play(Wish(once=once, json=json, directory=directory, bundles=bundles, seed=seed))


def add_to(program: typer.Typer) -> None:
    """Put this verb into the program."""
    program.command(epilog="Example: concord demo --once --json demo.json")(demo)
