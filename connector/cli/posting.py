"""`concord deliveries`: messages to others that have not arrived, and what to do about them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from connector.cli import showing
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, Json

verbs = typer.Typer(help="Messages to others that have not arrived: look, send again, give up.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(help="The message's id, as `concord deliveries list` prints it.")]
Standing = Annotated[str | None, typer.Option(help="Only those: waiting, failing, unreachable, refused or dropped.")]
_COLUMNS = [("recipient_name", "to"), ("kind", "kind"), ("standing", "state"), ("attempts", "tries"),
            ("last_error", "last error"), ("created_at", "written"), ("id", "id")]  # fmt: skip
_FACTS = [("id", "message"), ("kind", "kind"), ("about", "about"), ("recipient_name", "to"), ("host", "address"),
          ("standing", "state"), ("attempts", "tries"), ("status", "last status"), ("first_error", "first error"),
          ("last_error", "last error"), ("failing_since", "failing since"), ("created_at", "written"),
          ("due_at", "tried again"), ("dead_at", "dead since"), ("stubborn", "never given up")]  # fmt: skip


@verbs.command("list", epilog="Example: concord deliveries list --standing unreachable")
def deliveries(standing: Standing = None, directory: Directory = HERE, json: Json = False) -> int:
    """Messages that have not arrived, newest first."""
    with desk(directory) as reached:
        rows = reached.get("/api/deliveries", standing=standing)
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, _COLUMNS, "Everything has arrived.")
    return 0


@verbs.command(epilog="Example: concord deliveries show urn:uuid:...")
def show(id: Id, directory: Directory = HERE, json: Json = False) -> int:
    """One message: where it goes, what went wrong and since when; never what it says."""
    with desk(directory) as reached:
        found = reached.get(_path(id))
    if json:
        showing.as_json(found)
    else:
        showing.facts(found, _FACTS)
    return 0


@verbs.command(epilog="Example: concord deliveries retry urn:uuid:...")
def retry(id: Id, directory: Directory = HERE, json: Json = False) -> int:
    """Send a message again now, under the same id."""
    return _done(id, "retry", "It is sent now.", directory, json=json)


@verbs.command(epilog="Example: concord deliveries drop urn:uuid:...")
def drop(id: Id, directory: Directory = HERE, json: Json = False) -> int:
    """Give it up: what it belonged to ends as if the other side had refused it."""
    return _done(id, "drop", "Given up.", directory, json=json)


def _done(id: str, verb: str, sentence: str, directory: Path, *, json: bool) -> int:
    with desk(directory) as reached:
        reached.post(f"{_path(id)}/{verb}")
    if json:
        showing.as_json({"id": id, "done": verb})
    else:
        showing.say(sentence)
    return 0


def _path(id: str) -> str:
    return f"/api/deliveries/{showing.segment(id)}"
