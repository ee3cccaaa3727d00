"""`concord people`, `link` and `account`: who is hosted, who is linked, who of the staff may sign in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from connector.cli import showing
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, Json
from connector.problems import invalid

people = typer.Typer(help="The people a wallet hosts.", no_args_is_help=True)
links = typer.Typer(help="One-time codes that link a record at a holder to a wallet.", no_args_is_help=True)
accounts = typer.Typer(help="Staff who may sign in to the portal.", no_args_is_help=True)
Name = Annotated[str, typer.Option(help="Their name.")]
Subject = Annotated[str, typer.Option(help="What the sign-in provider calls them (`sub`).")]
Born = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Their date of birth.")]
Roles = Annotated[list[str], typer.Option("--role", help="researcher, steward or dpo; may be given several times.")]
Patient = Annotated[str, typer.Argument(help="The patient: number, id, or a part of the name that fits only one.")]
Account = Annotated[str, typer.Argument(help="The account, as `concord people list` shows it.")]
Holder = Annotated[str, typer.Argument(help="The holder's id.")]
Code = Annotated[str, typer.Argument(help="The code the holder gave.")]
_PEOPLE = [
    ("name", "name"),
    ("subject", "signs in as"),
    ("roles", "roles"),
    ("standing", "standing"),
    ("id", "account"),
]


@people.command(epilog="Example: concord people host --name 'Ada Moe' --subject ada --directory wallet")
def host(name: Name, subject: Subject, born: Born = None, directory: Directory = HERE, json: Json = False) -> int:
    """Open an account for a person, with a signing key of their own."""
    with desk(directory) as reached:
        made = reached.post("/api/people", {"name": name, "subject": subject, "born": born.date() if born else None})
    return told(made, f"{name} has the account {made['id']}", json)


@people.command("list", epilog="Example: concord people list --directory wallet")
def hosted(directory: Directory = HERE, json: Json = False) -> int:
    """Everybody this wallet hosts."""
    with desk(directory) as reached:
        rows = reached.get("/api/people")
    return shown(rows, _PEOPLE, "Nobody is hosted here.", json)


@links.command(epilog="Example: concord link code 'Moe, Ada' --directory hospital")
def code(patient: Patient, directory: Directory = HERE, json: Json = False) -> int:
    """Make a one-time code for a patient. It is shown once; earlier unused ones lapse."""
    with desk(directory) as reached:
        whom = showing.segment(patient_of(reached.get("/api/patients"), patient))
        made = reached.post(f"/api/patients/{whom}/link-code")
    if json:
        showing.as_json(made)
        return 0
    showing.say(f"{showing.safe(made['patient_name'])}: [bold]{made['code']}[/bold] until {made['expires_at'][:10]}")
    return 0


@links.command(epilog="Example: concord link enter ACCOUNT urn:concord:st-elisabeth-hospital:3f9a2c1b K7QM-4XPA-9TRE")
def enter(account: Account, holder: Holder, code: Code, directory: Directory = HERE, json: Json = False) -> int:
    """Enter a code at the wallet, for a person who cannot."""
    with desk(directory) as reached:
        card = reached.post("/api/links", {"account": account, "holder": holder, "code": code})
    return told(card, f"Linked to {card['holder_name']}.", json)


@accounts.command("open", epilog="Example: concord account open --name 'Ines Sol' --subject ines --role steward")
def opened(name: Name, subject: Subject, role: Roles, directory: Directory = HERE, json: Json = False) -> int:
    """Let somebody of the staff sign in, or give them further roles."""
    with desk(directory) as reached:
        made = reached.post("/api/accounts", {"name": name, "subject": subject, "roles": role})
    return told(made, f"{name} may sign in as {', '.join(role)}.", json)


@accounts.command("list", epilog="Example: concord account list --directory hospital")
def listed(directory: Directory = HERE, json: Json = False) -> int:
    """Everybody who may sign in."""
    with desk(directory) as reached:
        rows = reached.get("/api/accounts")
    return shown(rows, _PEOPLE, "Nobody may sign in here.", json)


@accounts.command("take", epilog="Example: concord account take ACCOUNT --role steward --directory hospital")
def taken(account: Account, role: Roles, directory: Directory = HERE, json: Json = False) -> int:
    """Take roles from an account; sessions in one of them end at once."""
    with desk(directory) as reached:
        reached.post(f"/api/accounts/{showing.segment(account)}/roles/take", {"roles": role})
    return told({"id": account, "taken": role}, f"Taken: {', '.join(role)}.", json)


@accounts.command("close", epilog="Example: concord account close ACCOUNT --directory hospital")
def closed(account: Account, directory: Directory = HERE, json: Json = False) -> int:
    """Let nobody sign in with an account any more; its sessions end at once."""
    with desk(directory) as reached:
        reached.post(f"/api/accounts/{showing.segment(account)}/close")
    return told({"id": account, "standing": "closed"}, "The account is closed.", json)


def patient_of(rows: list[dict[str, str]], wanted: str) -> str:
    """The id of the one patient that is meant. Raises Problem 400."""
    fitting = [one for one in rows if wanted in (one["id"], one["number"])]
    words = wanted.replace(",", " ").casefold().split()
    fitting = fitting or [one for one in rows if all(word in one["name"].casefold() for word in words)]
    if len(fitting) != 1:
        raise invalid(f"{len(fitting)} patients fit", "patient", "a number or a name that fits one")
    return fitting[0]["id"]


def account_of(rows: list[dict[str, str]], wanted: str) -> str:
    """The one account that is meant, of those a wallet hosts. Raises Problem 400."""
    fitting = [one for one in rows if wanted in (one["id"], one["subject"])]
    fitting = fitting or [one for one in rows if wanted.casefold() == one["name"].casefold()]
    if len(fitting) != 1:
        raise invalid(f"{len(fitting)} people fit", "account", "an account, as `concord people list` shows")
    return fitting[0]["id"]


def told(value: object, sentence: str, json: bool) -> int:
    """What was done, for a program or for people."""
    if json:
        showing.as_json(value)
    else:
        showing.say(showing.safe(sentence))
    return 0


def shown(rows: list[dict[str, object]], columns: list[tuple[str, str]], empty: str, json: bool) -> int:
    """A list, for a program or for people."""
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, columns, empty)
    return 0
