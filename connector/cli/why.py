"""`concord why`: why something failed or waits, and what to do; without an id, everything that is wrong or waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from connector.cli import showing
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, Json

_WRONG = ("failed", "held-up")
_FACTS = [("kind", "what"), ("title", "about"), ("counterparty", "with"), ("role", "we are"), ("standing", "how it is"),
          ("state", "state")]  # fmt: skip
_MESSAGE = [("id", "message"), ("kind", "kind"), ("to", "to"), ("standing", "state"), ("attempts", "tries"),
            ("first_error", "first error"), ("last_error", "last error"), ("failing_since", "failing since"),
            ("next_try", "tried again")]  # fmt: skip
_ANSWER = [("status", "status"), ("code", "code"), ("words", "words")]
_STEPS = [("at", "when"), ("by", "by"), ("what", "what")]
_RELATED = [("kind", "see also"), ("id", "id")]
_ROWS = [("standing", "how it is"), ("kind", "what"), ("title", "about"), ("counterparty", "with"),
         ("headline", "why"), ("id", "id")]  # fmt: skip
Id = Annotated[
    str,
    typer.Argument(
        help="Any id: of a negotiation, transfer, contract, release, message, withdrawal, study, source or "
        "participant, ours or the other side's; or `sign-in`, `callers`. Without one: everything that is wrong or "
        "waits.",
        show_default=False,
    ),
]


def why(id: Id = "", directory: Directory = HERE, json: Json = False) -> int:
    """Why something failed or waits, and what to do about it; exit 1 if something is wrong."""
    with desk(directory) as reached:
        found = reached.get(f"/api/why/{showing.segment(id)}" if id else "/api/why")
    if json:
        showing.as_json(found)
    elif id:
        _explained(found)
    else:
        showing.table(found, _ROWS, "Nothing is wrong, and nothing waits.")
    rows: Sequence[Mapping[str, Any]] = [found] if id else found
    return 1 if any(one["standing"] in _WRONG for one in rows) else 0


def _explained(found: Mapping[str, Any]) -> None:
    showing.say(f"[bold]{showing.safe(found['headline'])}[/bold]")
    showing.facts(found, _FACTS)
    for cause in found["causes"]:
        showing.say("")
        showing.say(f"[bold]{showing.safe(cause['words'])}[/bold] [dim]({showing.safe(cause['code'])})[/dim]")
        if cause["said"]:
            showing.say(f"  They said: {showing.safe(cause['said'])}")
        showing.say(f"  What to do ({showing.safe(cause['who'])}): {showing.safe(cause['remedy'])}")
    for heading, value, names in (("Message", found["message"], _MESSAGE), ("Answer", found["answer"], _ANSWER)):
        if value:
            _under(heading)
            showing.facts(value, names)
    if found["decision"]:
        _under("Held back")
        for line in found["decision"]:
            showing.say(f"  {showing.safe(line)}")
    for heading, rows, columns in (("Steps", found["steps"], _STEPS), ("Related", found["related"], _RELATED)):
        if rows:
            _under(heading)
            showing.table(rows, columns, "")
    if found["next_at"]:
        _under("Next")
        showing.say(f"  {showing.safe(found['next_at'])}: {showing.safe(found['next_words'])}")


def _under(heading: str) -> None:
    showing.say("")
    showing.say(f"[dim]{heading}[/dim]")


def add_to(program: typer.Typer) -> None:
    """Put the verb into the program."""
    program.command(epilog="Example: concord why urn:uuid:5b0f3a52-... --directory hospital")(why)
