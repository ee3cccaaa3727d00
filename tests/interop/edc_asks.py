"""Transfers in which EDC is the consumer: records of those who said yes, pulled and pushed, paused and stopped."""

from __future__ import annotations

import asyncio
import re

import httpx2
import pytest

from connector.dataplane.lines import code_of
from connector.records import Transfer
from connector.services.processes.moves import Start, Suspend, Terminate
from connector.services.sealed import SealedInTransaction
from tests.interop.management import Json, Refused
from tests.interop.scenario import scenario
from tests.interop.stage import SAYING_YES, Stage
from tests.two_party.space import until


@scenario("EDC pulls pseudonymised records of exactly the people who said yes")
async def edc_pulls(stage: Stage) -> None:
    _, address = await _started(stage)
    answer = await stage.pulled(address)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/fhir+ndjson"
    await _only_of_the_willing(stage, answer.content)


@scenario("EDC's token opens nothing without it, and nothing of another transfer")
async def only_the_token_opens(stage: Stage) -> None:
    _, first = await _started(stage)
    _, second = await _started(stage)
    assert (await stage.client.get(first["endpoint"])).status_code == 401
    crossed = await stage.pulled(first | {"authorization": second["authorization"]})
    assert crossed.status_code == 401


@scenario("EDC asks us to push, and the records arrive at the address it named")
async def edc_is_pushed_to(stage: Stage) -> None:
    place = f"{stage.source.url}/inbox-of-edc"
    before = len(stage.source.pushed)
    pid = await stage.consumer.management.transfer(stage.ours, await stage.contract_of_edc(), push_to=place)
    await stage.consumer.management.transferred(pid, "COMPLETED")
    arrived = [one for one in stage.source.pushed[before:] if one.path == "/inbox-of-edc"]
    await _only_of_the_willing(stage, b"".join(one.body for one in arrived))
    ours = await stage.ours_of(pid)
    await stage.hospital.eventually(Transfer, ours.pid, where=lambda found: found.state == "COMPLETED")


@scenario("EDC asks for a push to an address of somebody else's, and we refuse")
async def edc_names_a_strange_address(stage: Stage) -> None:
    pid = await stage.consumer.management.transfer(
        stage.ours, await stage.contract_of_edc(), push_to="http://127.0.0.1:9/inbox"
    )
    await stage.consumer.management.transferred(pid, "TERMINATED")


@scenario("EDC asks for data under an agreement it does not have, and we refuse")
async def edc_names_a_strange_agreement(stage: Stage) -> None:
    agreement = await stage.contract_of_ours()
    with pytest.raises(Refused, match="40"):
        await stage.consumer.management.transfer(stage.ours, agreement.id)
    assert not await stage.hospital.find(Transfer, agreement=agreement.id)


@scenario("we end EDC's transfer: its token opens nothing any more")
async def we_end(stage: Stage) -> None:
    pid, address = await _started(stage)
    ours = await stage.ours_of(pid)
    await stage.hospital.services.transfers.move(ours.pid, Terminate("consent-withdrawn", ("a person stopped",)))
    await _refused(stage, address)
    await stage.consumer.management.transferred(pid, "TERMINATED")
    await stage.hospital.eventually(Transfer, ours.pid, where=lambda found: found.state == "TERMINATED")


@scenario("EDC ends its transfer: its token opens nothing any more")
async def edc_ends(stage: Stage) -> None:
    pid, address = await _started(stage)
    await stage.consumer.management.move_transfer(pid, "terminate", "the study is over")
    ours = await stage.ours_of(pid)
    ended = await stage.hospital.eventually(Transfer, ours.pid, where=lambda found: found.state == "TERMINATED")
    assert "the study is over" in str(ended.reason)
    await _refused(stage, address)
    await stage.consumer.management.transferred(pid, "TERMINATED")


@scenario("we suspend EDC's transfer and start it again: only the new token opens")
async def we_suspend_and_resume(stage: Stage) -> None:
    pid, address = await _started(stage)
    ours, transfers = await stage.ours_of(pid), stage.hospital.services.transfers
    await transfers.move(ours.pid, Suspend("pause", ("a question is open",)))
    await _refused(stage, address)
    await stage.consumer.management.transferred(pid, "SUSPENDED")
    await transfers.move(ours.pid, Start())
    await stage.consumer.management.transferred(pid, "STARTED")
    await _only_the_new_one_opens(stage, pid, address)


