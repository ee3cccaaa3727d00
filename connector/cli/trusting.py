"""`concord trust`: whom this participant listens to, by fingerprint. `concord members`: whom it accepts by name."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Annotated

import typer

from connector.cli import showing
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, Json

verbs = typer.Typer(help="The members register: the participants this one listens to.", no_args_is_help=True)
Member = Annotated[str, typer.Argument(help="The member's id, as `concord trust list` prints it.")]
members = typer.Typer(
    help="Members that cannot prove erasure, accepted by name all the same: the DPO tracks them by hand.",
    no_args_is_help=True,
)
Jurisdiction = Annotated[str, typer.Option(help="The country it is established in, such as DE.")]
Hosting = Annotated[list[str], typer.Option(help="A country it keeps data in; may be repeated.")]
Grounds = Annotated[
    list[str] | None,
    typer.Option(
        "--ground", help="A ground on file for data leaving the EEA, such as eu-gdpr:A46-2-c. May be repeated."
    ),
]
Why = Annotated[str, typer.Option(help="Why this member is trusted to delete what people take back.")]
Until = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day it counts; without it, no end.")
]
Url = Annotated[str, typer.Argument(help="The other participant's address.")]
Fingerprint = Annotated[
    str, typer.Option(help="Its key's fingerprint. Get it by another way than the network, and compare it.")
]
Http = Annotated[bool, typer.Option("--allow-http", help="It is meant that this address is called without TLS.")]
NewKey = Annotated[
    bool,
    typer.Option("--new-key", help="It is known already and lost its key: take this one in the place of that."),
]
_ACCEPTED = [("name", "name"), ("standing", "standing"), ("by", "by"), ("at", "since"), ("until", "until"),
             ("why", "why"), ("contracts", "contracts"), ("member", "id")]  # fmt: skip
_COLUMNS = [("name", "name"), ("role", "role"), ("standing", "standing"), ("url", "address"), ("id", "id")]


@verbs.command(epilog="Example: concord trust add https://concord.hospital.example --fingerprint '3f9a 2c1b ...'")
def add(
    url: Url, fingerprint: Fingerprint, allow_http: Http = False, new_key: NewKey = False,
    directory: Directory = HERE, json: Json = False,
) -> int:  # fmt: skip
    """Listen to a participant from now on; its keys come from its own signed document."""
    with desk(directory) as reached:
        here = allow_http or _here(url)
        body = {"url": url, "fingerprint": fingerprint, "allow_http": here, "new_key": new_key}
        member = reached.post("/api/members", body)
    if json:
        showing.as_json(member)
    else:
        showing.say(f"{showing.safe(member['name'])} is a member now: {showing.safe(member['id'])}")
    return 0


@verbs.command("list", epilog="Example: concord trust list --directory hospital")
def listed(directory: Directory = HERE, json: Json = False) -> int:
    """Everybody in the register, suspended and removed ones too."""
    with desk(directory) as reached:
        members = reached.get("/api/members")
    if json:
        showing.as_json(members)
    else:
        showing.table(
            members, _COLUMNS, "The register is empty. Add a participant: concord trust add URL --fingerprint F"
        )
    return 0


@verbs.command(epilog="Example: concord trust suspend urn:concord:st-elisabeth-hospital:3f9a2c1b")
def suspend(member: Member, directory: Directory = HERE, json: Json = False) -> int:
    """Stop listening to a member, beginning with its next message. `activate` undoes it."""
    return _change(member, "suspend", directory, json)


@verbs.command(epilog="Example: concord trust activate urn:concord:st-elisabeth-hospital:3f9a2c1b")
def activate(member: Member, directory: Directory = HERE, json: Json = False) -> int:
    """Listen to a suspended member again."""
    return _change(member, "activate", directory, json)


@verbs.command(epilog="Example: concord trust remove urn:concord:st-elisabeth-hospital:3f9a2c1b")
def remove(member: Member, directory: Directory = HERE, json: Json = False) -> int:
    """Never listen to a member again, unless it is added anew. Its entry stays, for the log to be readable."""
    return _change(member, "remove", directory, json)


@verbs.command(
    epilog="Example: concord trust place urn:concord:atlas:3f9a2c1b --jurisdiction DE --hosting DE --hosting FR"
)
def place(
    member: Member, jurisdiction: Jurisdiction, hosting: Hosting, ground: Grounds = None, directory: Directory = HERE,
    json: Json = False,
) -> int:  # fmt: skip
    """Note where a member is established and keeps data; where that matters, not knowing it is a no."""
    body = {"jurisdiction": jurisdiction, "hosting": hosting, "grounds": ground or []}
    with desk(directory) as reached:
        row = reached.post(f"/api/members/{showing.segment(member)}/place", body)
    if json:
        showing.as_json(row)
    else:
        kept = ", ".join(row["hosting"])
        showing.say(f"{showing.safe(row['name'])} is established in {row['jurisdiction']} and keeps data in {kept}.")
    return 0


def _change(member: str, act: str, directory: Directory, json: bool) -> int:
    with desk(directory) as reached:
        changed = reached.post(f"/api/members/{showing.segment(member)}/{act}")
    if json:
        showing.as_json(changed)
    else:
        showing.say(f"{showing.safe(changed['name'])} is {changed['standing']}.")
    return 0


@members.command(epilog="Example: concord members accepted --directory hospital")
def accepted(directory: Directory = HERE, json: Json = False) -> int:
    """Who was accepted by name, by whom and why, and under which contracts they have data."""
    with desk(directory) as reached:
        rows = reached.get("/api/acceptances")
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, _ACCEPTED, "Nobody was accepted by name.")
    return 0


@members.command(epilog="Example: concord members accept urn:concord:edc:3f9a2c1b --why 'Audited in May'")
def accept(member: Member, why: Why, until: Until = None, directory: Directory = HERE, json: Json = False) -> int:
    """Accept a member that cannot prove erasure: contracts that demand erasure may be made with it from now on."""
    ends = datetime.combine(until.date(), time(23, 59, 59), UTC).isoformat() if until else None
    with desk(directory) as reached:
        row = reached.post(f"/api/members/{showing.segment(member)}/accept", {"why": why, "until": ends})
    if json:
        showing.as_json(row)
    else:
        showing.say(f"{showing.safe(row['name'])} is accepted by name. What people take back is tracked by hand.")
    return 0


@members.command(epilog="Example: concord members revoke urn:concord:edc:3f9a2c1b")
def revoke(member: Member, directory: Directory = HERE, json: Json = False) -> int:
    """Take an acceptance back: no new contract. Those that exist go on until they are ended."""
    with desk(directory) as reached:
        row = reached.post(f"/api/members/{showing.segment(member)}/revoke")
    if json:
        showing.as_json(row)
    else:
        showing.say(f"{showing.safe(row['name'])} is not accepted any more; {len(row['contracts'])} contracts go on.")
    return 0


def _here(url: str) -> bool:
    """An address of this very machine is plain http in development, and nobody listens in between."""
    return url.startswith(("http://127.0.0.1", "http://localhost", "http://[::1]"))
