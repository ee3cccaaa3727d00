"""Chapter 4: the researcher finds the dataset, gets a contract by negotiation, and receives the first release."""

from __future__ import annotations

from connector.demo.offering import RESEARCH_PURPOSE
from connector.demo.offices import Office
from connector.demo.stage import Stage, milliseconds


async def play(stage: Stage) -> None:
    """Catalogue, negotiation, transfer, manifest."""
    stage.narrator.chapter("A contract is negotiated, and records move")
    entry = await stage.research.catalogue_entry(stage.hospital.id, stage.found.records)
    stage.report.expected_yield = str(entry["expected_yield"] or "")
    stage.narrator.done(f"In the catalogue: {entry['title']}", f"{stage.report.expected_yield} people expected")
    negotiation = await negotiate(stage, stage.hospital, stage.found.records)
    stage.report.negotiation = {name: negotiation[name] for name in ("state", "milliseconds")}
    stage.found.agreement = negotiation["agreement"]
    stage.narrator.done("Request, agreement, verification, finalized", f"{negotiation['milliseconds']} ms")
    await _first_release(stage)


async def negotiate(stage: Stage, provider: Office, dataset: str) -> dict[str, str | float]:
    """A contract about a dataset for this round's study: state, agreement, and how long it took."""
    pid = await stage.research.negotiate(provider.id, dataset, stage.found.study, RESEARCH_PURPOSE)
    done = await stage.research.negotiation_ended(pid)
    asked, last = done["asked_at"], done["ended_at"]
    return {"state": done["state"], "agreement": done["agreement"], "milliseconds": milliseconds(asked, last)}


async def _first_release(stage: Stage) -> None:
    stage.found.transfer = await stage.research.request_transfer(stage.found.agreement)
    with stage.narrator.working("The release is made, received and checked"):
        received = await stage.research.received(stage.found.transfer)
    made = await stage.hospital.release(stage.found.agreement, stage.found.transfer)
    stage.report.consented = await stage.hospital.consented(stage.found.study, stage.found.records)
    stage.report.release = {
        "people": made["people"], "resources": made["resources"], "bytes": made["bytes"],
        "withheld": made["withheld"], "withheld_resources": made["withheld_resources"],
        "manifest_verified": received["manifest_verified"],
    }  # fmt: skip
    _tell(stage)


def _tell(stage: Stage) -> None:
    release = stage.report.release
    stage.narrator.done(
        f"{release['people']} people, {release['resources']:,} resources, pseudonymised for this contract",
        f"{release['bytes'] / 1_000_000:.1f} MB",
    )
    for reason, people in release["withheld"].items():
        stage.narrator.remark(f"withheld: {people} people, {reason}")
    if release["manifest_verified"]:
        stage.narrator.done("The recipient checked the signed manifest: counts, digests, withheld")
