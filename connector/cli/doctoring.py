"""`concord doctor`: what is wrong with a participant's set-up, and what to change. Nothing is changed by it."""

from __future__ import annotations

from dataclasses import asdict

import typer

from connector.cli import showing
from connector.cli.options import HERE, Directory, Json

_MARKS = {"well": "[green]well[/green]", "change": "[bold red]change[/bold red]", "skipped": "[dim]skipped[/dim]"}


def doctor(directory: Directory = HERE, json: Json = False) -> int:
    """Check settings, files, keys, clock, disk, store, our own address and every member; exit 1 if something is to be
    changed."""
    from connector.doctor.examining import examine  # the vault, the store and the network: only for who asks

    with showing.working("Looking"):
        found = examine(directory)
    if json:
        showing.as_json([asdict(one) for one in found])
    else:
        for one in found:
            showing.say(f"{_MARKS[one.verdict]}  {showing.safe(one.area)}: {showing.safe(one.words)}")
            if one.remedy:
                showing.say(f"        {showing.safe(one.remedy)}")
    wrong = sum(one.verdict == "change" for one in found)
    if not json:
        showing.say(f"{wrong} to change." if wrong else "All is well.")
    return 1 if wrong else 0


def add_to(program: typer.Typer) -> None:
    """Put the verb into the program."""
    program.command(epilog="Example: concord doctor --directory hospital")(doctor)
