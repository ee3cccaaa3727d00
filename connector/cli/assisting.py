"""`concord desk`: answers that staff take down for people without a wallet, and their opt-outs."""

from __future__ import annotations

import base64
import mimetypes
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from connector.cli import showing
from connector.cli.desk import Desk, desk
from connector.cli.hosting import patient_of
from connector.cli.options import HERE, Directory, Json
from connector.problems import invalid

verbs = typer.Typer(
    help="For people without a wallet: what they are asked, what they said, on paper, by phone or at the desk.",
    no_args_is_help=True,
)
Patient = Annotated[str, typer.Argument(help="The patient: number, id, or a part of the name that fits only one.")]
Study = Annotated[str, typer.Argument(help="The study request's id.")]
Channel = Annotated[Literal["paper", "phone", "desk"], typer.Option(help="How the person said it.")]
File = Annotated[
    Path | None, typer.Option("--evidence", dir_okay=False, exists=True, help="A scan, recording or protocol of it.")
]
Data = Annotated[
    list[str] | None,
    typer.Option(help="What they share, as DATASET or DATASET=KIND,KIND; without it, all that the study asks for."),
]
ReadOut = Annotated[bool, typer.Option("--read-out", help="The words of the study were shown or read to the person.")]
By = Annotated[
    str,
    typer.Option("--authority", help="Who speaks for the person: parent, guardian. A minor's yes needs it."),
]
Number = Annotated[str, typer.Argument(help="The number of the answer, as it was printed when it was recorded.")]
_STUDIES = [("title", "study"), ("organisation_name", "from"), ("state", "answer"), ("id", "id")]


Decision = Annotated[
    Literal["yes", "no", "pause", "stop", "erase"],
    typer.Argument(help="What the person says: yes or no, pause, stop (keep what was sent), or erase."),
]


@verbs.command(epilog="Example: concord desk studies 'Moe, Ada' --directory hospital")
def studies(patient: Patient, directory: Directory = HERE, json: Json = False) -> int:
    """The studies that may be read out to somebody, with their answers; who has a wallet answers there."""
    with desk(directory) as reached:
        person = f"/api/desk/people/{_id(reached, patient)}"
        rows, standing = reached.get(f"{person}/studies"), reached.get(person)["standing"]
    if json:
        showing.as_json(rows)
        return 0
    if standing == "wallet":  # what they say there is not the desk's to read
        rows = [{**row, "state": row["state"] or "answers in their wallet"} for row in rows]
    showing.table(rows, _STUDIES, "No study may be shown to people here.")
    return 0


@verbs.command(epilog="Example: concord desk script 'Moe, Ada' urn:uuid:...")
def script(patient: Patient, study: Study, directory: Directory = HERE, json: Json = False) -> int:
    """The words to read out before somebody answers."""
    with desk(directory) as reached:
        page = _script(reached, _id(reached, patient), study)
    if json:
        showing.as_json(page)
        return 0
    lines = [page["study"]["title"], page["summary"], *page["words"].values()]
    lines += [f"For: {', '.join(page['purposes'])}", f"Sent to: {', '.join(page['recipients'])}"]
    lines += [f"Data: {one['title']}" for one in page["datasets"]]
    for line in lines:
        showing.say(showing.safe(line))
    return 0


