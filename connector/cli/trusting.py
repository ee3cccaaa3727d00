"""`concord trust`: whom this participant listens to, by fingerprint."""

from __future__ import annotations

from typing import Annotated

import typer

from connector.cli import showing
from connector.cli.desk import desk
from connector.cli.options import HERE, Directory, Json

verbs = typer.Typer(help="The members register: the participants this one listens to.", no_args_is_help=True)
Member = Annotated[str, typer.Argument(help="The member's id, as `concord trust list` prints it.")]
Url = Annotated[str, typer.Argument(help="The other participant's address.")]
Fingerprint = Annotated[
    str, typer.Option(help="Its key's fingerprint. Get it by another way than the network, and compare it.")
]
Http = Annotated[bool, typer.Option("--allow-http", help="It is meant that this address is called without TLS.")]
_COLUMNS = [("name", "name"), ("role", "role"), ("standing", "standing"), ("url", "address"), ("id", "id")]


@verbs.command(epilog="Example: concord trust add https://concord.hospital.example --fingerprint '3f9a 2c1b ...'")
def add(
    url: Url, fingerprint: Fingerprint, allow_http: Http = False, directory: Directory = HERE, json: Json = False
) -> int:
    """Listen to a participant from now on; its keys come from its own signed document."""
    with desk(directory) as reached:
        body = {"url": url, "fingerprint": fingerprint, "allow_http": allow_http or _here(url)}
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


def _change(member: str, act: str, directory: Directory, json: bool) -> int:
    with desk(directory) as reached:
        changed = reached.post(f"/api/members/{showing.segment(member)}/{act}")
    if json:
        showing.as_json(changed)
    else:
        showing.say(f"{showing.safe(changed['name'])} is {changed['standing']}.")
    return 0


def _here(url: str) -> bool:
    """An address of this very machine is plain http in development, and nobody listens in between."""
    return url.startswith(("http://127.0.0.1", "http://localhost", "http://[::1]"))
