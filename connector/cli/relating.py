"""`concord authority`, and the verbs of `concord link` for sign-ins and for links that may be wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from connector.cli import hosting, showing
from connector.cli.desk import Desk, desk
from connector.cli.options import HERE, Directory, Json

authorities = typer.Typer(help="Who may decide for whom, at a wallet.", no_args_is_help=True)
Patient = hosting.Patient
Subject = Annotated[str, typer.Argument(help="What the sign-in provider calls them (`sub`).")]
Person = Annotated[str, typer.Option("--for", help="The person: account, sign-in name, or full name.")]
Proxy = Annotated[str, typer.Option(help="Who acts for them: account, sign-in name, or full name.")]
Kind = Annotated[Literal["parent", "guardian", "attorney", "court"], typer.Option(help="On what it rests.")]
Evidence = Annotated[str, typer.Option(help="What you saw: a birth certificate, a court order with its number.")]
Law = Annotated[str, typer.Option(help="Whose law it rests on, such as DE or GB-SCT.")]
Studies = Annotated[list[str] | None, typer.Option("--study", help="Only about this study. Default: about all.")]
Until = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day on which it ends.")]
Reason = Annotated[str, typer.Option(help="Why the link may be wrong.")]
Other = Annotated[str | None, typer.Option(help="Whose record it may really be: number, id, or part of a name.")]
Outcome = Annotated[Literal["kept", "ended", "moved"], typer.Option(help="How it is settled.")]
_COLUMNS = [
    ("person_name", "for"), ("proxy_name", "acts"), ("kind", "as"), ("standing", "standing"), ("until", "until"),
    ("id", "authority"),
]  # fmt: skip
_DISPUTES = [
    ("person_name", "record of"), ("other_name", "may be"), ("wallet_name", "wallet"), ("opened_by", "said by"),
    ("outcome", "settled"), ("id", "dispute"),
]  # fmt: skip


@authorities.command(
    "open", epilog="Example: concord authority open --for 'Mia Moe' --proxy 'Ada Moe' --kind parent --evidence "
    "'birth certificate' --law DE",
)  # fmt: skip
def opened(
    person: Person, proxy: Proxy, kind: Kind, evidence: Evidence, law: Law, study: Studies = None,
    until: Until = None, directory: Directory = HERE, json: Json = False,
) -> int:  # fmt: skip
    """Record that somebody may decide for a person. Look at the evidence first."""
    with desk(directory) as reached:
        people = reached.get("/api/people")
        body = {
            "account": hosting.account_of(people, person), "proxy": hosting.account_of(people, proxy), "kind": kind,
            "evidence": evidence, "jurisdiction": law, "studies": study or None,
            "until": until.replace(tzinfo=UTC) if until else None,
        }  # fmt: skip
        made = reached.post("/api/authorities", body)
    return hosting.told(made, f"Recorded. The authority has the id {made['id']}", json)


@authorities.command("list", epilog="Example: concord authority list --directory wallet")
def listed(directory: Directory = HERE, json: Json = False) -> int:
    """Everybody who may decide for somebody else."""
    with desk(directory) as reached:
        rows = reached.get("/api/authorities")
    return hosting.shown(rows, _COLUMNS, "Nobody decides for anybody else here.", json)


@authorities.command("end", epilog="Example: concord authority end urn:uuid:... --directory wallet")
def ended(
    authority: Annotated[str, typer.Argument(help="Its id, as the list shows it.")], directory: Directory = HERE,
    json: Json = False,
) -> int:  # fmt: skip
    """End an authority now. What was allowed by it rests until the person is asked."""
    with desk(directory) as reached:
        made = reached.post(f"/api/authorities/{showing.segment(authority)}/end")
    return hosting.told(made, "The authority has ended.", json)


@hosting.links.command("tie", epilog="Example: concord link tie 'Moe, Ada' ada --directory hospital")
def tie(patient: Patient, subject: Subject, directory: Directory = HERE, json: Json = False) -> int:
    """Tie a sign-in to a patient, so that they can connect their record from the portal. Look who it is first."""
    with desk(directory) as reached:
        where = _place(reached, patient)
        made = reached.post(f"{where}/sign-in", {"subject": subject})
    return hosting.told(made, "From now on this sign-in is theirs.", json)


@hosting.links.command("untie", epilog="Example: concord link untie 'Moe, Ada' --directory hospital")
def untie(patient: Patient, directory: Directory = HERE, json: Json = False) -> int:
    """Take a sign-in away from a patient's record."""
    with desk(directory) as reached:
        where = _place(reached, patient)
        made = reached.post(f"{where}/sign-in/untie")
    return hosting.told(made, "No sign-in is tied to this record any more.", json)


@hosting.links.command("dispute", epilog="Example: concord link dispute 'Moe, Ada' --reason 'Twin of Eva Moe'")
def dispute(
    patient: Patient, reason: Reason, other: Other = None, directory: Directory = HERE, json: Json = False
) -> int:
    """Say that the link of a patient may be wrong. Nothing of theirs is released until it is settled."""
    with desk(directory) as reached:
        rows = reached.get("/api/patients")
        body = {"reason": reason, "other": hosting.patient_of(rows, other) if other else ""}
        made = reached.post(f"{_place(reached, patient)}/dispute", body)
    return hosting.told(made, f"Stopped. The officer settles it: concord link settle {made['id']}", json)


@hosting.links.command("disputes", epilog="Example: concord link disputes --directory hospital")
def disputes(directory: Directory = HERE, json: Json = False) -> int:
    """Links that may be wrong."""
    with desk(directory) as reached:
        rows = reached.get("/api/disputes")
    return hosting.shown(rows, _DISPUTES, "No link is disputed.", json)


@hosting.links.command("settle", epilog="Example: concord link settle urn:uuid:... --outcome ended")
def settle(
    id: Annotated[str, typer.Argument(metavar="DISPUTE", help="Its id, as the list shows it.")], outcome: Outcome,
    other: Other = None, directory: Directory = HERE, json: Json = False,
) -> int:  # fmt: skip
    """Settle a disputed link, as the data protection officer."""
    with desk(directory) as reached:
        right = hosting.patient_of(reached.get("/api/patients"), other) if other else ""
        made = reached.post(f"/api/disputes/{showing.segment(id)}/settle", {"outcome": outcome, "other": right})
    return hosting.told(made, f"Settled: {outcome}.", json)


def _place(reached: Desk, patient: str) -> str:
    return f"/api/patients/{showing.segment(hosting.patient_of(reached.get('/api/patients'), patient))}"
