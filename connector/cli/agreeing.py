"""`concord catalog`, `negotiate`, `transfer`: what a researcher does, in this order."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from connector.cli import showing
from connector.cli.desk import Desk, desk
from connector.cli.options import HERE, Directory, Json
from connector.cli.stores import stated_store
from connector.cli.watching import under_way, watched
from connector.problems import Problem, invalid

_NO = 1
_PATIENCE = 300
Provider = Annotated[str, typer.Argument(help="The provider: its id, its name, or a part of it that fits only one.")]
Somebody = Annotated[str | None, typer.Argument(help="A provider, by id or name; without it, all of them.")]
Words = Annotated[str, typer.Option("--text", help="Words the dataset's title, description or keywords hold.")]
Category = Annotated[str | None, typer.Option(help="A kind of data it has, such as laboratory.")]
Dataset = Annotated[str, typer.Argument(help="The dataset's id, as `concord catalog` prints it.")]
Study = Annotated[
    str, typer.Option(help="The id of our study request; without one the offer is asked for exactly as it stands.")
]
Purpose = Annotated[str | None, typer.Option(help="One purpose of the study (an IRI); needed when it has several.")]
Offer = Annotated[str, typer.Option(help="The id of the offer; needed when the dataset has several.")]
Push = Annotated[bool, typer.Option("--push", help="Let the provider send it to us, instead of fetching it.")]
PushS3 = Annotated[
    Path | None,
    typer.Option(
        "--push-s3", exists=True, dir_okay=False,
        help="Let the provider put it into an object store: a TOML file of yours alone (mode 0600) that names it.",
    ),
]  # fmt: skip
SinceLast = Annotated[
    bool, typer.Option("--since-last", help="Only what changed since the last release that is here, deletions too.")
]
Anew = Annotated[bool, typer.Option("--new", help="Ask again, although a transfer of this contract is under way.")]
Wait = Annotated[int, typer.Option(min=0, max=300, help="Seconds to wait for the other side's answer.")]
Agreement = Annotated[str, typer.Argument(help="The contract's id, as `concord negotiate` prints it.")]


def catalog(
    provider: Somebody = None, text: Words = "", category: Category = None, directory: Directory = HERE,
    json: Json = False,
) -> int:  # fmt: skip
    """Look through other participants' catalogues."""
    with desk(directory) as reached:
        named = _provider(reached, provider) if provider else None
        entries = reached.get("/api/catalog", provider=named, text=text or None, category=category)
    if json:
        showing.as_json(entries)
        return 0
    columns = [("title", "title"), ("provider_name", "provider"), ("kind", "kind"),
               ("expected_yield", "people expected"), ("dataset", "dataset")]  # fmt: skip
    showing.table(entries, columns, "Nothing is offered that fits.")
    return 0


def negotiate(
    provider: Provider, dataset: Dataset, study: Study = "", purpose: Purpose = None, offer: Offer = "",
    wait: Wait = _PATIENCE, directory: Directory = HERE, json: Json = False,
) -> int:  # fmt: skip
    """Negotiate a contract for a dataset; exit 1 if there is none (yet).

    Where the provider makes another offer, or lets people decide, it goes on in `concord negotiations`.
    """
    with desk(directory, needs_server=True) as reached:
        body = {
            "provider": _provider(reached, provider), "dataset": dataset, "study": study, "offer": offer,
            "purpose": purpose or (_only_purpose(reached, study) if study else ""),
        }  # fmt: skip
        pid = reached.post("/api/negotiations", body)["pid"]
        with showing.working("The contract is negotiated"):
            found = _await(reached, pid, "finalized,terminated,waiting", wait)
    if json:
        showing.as_json(found["row"])
    else:
        showing.say(_how_it_stands(found["row"]))
    return 0 if found["state"] == "finalized" else _NO


def _how_it_stands(row: dict[str, Any]) -> str:
    if row["state"] == "finalized":
        return f"Finalized. The contract is {showing.safe(row['agreement'])}"
    if row["state"] == "terminated":
        return f"It is terminated: {showing.safe(row['reason'] or 'no reason was given')}"
    if row["can"]:
        return f"The provider made another offer. See: concord negotiations show {showing.safe(row['pid'])}"
    return f"No answer yet. See later: concord negotiations show {showing.safe(row['pid'])}"


