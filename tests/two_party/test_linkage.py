"""One code at every holder, where a person agreed to that: in one study, for one recipient, and for nobody else."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from connector.problems import Problem
from connector.records import Agreement, Consent, Dataset, LogEntry, OutboxMessage, Person, StudyDecision
from connector.services.linkage import coders_of
from connector.services.sealed import SealedInTransaction
from connector.services.wallet.views import Answer
from tests.two_party import releases, sourced, story
from tests.two_party.releases import Stage


class TwoHospitals:
    """A person with records at two hospitals, a study about both, a contract with each."""

    def __init__(self, trio, second) -> None:
        self.trio, self.second = trio, second
        self.stages: list[Stage] = []
        self.study = ""
        self.actor = None

    async def set_up(self, place, *, linking: bool) -> None:
        trio, wallet = self.trio, self.trio.wallet
        holders = [trio.hospital, self.second]
        for number, holder in enumerate(holders):
            file = sourced.write(place, f"h{number}", sourced.patient("ann"), sourced.observation("o", "ann"))
            report = await holder.services.importing.import_fhir(holder.acting("steward"), file, "Records")
            assert not report.refused
            stage = Stage(holder, trio.research, wallet, "", report.source, space_client=trio.space.client)
            await releases.publish(stage)
            self.stages.append(stage)
        asked = [(stage.holder, stage.dataset) for stage in self.stages]
        self.study = await story.publish_study(trio.research, *asked, linking=linking)
        for stage in self.stages:
            await stage.holder.services.studies.decide(stage.holder.acting("steward"), self.study, True, "")
            stage.study = self.study
        await wallet.quiet()
        account = await wallet.services.wallet.host(wallet.acting("operator"), "Ann", "subject-ann")
        self.actor = wallet.acting("patient", account, "Ann")
        for stage in self.stages:
            person = (await stage.holder.find(Person, source_id="ann"))[0].id
            code = await story.link_code(stage.holder, person)
            await wallet.services.wallet.link(self.actor, stage.holder.id, code)
            await releases.agree(stage)

    async def answer(self, *, linkage: bool) -> None:
        decided = await self.trio.wallet.find(StudyDecision, study=self.study, answer="approved")
        assert len(decided) == 2
        datasets = dict.fromkeys([stage.dataset for stage in self.stages])
        await self.trio.wallet.services.wallet.answer(self.actor, self.study, Answer("yes", datasets, linkage=linkage))
        await self.trio.wallet.quiet()

    async def codes(self) -> list[set[str]]:
        """The codes of the people in what each hospital sent."""
        found = []
        for stage in self.stages:
            row = await stage.received(await stage.transfer())
            content = Path(row.path).read_bytes()  # noqa: ASYNC240 - a small file
            lines = [orjson.loads(line) for line in content.splitlines()]
            found.append({one["id"] for one in lines if one["resourceType"] == "Patient"})
        return found


@pytest.fixture
async def two(space, hospital, tmp_path):
    from tests.two_party.conftest import Trio

    trio = Trio(hospital, await space.add("research", "research"), await space.add("wallet", "wallet"), space)
    second = await space.add("clinic", "hospital")
    await space.introduce()
    return TwoHospitals(trio, second)


async def test_who_agreed_has_one_code_at_both_hospitals(two, tmp_path):
    await two.set_up(tmp_path / "in", linking=True)
    await two.answer(linkage=True)
    first, second = await two.codes()
    assert first == second
    assert len(first) == 1


async def test_who_did_not_agree_has_two_codes(two, tmp_path):
    await two.set_up(tmp_path / "in", linking=True)
    await two.answer(linkage=False)
    first, second = await two.codes()
    assert len(first) == len(second) == 1
    assert first != second


async def test_a_study_that_does_not_ask_gets_two_codes_whatever_is_answered(two, tmp_path):
    await two.set_up(tmp_path / "in", linking=False)
    await two.answer(linkage=True)
    for stage in two.stages:
        [consent] = await stage.holder.find(Consent, current=True)
        assert "linkage" not in consent.record
    first, second = await two.codes()
    assert first != second


async def test_the_token_stands_in_no_log_no_statement_and_no_message_that_was_delivered(two, tmp_path):
    await two.set_up(tmp_path / "in", linking=True)
    seen = []
    send = two.trio.wallet.context.deliveries.send

    def listening(tx, **message):
        seen.append(message["body"].get("linkage"))
        return send(tx, **message)

    two.trio.wallet.context.deliveries.send = listening
    await two.answer(linkage=True)
    tokens = {token for token in seen if token}
    assert len(tokens) == 1
    [token] = tokens
    for party in (two.trio.wallet, *(stage.holder for stage in two.stages)):
        for entry in await party.find(LogEntry):
            assert token not in (entry.body or "")
        for sent in await party.find(OutboxMessage):
            assert token not in str(sent.body)
        for consent in await party.find(Consent):
            assert token not in consent.jws


async def test_who_stops_and_comes_back_has_another_code(two, tmp_path):
    await two.set_up(tmp_path / "in", linking=True)
    await two.answer(linkage=True)
    [first], _ = await two.codes()
    await two.trio.wallet.services.wallet.withdraw(two.actor, two.study, "erase")
    await two.trio.wallet.quiet()

    async def coder(stage, recipient=None, study=None):
        person = (await stage.holder.find(Person, source_id="ann"))[0].id
        [consent] = await stage.holder.find(Consent, current=True)
        agreement = await stage.holder.get(Agreement, stage.agreement)

        def ask(tx):
            domain = stage.holder.context.vault.domain(stage.agreement, SealedInTransaction(tx))
            domain.destroy(person)  # as the ladder does once the recipient was told
            return coders_of(tx, stage.holder.context, agreement, {person: consent.link})[person].code

        return await stage.holder.store.write(ask)

    apart = [await coder(stage) for stage in two.stages]
    assert len({first, *apart}) == 3  # the token is gone: each hospital makes a code of its own again
    await two.answer(linkage=True)
    again = [await coder(stage) for stage in two.stages]
    assert again[0] == again[1] != first


async def test_another_recipient_or_study_gets_another_code(two, tmp_path):
    from dataclasses import replace

    await two.set_up(tmp_path / "in", linking=True)
    await two.answer(linkage=True)
    stage = two.stages[0]
    person = (await stage.holder.find(Person, source_id="ann"))[0].id
    [consent] = await stage.holder.find(Consent, current=True)
    agreement = await stage.holder.get(Agreement, stage.agreement)
    others = [
        agreement,
        replace(agreement, id=story.urn(), counterparty="urn:concord:somebody:else"),
        replace(agreement, id=story.urn(), study=story.urn()),
    ]

    def ask(tx):
        return [coders_of(tx, stage.holder.context, one, {person: consent.link})[person] for one in others]

    made = await stage.holder.store.write(ask)
    assert len({one.code for one in made}) == 3


async def test_a_token_that_the_delivery_does_not_name_is_refused(two, tmp_path):
    await two.set_up(tmp_path / "in", linking=True)
    bodies = []
    send = two.trio.wallet.context.deliveries.send
    two.trio.wallet.context.deliveries.send = lambda tx, **message: (
        bodies.append(message["body"]) or send(tx, **message)
    )
    await two.answer(linkage=True)
    body = next(one for one in bodies if one.get("linkage"))
    sender = two.stages[0].holder.context.members.known(two.trio.wallet.id)
    for wrong in (body | {"linkage": "A" * 43}, {name: body[name] for name in ("consent", "delivery")}):
        with pytest.raises(Problem) as refused:
            await two.stages[0].holder.services.consent_desk.receive(sender, wrong)
        assert refused.value.where == "linkage"
    assert await two.stages[0].holder.get(Dataset, two.stages[0].dataset)