@scenario("EDC suspends its transfer and goes on: only the new token opens")
async def edc_suspends_and_resumes(stage: Stage) -> None:
    pid, address = await _started(stage)
    ours = await stage.ours_of(pid)
    await stage.consumer.management.move_transfer(pid, "suspend", "no room left")
    await stage.hospital.eventually(Transfer, ours.pid, where=lambda found: found.state == "SUSPENDED")
    await _refused(stage, address)
    await stage.consumer.management.transferred(pid, "SUSPENDED")
    await stage.consumer.management.move_transfer(pid, "resume")
    await stage.hospital.eventually(Transfer, ours.pid, where=lambda found: found.state == "STARTED")
    await stage.consumer.management.transferred(pid, "STARTED")
    await _only_the_new_one_opens(stage, pid, address)


@scenario("a suspension of ours is not lifted by EDC")
async def edc_cannot_lift_our_suspension(stage: Stage) -> None:
    pid, address = await _started(stage)
    ours = await stage.ours_of(pid)
    await stage.hospital.services.transfers.move(ours.pid, Suspend("pause"))
    await stage.consumer.management.transferred(pid, "SUSPENDED")
    await stage.consumer.management.move_transfer(pid, "resume")
    await asyncio.sleep(0.5)
    still = await stage.hospital.get(Transfer, ours.pid)
    assert still is not None
    assert still.state in ("SUSPENDED", "TERMINATED"), still.state
    await _refused(stage, address)


@scenario("a person takes consent back: nothing about them comes with EDC's next pull")
async def a_person_withdraws(stage: Stage) -> None:
    who = stage.willing[-1]
    await stage.patients.withdraw(who)
    stage.willing.remove(who)
    _, address = await _started(stage)
    answer = await stage.pulled(address)
    assert answer.status_code == 200, answer.text
    assert len(stage.willing) == SAYING_YES - 1
    await _only_of_the_willing(stage, answer.content)


async def _started(stage: Stage) -> tuple[str, Json]:
    """A pull of EDC's that has begun for both sides: its id there, and the address EDC has for it."""
    pid = await stage.consumer.management.transfer(stage.ours, await stage.contract_of_edc())
    address = await stage.consumer.management.address(pid)
    ours = await stage.ours_of(pid)
    await stage.hospital.eventually(Transfer, ours.pid, where=lambda found: found.state == "STARTED")
    assert address.get("endpoint"), address
    assert address.get("authorization"), address
    return pid, address


async def _only_of_the_willing(stage: Stage, body: bytes) -> None:
    """Codes of exactly the people who said yes, and no name or id of anybody."""
    codes = {str(code_of(line)) for line in body.splitlines()}
    assert codes == await _codes(stage), (len(codes), len(stage.willing))
    text = body.decode()
    found = [name for name in stage.names if re.search(rf"\b{re.escape(name)}\b", text)]
    assert not found, found


async def _codes(stage: Stage) -> set[str]:
    """What those who said yes are called under EDC's contract."""
    agreement, vault = await stage.contract_of_edc(), stage.hospital.context.vault
    people = await stage.people(stage.willing)
    coders = await stage.hospital.store.write(
        lambda tx: vault.domain(agreement, SealedInTransaction(tx)).people(people)
    )
    return {coders[one].code for one in people}


async def _refused(stage: Stage, address: Json) -> None:
    answer: httpx2.Response = await stage.pulled(address)
    assert answer.status_code in (401, 410), answer.status_code


async def _only_the_new_one_opens(stage: Stage, pid: str, old: Json) -> None:
    async def renewed() -> Json | None:
        found = await stage.consumer.management.address(pid)
        return found if found.get("authorization") not in (None, old["authorization"]) else None

    new = await until(renewed, "a new token")
    assert (await stage.pulled(new)).status_code == 200
    await _refused(stage, old)
