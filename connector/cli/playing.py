"""`concord demo`: the whole story, on real processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

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
Engine = Annotated[
    Literal["embedded", "production"],
    typer.Option(
        help="embedded: everything in files here. production: every participant on PostgreSQL and Redis with a worker, "
        "the hospital as two processes; the servers have to run."
    ),
]
DatabaseFile = Annotated[
    Path | None,
    typer.Option(
        "--database-url-file", metavar="FILE", dir_okay=False,
        help="For production: a file with the address of PostgreSQL, as a user who may create databases. "
        "Without it: CONCORD_DATABASE_URL or CONCORD_DATABASE_URL_FILE in the environment.",
    ),
]  # fmt: skip
BrokerFile = Annotated[
    Path | None,
    typer.Option(
        "--broker-url-file", metavar="FILE", dir_okay=False,
        help="For production: a file with the address of Redis. "
        "Without it: CONCORD_BROKER_URL or CONCORD_BROKER_URL_FILE in the environment.",
    ),
]  # fmt: skip


def demo(
    once: Once = False,
    json: JsonFile = None,
    directory: Space = None,
    bundles: Bundles = None,
    seed: Seed = 7,
    engine: Engine = "embedded",
    database_url_file: DatabaseFile = None,
    broker_url_file: BrokerFile = None,
) -> int:
    """Play a small data space: a hospital, a wearable vendor, a patients' wallet and a research group."""
    from connector.demo.play import Wish, play
    from connector.demo.servers import named

    servers = named(database_url_file, broker_url_file) if engine == "production" else None
    for name in [name for name in os.environ if name.startswith("CONCORD_")]:
        del os.environ[name]  # what was said to this command is not said to any of the participants
    return play(Wish(once=once, json=json, directory=directory, bundles=bundles, seed=seed, servers=servers))


def add_to(program: typer.Typer) -> None:
    """Put this verb into the program."""
    program.command(epilog="Example: concord demo --once --json demo.json")(demo)
