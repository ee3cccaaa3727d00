"""`concord init` and `concord show`: a new participant, and who the participant of a directory is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from connector import founding as houses
from connector.cli import showing
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, IfMissing, Json
from connector.problems import invalid
from connector.settings import Role, load

Place = Annotated[Path | None, typer.Argument(help="The new directory (or --directory).", metavar="[DIR]")]
Name = Annotated[str, typer.Option(help="How people and other participants read it.")]
Kind = Annotated[Role, typer.Option(help="What this participant is.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")]
Address = Annotated[str | None, typer.Option("--url", help="The origin others reach it at, if not this machine's.")]
Database = Annotated[
    Path | None,
    typer.Option(
        help="A file with the address of an empty PostgreSQL database for the records; without it they go into a file.",
        dir_okay=False, metavar="FILE",
    ),
]  # fmt: skip


def init(
    place: Place = None,
    name: Name = "",
    role: Kind = "participant",
    port: Port = 8080,
    url: Address = None,
    database_url_file: Database = None,
    if_missing: IfMissing = False,
    directory: Directory = HERE,
    json: Json = False,
) -> int:
    """Make a new participant: a directory with its key, an empty members register and commented settings."""
    where = place or directory
    if not 2 <= len(name.strip()) <= 120:
        raise invalid("A participant needs a name", "--name", "2 to 120 characters")
    if if_missing and (where / "concord.toml").exists():
        return _there(where, json)
    try:
        founded = houses.found(where, name.strip(), role, port, url, database_url_file)
    except NotADirectoryError:
        raise invalid("This is not a directory", str(where)) from None
    if json:
        showing.as_json(founded)
        return 0
    showing.say(f"{showing.safe(founded.name)} is founded in {showing.safe(founded.directory)}.")
    showing.facts(
        {"id": founded.id, "role": founded.role, "url": founded.url, "fingerprint": founded.fingerprint},
        [("id", "id"), ("role", "role"), ("url", "address"), ("fingerprint", "fingerprint")],
    )
    showing.say("Others compare the fingerprint when they add you. Start it: " + _serve(where))
    return 0


def _there(where: Path, json: bool) -> int:
    """The participant of a directory, as `init` would have shown it."""
    settings = load(where)
    value = {"id": settings.participant_id, "name": settings.name, "role": settings.role, "url": settings.public_url}
    if json:
        showing.as_json(value | {"directory": str(where), "founded": False})
    else:
        showing.say(f"{showing.safe(settings.name)} is in {showing.safe(where)} already.")
    return 0


def show(directory: Directory = HERE, json: Json = False) -> int:
    """Who this participant is: id, address, fingerprint, and what it keeps."""
    with desk(directory) as reached:
        value = reached.get("/api/participant")
        serving = reached.serving
    if json:
        showing.as_json(value)
        return 0
    names = [(key, key.replace("_", " ")) for key in value if key != "document"]
    showing.facts(value, names)
    if not serving:
        showing.say("It is not running. Start it: " + _serve(directory))
    return 0


def _serve(where: Path) -> str:
    return f"[bold]concord serve --directory {showing.safe(where)}[/bold]"


def add_to(program: typer.Typer) -> None:
    """Put these verbs into the program."""
    program.command(epilog="Example: concord init hospital --name 'St. Elisabeth Hospital' --role hospital")(init)
    program.command(epilog="Example: concord show --directory hospital")(show)
