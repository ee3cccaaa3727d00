"""How participants know each other, and that a message is from whom it says (design 3.13)."""

from datetime import UTC, datetime, timedelta

import pytest

from connector.identity.document import introduce, write_document
from connector.identity.faults import Unauthenticated
from connector.identity.keys import fingerprint, shown
from connector.identity.members import MemoryRegister, Standing
from connector.identity.people.passing_key import PassingKey
from connector.identity.replay import MemoryReplayStore
from connector.identity.statements import StatementInvalid, StatementType, open_statement, sign_statement
from connector.identity.tokens import mint, verify
from connector.identity.trust import add_member, set_standing
from connector.outbound.answer import Answer
from connector.outbound.guard import Destination

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOSPITAL, RESEARCH, ORIGIN = "urn:concord:hospital:1", "urn:concord:research:2", "https://hospital.example"


async def knowing(key: PassingKey) -> MemoryRegister:
    """A register into which an operator has taken the hospital, after comparing its fingerprint."""
    document = write_document(key, introduce(key, HOSPITAL, "Hospital", "hospital", ORIGIN, NOW))

    async def fetch(url: str, to: Destination) -> Answer:
        return Answer(200, {}, document.encode())

    register = MemoryRegister()
    await add_member(ORIGIN, shown(fingerprint(key.public_jwk)), fetch=fetch, register=register, now=NOW)
    return register


async def test_a_message_is_taken_once_from_its_sender_for_its_receiver_as_it_was_written() -> None:
    key = PassingKey("EdDSA")
    register, replays = await knowing(key), MemoryReplayStore()
    token = mint(key, HOSPITAL, RESEARCH, b"{}", NOW)
    for body, me in ((b"{} ", RESEARCH), (b"{}", "urn:concord:wallet:3")):
        with pytest.raises(Unauthenticated):
            await verify(token, body, me, register.get, replays, NOW)
    assert (await verify(token, b"{}", RESEARCH, register.get, replays, NOW)).id == HOSPITAL
    with pytest.raises(Unauthenticated):
        await verify(token, b"{}", RESEARCH, register.get, replays, NOW)


async def test_a_suspended_participant_is_not_heard_until_it_is_trusted_again() -> None:
    key = PassingKey("EdDSA")
    register, replays = await knowing(key), MemoryReplayStore()
    await set_standing(HOSPITAL, Standing.SUSPENDED, register=register)
    with pytest.raises(Unauthenticated):
        await verify(mint(key, HOSPITAL, RESEARCH, b"", NOW), b"", RESEARCH, register.get, replays, NOW)
    await set_standing(HOSPITAL, Standing.ACTIVE, register=register)
    assert await verify(mint(key, HOSPITAL, RESEARCH, b"", NOW), b"", RESEARCH, register.get, replays, NOW)


async def test_a_stranger_is_not_heard_however_well_it_signs() -> None:
    stranger = PassingKey("EdDSA")
    token = mint(stranger, HOSPITAL, RESEARCH, b"", NOW)
    with pytest.raises(Unauthenticated):
        await verify(token, b"", RESEARCH, MemoryRegister().get, MemoryReplayStore(), NOW)
    register = await knowing(PassingKey("EdDSA"))
    with pytest.raises(Unauthenticated):
        await verify(token, b"", RESEARCH, register.get, MemoryReplayStore(), NOW)


def test_a_persons_consent_counts_by_the_persons_own_key_only() -> None:
    person, wallet = PassingKey("EdDSA"), PassingKey("EdDSA")
    consent = {"id": "urn:uuid:1", "version": 1, "state": "given"}
    signed = sign_statement(person, StatementType.CONSENT, consent, NOW + timedelta(milliseconds=5))
    found = open_statement(signed, StatementType.CONSENT, [person.public_jwk])
    assert (found.claims, found.signed_at) == (consent, NOW)
    forged = sign_statement(wallet, StatementType.CONSENT, consent, NOW)
    with pytest.raises(StatementInvalid):
        open_statement(forged, StatementType.CONSENT, [person.public_jwk])


async def test_a_register_entry_survives_being_stored_as_json() -> None:
    register = await knowing(PassingKey("ES256"))
    member = (await register.all())[0]
    assert type(member).model_validate_json(member.model_dump_json()) == member
    assert type(member).model_validate(member.model_dump(mode="json")) == member
