"""`concord trust name`: which reference of a source (``Organization/123``) means which participant."""

from __future__ import annotations

from typing import Annotated

import typer

from connector.cli import showing
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, Json

Participant = Annotated[str, typer.Argument(help="The participant's id, or account: and the id of somebody of ours.")]
Reference = Annotated[str, typer.Argument(help="The reference as consents at the source write it.")]
Source = Annotated[str, typer.Option(help="The source, by name or id.")]
_COLUMNS = [("source_name", "source"), ("reference", "reference"), ("participant_name", "means"), ("participant", "id")]


def add_to(verbs: typer.Typer) -> None:
    """Join `concord trust`."""
    verbs.command("name", epilog="Example: concord trust name urn:concord:heart:81d0 Organization/1 --source Records")(
        name
    )
    verbs.command("unname", epilog="Example: concord trust unname Organization/123 --source Records")(unname)
    verbs.command("names", epilog="Example: concord trust names --directory hospital")(names)


def name(
    participant: Participant, reference: Reference, source: Source, directory: Directory = HERE, json: Json = False
) -> int:
    """Say whom a reference at a source means, so that consents there can be judged."""
    with desk(directory) as reached:
        row = reached.post("/api/source-names", {"source": source, "reference": reference, "participant": participant})
    if json:
        showing.as_json(row)
    else:
        showing.say(f"{showing.safe(row['reference'])} means {showing.safe(row['participant_name'])} from now on.")
    return 0


def unname(reference: Reference, source: Source, directory: Directory = HERE, json: Json = False) -> int:
    """Take that back: nobody knows any more whom the reference means."""
    body = {"source": source, "reference": reference, "participant": ""}
    with desk(directory) as reached:
        reached.post("/api/source-names/take-back", body)
    if json:
        showing.as_json({"source": source, "reference": reference})
    else:
        showing.say("Nobody knows any more whom it means: a rule about it cannot be judged.")
    return 0


def names(directory: Directory = HERE, json: Json = False) -> int:
    """Every reference that was named."""
    with desk(directory) as reached:
        rows = reached.get("/api/source-names")
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, _COLUMNS, "No reference was named.")
    return 0
