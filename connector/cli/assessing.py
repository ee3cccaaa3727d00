"""`concord risk`: how easily somebody could be singled out in what was or would be released."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from connector.cli import showing
from connector.cli.desk import Desk, desk
from connector.cli.options import HERE, Directory, Json
from connector.problems import invalid

verbs = typer.Typer(
    help="How easily somebody could be singled out in a release: reports, and trials before.", no_args_is_help=True
)
_NO = 1
_REFUSED = "refused"
Agreement = Annotated[str, typer.Argument(help="The contract's id.")]
Dataset = Annotated[str, typer.Argument(help="The dataset: its title, or its id as `concord publish` prints it.")]
Profile = Annotated[str, typer.Option(help="Another packaged profile than the dataset's own.")]
Report = Annotated[str, typer.Argument(help="The report's id, as `concord risk list` prints it.")]
OfAgreement = Annotated[str | None, typer.Option("--agreement", help="Only those of this contract.")]
OfDataset = Annotated[str | None, typer.Option("--dataset", help="Only those of this dataset.")]
_LISTED = [("made_at", "made"), ("dataset_title", "dataset"), ("people", "people"), ("verdict", "verdict"),
           ("release", "release"), ("id", "id")]  # fmt: skip
_BANDS = [("share", "people who share a combination"), ("combinations", "combinations"), ("people", "people in all")]


@verbs.command("list", epilog="Example: concord risk list --agreement urn:uuid:...")
def reports(
    agreement: OfAgreement = None, dataset: OfDataset = None, directory: Directory = HERE, json: Json = False
) -> int:
    """The newest reports. One without a release is a trial."""
    with desk(directory) as reached:
        rows = reached.get("/api/risk", agreement=agreement, dataset=dataset)
    if json:
        showing.as_json(rows)
    else:
        showing.table(rows, _LISTED, "Nothing was measured yet.")
    return 0


@verbs.command(epilog="Example: concord risk show urn:uuid:...")
def show(report: Report, directory: Directory = HERE, json: Json = False) -> int:
    """One report. The exit code is 1 where it refused a release."""
    with desk(directory) as reached:
        found = reached.get(f"/api/risk/{showing.segment(report)}")
    return _said(found, json)


@verbs.command("report", epilog="Example: concord risk report urn:uuid:5b0f3a52-... --directory hospital")
def of_agreement(agreement: Agreement, directory: Directory = HERE, json: Json = False) -> int:
    """Try what a release under a contract would bring now; nothing is released.

    The exit code is 1 where the contract would refuse the release.
    """
    with desk(directory) as reached:
        found = reached.post(f"/api/risk/agreements/{showing.segment(agreement)}", {})
    return _said(found, json)


@verbs.command("assess", epilog="Example: concord risk assess 'Heart data' --profile research-minimal")
def of_dataset(dataset: Dataset, profile: Profile = "", directory: Directory = HERE, json: Json = False) -> int:
    """Try what a release of everybody in a dataset would bring, before anything is agreed; nothing is released.

    The exit code is 1 where the dataset's offer would refuse the release.
    """
    with desk(directory) as reached:
        named = _dataset(reached, dataset)
        found = reached.post(f"/api/risk/datasets/{showing.segment(named)}", {"profile": profile})
    return _said(found, json)


def _dataset(reached: Desk, named: str) -> str:
    """The id of a dataset that somebody names by its title; an id is itself."""
    rows = [one for one in reached.get("/api/datasets") if one["state"] == "published" and one["title"] == named]
    if len(rows) > 1:
        raise invalid("Several datasets have this title", "DATASET", ", ".join(one["id"] for one in rows))
    return str(rows[0]["id"]) if rows else named


def _said(found: dict[str, Any], json: bool) -> int:
    code = _NO if found["verdict"] == _REFUSED else 0
    if json:
        showing.as_json(found)
        return code
    showing.say(f"{showing.safe(found['dataset_title'])}, {found['people']} people, {showing.safe(found['profile'])}")
    showing.say(f"Features that leave: {showing.safe(', '.join(found['features']) or 'none')}")
    showing.say(f"Looked for, and not in it: {showing.safe(', '.join(found['silent']) or 'none')}")
    for sentence in (*found["sentences"], *found["coarser"]):
        showing.say(f"  {showing.safe(sentence)}")
    if found["bands"]:
        rows = [dict(zip(("share", "combinations", "people"), one, strict=True)) for one in found["bands"]]
        showing.table(rows, _BANDS, "")
    showing.say(f"{showing.safe(found['verdict_words'])}.")
    for sentence in found["missed"]:
        showing.say(f"  {showing.safe(sentence)}")
    return code
