"""A signing key is changed while contracts are being made: nothing is lost, and the earlier key ends when it should."""

from __future__ import annotations

import asyncio
import base64
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connector.identity.document import PATH, DocumentProblem, read_document
from connector.identity.keys import fingerprint, read_fingerprint
from connector.identity.members import Member, Standing
from connector.problems import Problem
from connector.records import LogEntry, MemberEntry, OutboxMessage, OwnKey
from connector.services.evidence import Evidence
from connector.services.exchange import speech
from connector.services.rereading import REST
from contracts.study import StudyRequest
from tests.two_party import story
from tests.two_party.conftest import Trio
from tests.two_party.space import Party, listening, until

NEGOTIATIONS = 100
AT_ONCE = 8


def signing(party: Party) -> str:
    return fingerprint(party.context.signer.public_jwk)


def known_key(party: Party, other: Party) -> str:
    return party.context.members.known(other.id).fingerprint


async def rotated(party: Party, days: int | None = None) -> str:
    made = await party.services.rotation.rotate(party.acting("operator"), days)
    assert read_fingerprint(made.fingerprint) == signing(party)
    return made.id


async def kinds(party: Party, prefix: str) -> list[str]:
    return [row.kind for row in await party.find(LogEntry, order="sequence") if row.kind.startswith(prefix)]


async def heard(sender: Party, receiver: Party) -> bool:
    """Whether a request is taken for the sender's; what it asks about does not exist."""
    answer = await sender.context.members.fetch(receiver.id, f"{receiver.url}/consent/profiles?agreement=urn:uuid:1")
    assert answer.status in (401, 404)
    return bool(answer.status == 404)


async def made_later(party: Party, **time: float) -> None:
    """Its clock is this much ahead, for what follows from the time alone."""
    before = party.context.clock
    party.context.clock = lambda: before() + timedelta(**time)
    party.context.members._clock = party.context.members._identity._clock = party.context.clock


async def test_a_key_is_changed_on_both_sides_during_a_hundred_negotiations_and_none_is_lost(trio: Trio):
    hospital, research = trio.hospital, trio.research
    offer = await story.offer_dataset(hospital)
    study = await story.approved_study(research, hospital)
    first = {signing(hospital), signing(research)}
    turns, asked = asyncio.Semaphore(AT_ONCE), 0

    async def one() -> str:
        nonlocal asked
        async with turns:
            asked += 1
            if asked == NEGOTIATIONS // 3:
                await rotated(hospital)
            if asked == 2 * NEGOTIATIONS // 3:
                await rotated(research)
            done = await story.outcome(research, await story.ask(research, hospital, offer, study))
        return str(done.state)

    states = await asyncio.gather(*(one() for _ in range(NEGOTIATIONS)))
    assert states == ["FINALIZED"] * NEGOTIATIONS
    assert not first & {signing(hospital), signing(research)}
    for party, other in ((hospital, research), (research, hospital)):
        await party.quiet()
        assert not await party.find(OutboxMessage, standing="dead")
        assert known_key(party, other) == signing(other)
        assert len(party.context.members.known(other.id).keys) == 2
        assert await kinds(party, "key.") == ["key.rotated"]
        assert await kinds(party, "member.key") == ["member.key-changed"]
        assert (verdict := await Evidence(party.context).verify()).ok, verdict.what


async def test_the_document_is_signed_by_the_key_that_is_asked_for_and_else_by_the_one_others_know(trio: Trio):
    hospital = trio.hospital
    old = signing(hospital)
    await rotated(hospital)

    async def signed_by(asked: str) -> str:
        text = (await trio.space.client.get(f"{hospital.url}{PATH}{asked}")).text
        for digits in (old, signing(hospital)):
            try:
                assert read_document(text, digits).fingerprints == (signing(hospital), old)
            except DocumentProblem:
                continue
            return digits
        raise AssertionError("by neither")

    assert await signed_by("") == old
    assert await signed_by(f"?key={old}") == old
    assert await signed_by("?key=nonsense") == old
    assert await signed_by(f"?key={signing(hospital)}") == signing(hospital)


