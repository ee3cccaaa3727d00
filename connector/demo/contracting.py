"""Chapter 4: the researcher finds the dataset, gets a contract by negotiation, and receives the first release."""

from __future__ import annotations

from typing import Any

from connector.demo.desk import until
from connector.demo.narrator import people
from connector.demo.offering import RESEARCH_PURPOSE
from connector.demo.offices import Holder, moment
from connector.demo.stage import Stage, milliseconds, now

Json = dict[str, Any]


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


async def negotiate(stage: Stage, provider: Holder, dataset: str) -> Json:
    """A contract about a dataset for this round's study: its state, its id, and how long it took from our request."""
    asked_at = now()
    pid = await stage.research.negotiate(provider.id, dataset, stage.found.study, RESEARCH_PURPOSE)
    row = await stage.research.agreed(pid)
    ended_at = max((moment(step["at"]) for step in row["steps"] if step["at"]), default=asked_at)
    return {
        "state": row["state"].upper(), "agreement": row["agreement"] or "",
        "milliseconds": milliseconds(asked_at, ended_at),
    }  # fmt: skip


async def _first_release(stage: Stage) -> None:
    stage.report.consented = await stage.hospital.consented(stage.found.study, stage.found.records)
    stage.found.transfer = await stage.research.request_transfer(stage.found.agreement, set())
    with stage.narrator.working("The release is made, received and checked"):
        received = await stage.research.received(stage.found.transfer)
    made = await _made(stage)
    stage.found.release_seconds = (moment(made["finished_at"]) - moment(made["started_at"])).total_seconds()
    stage.report.release = {
        "people": made["people"], "resources": made["resources"], "bytes": made["bytes"],
        "withheld": made["withheld"], "withheld_resources": made["withheld_resources"],
        "manifest_verified": received["manifest_verified"],
    }  # fmt: skip
    _tell(stage)


async def _made(stage: Stage) -> Json:
    """The provider's own record of the release: exact numbers, withheld people by reason."""

    async def look() -> Json | None:
        rows = await stage.hospital.releases(stage.found.agreement)
        return next((one for one in rows if one["standing"] == "complete"), None)

    return await until(look, "the release is complete at the hospital")


def _tell(stage: Stage) -> None:
    release = stage.report.release
    stage.narrator.done(
        f"{people(release['people'])}, {release['resources']:,} resources, pseudonymised for this contract",
        f"{release['bytes'] / 1_000_000:.1f} MB",
    )
    for reason, count in sorted(release["withheld"].items()):
        stage.narrator.remark(f"withheld: {people(count)}, {reason}")
    if release["manifest_verified"]:
        stage.narrator.done("The recipient checked the signed manifest: counts, digests, withheld")