def transfer(
    agreement: Agreement, push: Push = False, push_s3: PushS3 = None, since_last: SinceLast = False, new: Anew = False,
    directory: Directory = HERE, json: Json = False,
) -> int:  # fmt: skip
    """Get the data of a contract, and check the signed list of contents; exit 1 if it did not arrive whole.

    The file of --push-s3 holds endpoint, bucket, access_key and secret_key, and if wanted prefix, region,
    session_token and format (a media type). The keys go to the provider, sealed there until the transfer is over.

    It goes on in the server when you stop watching (Ctrl-C): the same verb shows it again. A live stream is left
    running: it goes on until the transfer is ended. A foreign connector sends no list of contents: what it gave is kept
    as it came, with its SHA-256.
    """
    with desk(directory, needs_server=True) as reached:
        way = "store" if push_s3 else "push" if push else "pull"
        pid = None if new or since_last else under_way(reached, agreement, way)
        if pid is None:
            asked = {"agreement": agreement, "push": push, "since_last": since_last}
            if push_s3 is not None:
                asked["push_s3"] = stated_store(push_s3)
            pid = reached.post("/api/transfers", asked)["pid"]
        row = watched(reached, pid)
    elsewhere = row["kind"] == "elsewhere" and row["state"] == "completed"
    good = elsewhere or row["kind"] == "stream" or bool(row["manifest_verified"]) or bool(row["digest"])
    if json:
        showing.as_json(row)
    else:
        showing.say(_how_it_arrived(row, good=good))
    return 0 if good and row["state"] in ("started", "completed", "complete") else _NO


def _how_it_arrived(row: dict[str, Any], *, good: bool) -> str:
    path = showing.safe(row["path"])
    if row["kind"] == "elsewhere" and good:
        return (
            "It is in the object store, with its signed manifest beside it. If somebody stops, you are asked to erase."
        )
    if row["kind"] == "stream" and row["state"] == "started":
        return f"The stream runs. Its points go to {path}"
    if row["digest"]:
        return f"{row['bytes']} bytes, {showing.safe(row['finding'])} {path}"
    if good:
        return f"{row['people']} people, {row['resources']} resources, verified: {path}{_until(row)}"
    return f"It is {showing.safe(row['state'])}: {showing.safe(row['finding'] or 'it did not arrive whole')}"


def _until(row: dict[str, Any]) -> str:
    """By when it has to be gone, or until when it may be used; the sooner one counts."""
    if row["erase_by"]:
        return f" To be deleted by {showing.safe(row['erase_by'])}."
    return f" The contract ends at {showing.safe(row['use_ends'])}." if row["use_ends"] else ""


def _await(reached: Desk, about: str, states: str, seconds: int = _PATIENCE) -> Any:
    return reached.get("/api/wait", **{"about": about, "for": states, "timeout": seconds})


def _provider(reached: Desk, wanted: str) -> str:
    known = reached.get("/api/providers")
    if any(one["id"] == wanted for one in known):
        return wanted
    fitting = [one for one in known if wanted.casefold() in one["name"].casefold()]
    if len(fitting) != 1:
        names = ", ".join(one["name"] for one in known) or "none is known; see `concord trust add`"
        raise invalid("No single provider fits", wanted, names)
    return str(fitting[0]["id"])


def _only_purpose(reached: Desk, study: str) -> str:
    purposes = reached.get(f"/api/studies/{showing.segment(study)}")["purpose_iris"]
    if len(purposes) != 1:
        raise Problem(400, "purpose-needed", "The study has several purposes", "", "--purpose", ", ".join(purposes))
    return str(purposes[0])


def add_to(program: typer.Typer) -> None:
    """Put these verbs into the program."""
    program.command(epilog="Example: concord catalog 'St. Elisabeth' --category laboratory")(catalog)
    program.command(epilog="Example: concord negotiate 'St. Elisabeth' urn:concord:dataset:... --study urn:uuid:...")(
        negotiate
    )
    program.command(epilog="Example: concord transfer urn:uuid:... --directory research")(transfer)