async def test_after_the_overlap_the_earlier_key_is_destroyed_and_opens_no_door(trio: Trio):
    hospital, research = trio.hospital, trio.research
    old = hospital.context.signer
    await rotated(hospital, 1)
    assert await heard(hospital, research)
    assert known_key(research, hospital) == signing(hospital)
    jws = speech.say(hospital.context, speech.STUDY, StudyRequest.read(_claims(hospital, research)).wire(), old)
    await made_later(hospital, days=1, minutes=1)
    assert await hospital.services.rotation.catch_up() is None
    assert "participant" not in hospital.context.vault.versions("participant").values()
    assert [row.standing for row in await hospital.services.rotation.rows(hospital.acting("operator"))] == [
        "signs", "retired",
    ]  # fmt: skip
    research.context.members._rereading._read_at.clear()
    assert await research.context.members.learn(hospital.id)
    member = research.context.members.known(hospital.id)
    assert member.fingerprints == (signing(hospital),)
    assert [fingerprint(jwk) for jwk in member.retired] == [fingerprint(old.public_jwk)]
    assert speech.hear(jws, speech.STUDY, member, StudyRequest), "what was signed with it still verifies"
    await made_later(research, days=1, minutes=1)
    assert await heard(hospital, research)
    hospital.context.members.sign_with(old)
    assert not await heard(hospital, research)
    assert (await kinds(hospital, "key.")) == ["key.rotated", "key.retired"]


def _claims(organisation: Party, holder: Party) -> dict[str, object]:
    return story.study_claims(organisation.id, (holder.id, story.RECORDS))


async def test_a_key_outlives_a_restart_and_a_store_that_was_put_back(trio: Trio):
    hospital = trio.hospital
    store = Path(hospital.founded.directory) / "store.db"
    first = signing(hospital)
    await hospital.stop()
    shutil.copy(store, store.with_name("store.before"))
    await hospital.start()
    await rotated(hospital)
    second = signing(hospital)
    await hospital.stop()
    await hospital.start()
    assert signing(hospital) == second
    await hospital.stop()
    for left in ("-wal", "-shm"):
        store.with_name(f"store.db{left}").unlink(missing_ok=True)
    store.with_name("store.before").replace(store)
    await hospital.start()
    assert signing(hospital) == second != first
    assert not await hospital.find(OwnKey), "the store knew nothing of it"
    await rotated(hospital)
    assert [row.id for row in await hospital.find(OwnKey, order="number")] == [
        "participant", "participant-2", "participant-3",
    ]  # fmt: skip


async def test_a_key_that_was_destroyed_does_not_come_back_with_an_older_copy_of_the_store(trio: Trio):
    hospital, operator = trio.hospital, trio.hospital.acting("operator")
    store = Path(hospital.founded.directory) / "store.db"
    await rotated(hospital)
    stolen = signing(hospital)
    await hospital.stop()
    shutil.copy(store, store.with_name("store.before"))
    await hospital.start()
    await rotated(hospital)
    await hospital.services.rotation.retire(operator, "participant-2")
    newest = signing(hospital)
    await hospital.stop()
    for left in ("-wal", "-shm"):
        store.with_name(f"store.db{left}").unlink(missing_ok=True)
    store.with_name("store.before").replace(store)
    await hospital.start()
    assert signing(hospital) == newest
    assert stolen not in hospital.context.members.myself.fingerprints, "it counts again"
    await hospital.services.rotation.catch_up()
    rows = {row.id: row for row in await hospital.services.rotation.rows(operator)}
    assert (rows["participant-2"].standing, rows["participant-3"].standing) == ("retired", "signs")
    assert rows["participant"].retires_at is not None
    assert await hospital.find(OwnKey, sealed=b"", id="participant-2"), "the store still has it"
    assert await kinds(hospital, "key.retired") == ["key.retired"]


