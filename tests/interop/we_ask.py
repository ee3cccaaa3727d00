"""Transfers in which EDC is the provider: pulled from its data plane, pushed to our inbox, paused and stopped."""

from __future__ import annotations

from dataclasses import replace

from connector.records import ReceivedTransfer, Transfer
from connector.services.processes.moves import Complete, Start, Suspend, Terminate
from connector.services.processes.transfers import PULL
from contracts import edc
from contracts.messages import DataAddress
from tests.interop.scenario import scenario
from tests.interop.source import CONTENT
from tests.interop.stage import Stage
from tests.two_party.releases import content_of


@scenario("we pull from EDC, and what arrives is what lies behind it")
async def we_pull(stage: Stage) -> None:
    agreement = await stage.contract_of_ours()
    pid = await stage.research.services.transfers.ask(agreement, format=PULL)
    received = await stage.research.eventually(ReceivedTransfer, pid, where=lambda row: row.standing == "complete")
    assert content_of(received.path) == CONTENT
    await stage.research.eventually(Transfer, pid, where=lambda found: found.state == "COMPLETED")
    await stage.provider.management.transferred(await stage.provider.management.transfer_of(pid), "COMPLETED")


@scenario("EDC pushes to our inbox, and what arrives is what lies behind it")
async def edc_pushes(stage: Stage) -> None:
    agreement = await stage.contract_of_ours()
    pid = await stage.research.services.transfer_desk.ask(stage.research.acting("researcher"), agreement.id, push=True)
    received = await stage.research.eventually(ReceivedTransfer, pid, where=lambda row: row.standing == "complete")
    assert content_of(received.path) == CONTENT
    await stage.research.eventually(Transfer, pid, where=lambda found: found.state == "COMPLETED")


@scenario("we end our transfer at EDC: its token opens nothing any more")
async def we_end(stage: Stage) -> None:
    pid, theirs = await _started(stage)
    reach = await _reach(stage, pid)
    await stage.steady.services.transfers.move(pid, Terminate("enough", ("we have what we need",)))
    await stage.provider.management.transferred(theirs, "TERMINATED")
    await stage.steady.eventually(Transfer, pid, where=lambda found: found.state == "TERMINATED")
    assert await _status(stage, reach) == 403


@scenario("we say that our transfer at EDC is complete")
async def we_complete(stage: Stage) -> None:
    pid, theirs = await _started(stage)
    await stage.steady.services.transfers.move(pid, Complete())
    await stage.provider.management.transferred(theirs, "COMPLETED")
    await stage.steady.eventually(Transfer, pid, where=lambda found: found.state == "COMPLETED")


@scenario("EDC ends our transfer, and we know why")
async def edc_ends(stage: Stage) -> None:
    pid, theirs = await _started(stage)
    await stage.provider.management.move_transfer(theirs, "terminate", "the licence has run out")
    ended = await stage.steady.eventually(Transfer, pid, where=lambda found: found.state == "TERMINATED")
    assert "the licence has run out" in str(ended.reason)


@scenario("EDC suspends our transfer and starts it again with a new token")
async def edc_suspends_and_resumes(stage: Stage) -> None:
    pid, theirs = await _started(stage)
    old = await _reach(stage, pid)
    await stage.provider.management.move_transfer(theirs, "suspend", "the source is being repaired")
    suspended = await stage.steady.eventually(Transfer, pid, where=lambda found: found.state == "SUSPENDED")
    assert "the source is being repaired" in str(suspended.reason)
    await stage.provider.management.transferred(theirs, "SUSPENDED")
    await stage.provider.management.move_transfer(theirs, "resume")
    await _opened_anew(stage, pid, old)


@scenario("we suspend our transfer at EDC and go on with a new token")
async def we_suspend_and_resume(stage: Stage) -> None:
    pid, theirs = await _started(stage)
    old = await _reach(stage, pid)
    await stage.steady.services.transfers.move(pid, Suspend("pause", ("no room left",)))
    await stage.provider.management.transferred(theirs, "SUSPENDED")
    await stage.steady.eventually(Transfer, pid, where=lambda found: found.state == "SUSPENDED")
    await stage.steady.services.transfers.move(pid, Start())
    await stage.provider.management.transferred(theirs, "STARTED")
    await _opened_anew(stage, pid, old)


@scenario("EDC knows nothing of an agreement we do not have with it, and our transfer ends")
async def we_name_a_strange_agreement(stage: Stage) -> None:
    agreement = replace(await stage.contract_of_ours(party=stage.steady), id="urn:uuid:none")
    pid = await stage.steady.services.transfers.ask(agreement, format=PULL)
    await stage.steady.eventually(Transfer, pid, where=lambda found: found.state == "TERMINATED")


async def _started(stage: Stage) -> tuple[str, str]:
    """A pull of ours that has begun and that nothing here fetches: our pid, and EDC's."""
    agreement = await stage.contract_of_ours(party=stage.steady)
    pid = await stage.steady.services.transfers.ask(agreement, format=PULL)
    await stage.steady.eventually(Transfer, pid, where=lambda found: found.state == "STARTED")
    theirs = await stage.provider.management.transfer_of(pid)
    await stage.provider.management.transferred(theirs, "STARTED")
    return pid, theirs


async def _reach(stage: Stage, pid: str) -> edc.Reach:
    process = await stage.steady.get(Transfer, pid)
    assert process is not None
    reach = edc.read_address(DataAddress.read(process.data_address))
    assert reach is not None
    assert reach.authorization
    return reach


async def _status(stage: Stage, reach: edc.Reach) -> int:
    answer = await stage.client.get(reach.endpoint, headers={"authorization": reach.authorization or ""})
    return answer.status_code


async def _opened_anew(stage: Stage, pid: str, old: edc.Reach) -> None:
    """Started again, with another token; the earlier one stays shut."""

    def renewed(found: Transfer) -> bool:
        reach = edc.read_address(DataAddress.read(found.data_address)) if found.data_address else None
        return found.state == "STARTED" and reach is not None and reach != old

    await stage.steady.eventually(Transfer, pid, where=renewed)
    assert await _status(stage, await _reach(stage, pid)) == 200
    assert await _status(stage, old) == 403