@verbs.command(
    epilog="Example: concord desk record 'Moe, Ada' urn:uuid:... yes --channel paper --read-out --evidence form.pdf"
)
def record(
    patient: Patient, study: Study, decision: Decision, channel: Channel,
    read_out: ReadOut = False, data: Data = None, evidence: File = None, authority: By = "",
    directory: Directory = HERE, json: Json = False,
) -> int:  # fmt: skip
    """Take an answer down: yes (also to change what is shared), no, pause, stop, or erase (stop and delete)."""
    with desk(directory) as reached:
        person = _id(reached, patient)
        page = _script(reached, person, study)
        chosen = _chosen(data) if data else {one["dataset"]: None for one in page["datasets"]}
        body = {
            "study": study, "decision": decision, "channel": channel, "read_out": read_out, "digest": page["digest"],
            "datasets": chosen if decision == "yes" else {}, "evidence": _file(evidence),
            "authority": authority,
        }  # fmt: skip
        done = reached.post(f"/api/desk/people/{person}/answers", body)
    if json:
        showing.as_json(done)
        return 0
    told = f" Told to: {', '.join(done['recipients'])}." if done["recipients"] else ""
    showing.say(showing.safe(f"Recorded: {done['state']}.{told} Print it with: concord desk receipt {done['consent']}"))
    return 0


@verbs.command(epilog="Example: concord desk receipt urn:uuid:... --format pdf --out receipt.pdf")
def receipt(
    number: Number,
    format: Annotated[Literal["json", "jws", "html", "pdf"], typer.Option("--format", help="In which form.")] = "pdf",
    out: Annotated[Path, typer.Option(help="Where to write it.")] = Path("receipt.pdf"),
    directory: Directory = HERE,
    json: Json = False,
) -> int:
    """Write the receipt of an answer, to print and hand over."""
    with desk(directory) as reached:
        body = reached.fetch(f"/api/desk/receipts/{showing.segment(number)}", format=format)
    out.write_bytes(body)
    if json:
        showing.as_json({"file": str(out), "bytes": len(body)})
    else:
        showing.say(f"Written to {showing.safe(out)}")
    return 0


@verbs.command("opt-out", epilog="Example: concord desk opt-out 'Moe, Ada' --channel phone")
def opt_out(
    patient: Patient, channel: Channel, evidence: File = None, directory: Directory = HERE, json: Json = False
) -> int:
    """Somebody opts out of secondary use: nothing of theirs leaves for research from now on."""
    return _opt(patient, True, channel, evidence, directory, json)


@verbs.command("opt-in", epilog="Example: concord desk opt-in 'Moe, Ada' --channel paper --evidence form.pdf")
def opt_in(
    patient: Patient, channel: Channel, evidence: File = None, directory: Directory = HERE, json: Json = False
) -> int:
    """Somebody takes back the opt-out they said here. Needs --evidence; one made in a wallet is taken back there."""
    return _opt(patient, False, channel, evidence, directory, json)


def _opt(patient: str, out: bool, channel: str, evidence: Path | None, directory: Path, json: bool) -> int:
    with desk(directory) as reached:
        body = {"out": out, "channel": channel, "evidence": _file(evidence)}
        person = reached.post(f"/api/desk/people/{_id(reached, patient)}/opt-out", body)
    if json:
        showing.as_json(person)
    else:
        showing.say(f"{showing.safe(person['name'])} is opted {'out' if person['opted_out_since'] else 'in'}.")
        if out and person["standing"] == "wallet":
            showing.say("Their wallet does not know of it: tell them that only this desk takes it back.")
    return 0


def _id(reached: Desk, wanted: str) -> str:
    return showing.segment(patient_of(reached.get("/api/patients"), wanted))


def _script(reached: Desk, person: str, study: str) -> Any:
    return reached.get(f"/api/desk/people/{person}/studies/{showing.segment(study)}")


def _chosen(data: list[str]) -> dict[str, list[str] | None]:
    chosen: dict[str, list[str] | None] = {}
    for text in data:
        dataset, equals, kinds = text.partition("=")
        chosen[dataset] = [kind for kind in kinds.split(",") if kind] if equals else None
    return chosen


def _file(path: Path | None) -> dict[str, str] | None:
    if path is None:
        return None
    kind = mimetypes.guess_type(path.name)[0]
    if kind is None:
        raise invalid("The kind of this file cannot be told from its name", "--evidence", ".pdf, .png, .jpg, .txt, ...")
    return {"media_type": kind, "body": base64.b64encode(path.read_bytes()).decode()}