async def test_an_earlier_key_that_nothing_ends_gets_an_end(trio: Trio):
    hospital = trio.hospital
    await rotated(hospital)
    [first] = await hospital.find(OwnKey, id="participant")
    await hospital.store.write(lambda tx: tx.put(replace(first, retires_at=None)))
    assert await hospital.services.rotation.catch_up() is not None
    [row] = await hospital.find(OwnKey, id="participant")
    assert row.retires_at is not None
    assert row.retired_at is None


async def test_what_an_operator_or_another_process_did_while_a_document_was_read_stays(trio: Trio):
    hospital, research = trio.hospital, trio.research
    members = research.context.members
    known = members.known(hospital.id)
    await rotated(hospital)
    newer = hospital.context.members.myself
    found = known.model_copy(update={"keys": newer.keys, "fingerprint": newer.fingerprint})

    async def elsewhere(**changes: object) -> None:
        """Another process of ours wrote the entry; its bell has not rung here."""
        row = await research.get(MemberEntry, hospital.id)
        member = known.model_copy(update=changes)
        await research.store.write(
            lambda tx: tx.put(replace(row, standing=str(member.standing), entry=member.model_dump(mode="json")))
        )

    async def written() -> Member:
        return Member.model_validate((await research.get(MemberEntry, hospital.id)).entry)

    told = members.myself.keys
    await elsewhere(keys=told, fingerprint=fingerprint(told[0]))
    assert not await members.learned(known, found)
    assert (await written()).keys == told, "the key the operator told was written over"
    await elsewhere(standing=Standing.SUSPENDED)
    assert await members.learned(known, found)
    assert ((await written()).standing, (await written()).keys) == (Standing.SUSPENDED, newer.keys)
    assert members.known(hospital.id).standing is Standing.SUSPENDED, "the door is open here"
    members._known[hospital.id] = known  # as at a process whose bell has not rung
    await members.set_standing(hospital.id, "active")
    assert (await written()).keys == newer.keys, "what was learned is forgotten"


async def test_a_row_that_the_vault_did_not_write_is_refused(trio: Trio):
    hospital = trio.hospital
    before = signing(hospital)
    forged = base64.b64encode(b"x" * 60)
    await hospital.add(OwnKey(id="participant-2", number=2, sealed=forged, public=forged))
    with pytest.raises(Exception, match="sealed value"):
        await hospital.services.rotation.catch_up()
    assert signing(hospital) == before
    assert hospital.context.vault.versions("participant") == {1: "participant"}, "it was taken into the vault"


async def test_a_document_is_believed_only_with_a_key_we_know_the_same_address_and_nobody_elses_key(trio: Trio):
    hospital, research = trio.hospital, trio.research
    members = research.context.members
    known = members.known(hospital.id)
    assert not await members.learn(hospital.id), "it lists what we know"
    assert not await members.learn("urn:concord:nobody:00000000")
    await rotated(hospital)
    assert not await members.learn(hospital.id), "it was read a moment ago"

    async def read(**changes: object) -> bool:
        members._rereading._read_at.clear()
        members._known[hospital.id] = known.model_copy(update=changes)
        return bool(await members.learn(hospital.id))

    other = members.myself.keys
    assert not await read(keys=other, fingerprint=fingerprint(other[0])), "signed by no key we know"
    assert not await read(said_at=research.context.clock() + timedelta(minutes=1)), "older than what we read"
    wallet = members.known(trio.wallet.id)
    members._known[trio.wallet.id] = wallet.model_copy(update={"keys": hospital.context.members.myself.keys[:1]})
    assert not await read(), "it lists somebody else's key"
    members._known[trio.wallet.id] = wallet
    assert await read()
    assert members.known(hospital.id).fingerprint == signing(hospital)
    entry = (await research.get(MemberEntry, hospital.id)).entry or {}
    assert "retired" not in entry, "nothing was retired, and an older version reads the entry"
    assert REST > 0


