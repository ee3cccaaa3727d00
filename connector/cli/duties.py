"""`concord duties`: what is owed under contracts, by whom and until when, and stating that something is done."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from connector.cli import showing
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, Json

verbs = typer.Typer(
    help="Duties of contracts: what is owed and done, and saying that it is done.", no_args_is_help=True
)
Agreement = Annotated[str | None, typer.Option("--agreement", help="Only those of this contract.")]
State = Annotated[
    str | None,
    typer.Option(help="Only those that are pending, due, overdue, fulfilled, violated (done too late) or stated-late."),
]
Duty = Annotated[str, typer.Argument(help="The duty's id, as `concord duties list` prints it.")]
Link = Annotated[str, typer.Option(help="Where it can be seen: the report, the publication.")]
Digest = Annotated[str, typer.Option(help="The SHA-256 (hex) of the document.")]
Document = Annotated[
    Path | None, typer.Option("--file", exists=True, dir_okay=False, help="The document itself: its SHA-256 is stated.")
]
Words = Annotated[str, typer.Option(help="In words, for the other side to keep.")]
_LISTED = [("duty", "duty"), ("state", "state"), ("by_name", "owed by"), ("due_at", "due"), ("done_at", "done"),
           ("counterparty_name", "contract with"), ("id", "id")]  # fmt: skip
_SHOWN = [("sentence", "what"), ("state", "state"), ("by_name", "owed by"), ("due_at", "due"), ("done_at", "done"),
          ("agreement", "contract"), ("occasion", "for")]  # fmt: skip
_PROOF = [("link", "link"), ("digest", "SHA-256"), ("words", "in words"), ("objects", "files deleted"),
          ("lines", "records deleted"), ("log", "entry in our log"), ("their_log", "entry in their log"),
          ("statement", "signed statement")]  # fmt: skip


@verbs.command("list", epilog="Example: concord duties list --state overdue")
def duties(agreement: Agreement = None, state: State = None, directory: Directory = HERE, json: Json = False) -> int:
    """Every duty of our contracts, the most pressing first."""
    with desk(directory) as reached:
        rows = reached.get("/api/duties", agreement=agreement, state=state)
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, _LISTED, "Nothing is owed.")
    return 0


@verbs.command(epilog="Example: concord duties show urn:uuid:...")
def show(duty: Duty, directory: Directory = HERE, json: Json = False) -> int:
    """One duty, and what proves that it is done."""
    with desk(directory) as reached:
        found = reached.get(f"/api/duties/{showing.segment(duty)}")
    if json:
        showing.as_json(found)
        return 0
    showing.facts(found["row"], _SHOWN)
    if found["evidence"]:
        showing.facts(found["evidence"], [one for one in _PROOF if found["evidence"].get(one[0])])
    return 0


@verbs.command(epilog="Example: concord duties done urn:uuid:... --link https://doi.org/10.1000/1 --file paper.pdf")
def done(
    duty: Duty, link: Link = "", digest: Digest = "", file: Document = None, words: Words = "",
    directory: Directory = HERE, json: Json = False,
) -> int:  # fmt: skip
    """State that a report is delivered or results are published: signed, and sent to the data holder."""
    body = {"link": link, "digest": _digest(file) if file else digest, "words": words}
    with desk(directory) as reached:
        reached.post(f"/api/duties/{showing.segment(duty)}/done", body)
        found = reached.get(f"/api/duties/{showing.segment(duty)}")
    if json:
        showing.as_json(found)
    else:
        showing.say("Stated, signed. The other side is told.")
    return 0


def _digest(file: Path) -> str:
    whole = sha256()
    with file.open("rb") as content:
        while share := content.read(1 << 20):
            whole.update(share)
    return whole.hexdigest()
