"""`concord consent opt-out` and `opt-in` at a wallet; `unclear` and `set-aside` at a holder."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from connector.cli import showing
from connector.cli.desk import desk
from connector.cli.hosting import account_of
from connector.cli.options import HERE, Directory, Json

Account = Annotated[str, typer.Option(help="Whose opt-out it is: account, sign-in name, or full name.")]
Source = Annotated[str, typer.Argument(help="The source's id, as `concord consent unclear` shows it.")]
Consent = Annotated[str, typer.Argument(help="The consent's id at the source.")]
Reason = Annotated[str, typer.Option(help="Why this is no consent of the person.")]
_UNCLEAR = [("source_name", "source"), ("id", "consent"), ("fault", "what is wrong"), ("imported_at", "since")]


def add_to(verbs: typer.Typer) -> None:
    """Join `concord consent`."""
    verbs.command("opt-out", epilog="Example: concord consent opt-out --account 'Ada Moe' --directory wallet")(opt_out)
    verbs.command("opt-in", epilog="Example: concord consent opt-in --account 'Ada Moe' --directory wallet")(opt_in)
    verbs.command("unclear", epilog="Example: concord consent unclear --directory hospital")(unclear)
    verbs.command("set-aside", epilog="Example: concord consent set-aside SOURCE c1 --reason 'A form of another kind'")(
        set_aside
    )


def opt_out(account: Account, directory: Directory = HERE, json: Json = False) -> int:
    """Opt out of secondary use, everywhere: told to every linked holder, and to those linked later."""
    return _opt(account, "/api/opt-outs", directory, json)


def opt_in(account: Account, directory: Directory = HERE, json: Json = False) -> int:
    """Take an opt-out back, from now on."""
    return _opt(account, "/api/opt-outs/reverse", directory, json)


def _opt(account: str, path: str, directory: Any, json: bool) -> int:
    with desk(directory) as reached:
        page = reached.post(path, {"account": account_of(reached.get("/api/people"), account)})
    if json:
        showing.as_json(page)
        return 0
    told = ", ".join(one["holder_name"] for one in page["told"]) or "nobody yet: no place is linked"
    showing.say(showing.safe(f"Opted {'out' if page['out'] else 'in'}. Told to: {told}."))
    return 0


def unclear(directory: Directory = HERE, json: Json = False) -> int:
    """Consents at sources that nobody can read or rely on; each stops everything about a person."""
    with desk(directory) as reached:
        rows = reached.get("/api/source-consents/unclear")
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, _UNCLEAR, "Every consent at the sources can be read and relied on.")
    return 0


def set_aside(source: Source, consent: Consent, reason: Reason, directory: Directory = HERE, json: Json = False) -> int:
    """As data protection officer: this is no consent of the person, and counts no more."""
    with desk(directory) as reached:
        rows = reached.get("/api/source-consents/unclear")
        found = next((one for one in rows if (one["source"], one["id"]) == (source, consent)), None)
        body = {"source": source, "id": consent, "digest": found["digest"] if found else "", "reason": reason}
        reached.post("/api/source-consents/set-aside", body)
    if json:
        showing.as_json({"source": source, "id": consent, "standing": "set-aside"})
    else:
        showing.say("Set aside. It stays in the log, with who did it and why.")
    return 0