async def test_a_statement_under_an_unknown_key_has_the_keys_read_again_and_waits_for_its_turn(
    trio: Trio, monkeypatch: pytest.MonkeyPatch
):
    hospital, research = trio.hospital, trio.research
    monkeypatch.setattr("connector.services.rereading.REST", 0.3)
    members = research.context.members
    assert not await members.learn(hospital.id)
    await rotated(hospital)
    jws = speech.say(hospital.context, speech.STUDY, StudyRequest.read(_claims(hospital, research)).wire())
    with pytest.raises(Problem, match="does not verify"):
        speech.hear(jws, speech.STUDY, members.known(hospital.id), StudyRequest)
    assert not await members.learn(hospital.id), "it was read a moment ago"
    await members.expect(hospital.id, jws)
    assert speech.hear(jws, speech.STUDY, members.known(hospital.id), StudyRequest)


async def test_who_lost_its_key_is_taken_again_only_when_the_operator_says_so(trio: Trio):
    hospital, research = trio.hospital, trio.research
    await rotated(hospital)
    await hospital.services.rotation.retire(hospital.acting("operator"), "participant")
    research.context.members._rereading._read_at.clear()
    assert not await research.context.members.learn(hospital.id), "nothing we know has signed it"
    operator, digits = research.acting("operator"), signing(hospital)
    with pytest.raises(Problem, match="another key"):
        await research.services.membership.add(operator, hospital.url, digits, allow_http=True)
    row = await research.services.membership.add(operator, hospital.url, digits, allow_http=True, new_key=True)
    assert read_fingerprint(row.fingerprint) == digits
    assert len(research.context.members.known(hospital.id).retired) == 1
    assert await heard(hospital, research)


async def test_the_key_that_signs_is_not_retired_and_no_more_than_four_count(trio: Trio):
    rotation, operator = trio.hospital.services.rotation, trio.hospital.acting("operator")
    with pytest.raises(Problem, match="This key signs"):
        await rotation.retire(operator, "participant")
    with pytest.raises(Problem, match="no such key"):
        await rotation.retire(operator, "participant-9")
    for days in (0, 366):
        with pytest.raises(Problem, match="overlap"):
            await rotation.rotate(operator, days)
    for _ in range(3):
        await rotated(trio.hospital)
    with pytest.raises(Problem, match="4 keys count"):
        await rotation.rotate(operator)
    with pytest.raises(Problem):
        await rotation.rotate(trio.hospital.acting("steward"))


async def test_every_process_of_a_participant_takes_up_the_new_key(trio: Trio, monkeypatch: pytest.MonkeyPatch):
    first = Path(trio.hospital.founded.directory)
    if trio.hospital.store.__class__.__name__ == "SqliteStore":
        pytest.skip("two processes of one participant need PostgreSQL: run with CONCORD_TEST_ENGINE=postgresql")
    place = first.with_name("hospital-again")
    place.mkdir(mode=0o700)
    shutil.copy(first / "concord.toml", place)
    shutil.copytree(first / "vault", place / "vault")
    with listening() as free:
        port = free.getsockname()[1]
    replica = Party(replace(trio.hospital.founded, directory=str(place)), port)
    trio.space.parties["hospital-again"] = replica
    await replica.start()
    id = await rotated(trio.hospital)
    await until(lambda: signing(replica) == signing(trio.hospital), "the other process to take it up")
    assert (place / "vault" / "keys" / f"{id}.key").exists()
    await trio.hospital.services.rotation.retire(trio.hospital.acting("operator"), "participant")
    await until(lambda: not (place / "vault" / "keys" / "participant.key").exists(), "the old one to be destroyed")
