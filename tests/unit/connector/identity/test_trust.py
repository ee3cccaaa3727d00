"""Learning to know a participant, and unlearning it."""

from datetime import datetime, timedelta

import pytest

from connector.identity.document import (
    DOCUMENT_TYPE,
    PATH,
    DocumentProblem,
    introduce,
    read_document,
    write_document,
)
from connector.identity.jws import sign
from connector.identity.keys import fingerprint, shown
from connector.identity.members import MemoryRegister, Standing
from connector.identity.people.passing_key import PassingKey
from connector.identity.trust import TrustRefused, add_member, read_again, set_standing
from connector.outbound.answer import Answer
from connector.outbound.faults import OutboundRefused, Refusal, Unreachable, Why
from connector.outbound.guard import Destination, clear
from policy.canonical import canonical

ORIGIN, ID = "http://127.0.0.1:8001", "urn:concord:hospital:3f9a2c1b"


class Web:
    """Participants that can be fetched; asks the guard first, as outbound does."""

    def __init__(self, **documents: str) -> None:
        self.documents = documents
        self.asked: list[str] = []

    async def __call__(self, url: str, to: Destination) -> Answer:
        clear(url, to)
        self.asked.append(url)
        return Answer(200, {}, self.documents["body"].encode()) if self.documents else Answer(404, {}, b"")


@pytest.fixture
def key() -> PassingKey:
    return PassingKey("EdDSA")


def document(key: PassingKey, now: datetime, *, id: str = ID, origin: str = ORIGIN, earlier=()) -> str:
    return write_document(key, introduce(key, id, "St Elisabeth", "hospital", origin, now, earlier))


async def add(key, register, body: str, now, url: str = ORIGIN, print_of=None, allow_http: bool = True):
    typed = shown(fingerprint((print_of or key).public_jwk)).upper()
    return await add_member(url, typed, fetch=Web(body=body), register=register, now=now, allow_http=allow_http)


async def refusal(*args, **named) -> str:
    with pytest.raises(TrustRefused) as caught:
        await add(*args, **named)
    return caught.value.code


def test_a_document_is_read_only_with_the_right_fingerprint(key, now) -> None:
    jws = document(key, now)
    found = read_document(jws, fingerprint(key.public_jwk))
    assert (found.id, found.dsp, found.consent) == (ID, f"{ORIGIN}/dsp/2025-1", f"{ORIGIN}/consent")
    assert found.data == f"{ORIGIN}/data"
    assert (found.speaks, found.issued_at) == (("concord-consent/1",), now)
    with pytest.raises(DocumentProblem, match="fingerprint"):
        read_document(jws, fingerprint(PassingKey("EdDSA").public_jwk))


def test_a_document_that_lists_a_key_but_is_signed_by_another_is_not_believed(key, now) -> None:
    thief = PassingKey("EdDSA")
    content = introduce(key, ID, "x", "hospital", ORIGIN, now).model_dump(mode="json")
    jws = sign(thief, DOCUMENT_TYPE, canonical(content))
    with pytest.raises(DocumentProblem, match="key"):
        read_document(jws, fingerprint(key.public_jwk))


@pytest.mark.parametrize(
    "change",
    [
        {"dsp": "http://127.0.0.1:8002/dsp/2025-1"},
        {"url": "http://127.0.0.1:8001/path"},
        {"url": "http://user@127.0.0.1:8001"},
        {"role": "king"},
        {"id": ""},
        {"id": "two words"},
        {"name": ""},
        {"issued_at": "2026-11-21T12:00:00"},
        {"extra": 1},
        {"keys": {"keys": []}},
    ],
)
def test_a_document_with_wrong_content_is_not_believed(change, key, now) -> None:
    content = introduce(key, ID, "x", "hospital", ORIGIN, now).model_dump(mode="json") | change
    with pytest.raises(DocumentProblem):
        read_document(sign(key, DOCUMENT_TYPE, canonical(content)), fingerprint(key.public_jwk))


async def test_a_participant_is_added_from_its_own_document(key, now) -> None:
    register = MemoryRegister()
    web = Web(body=document(key, now))
    member = await add_member(
        f"{ORIGIN}/", fingerprint(key.public_jwk), fetch=web, register=register, now=now, allow_http=True
    )
    assert web.asked == [f"{ORIGIN}{PATH}?key={fingerprint(key.public_jwk)}"]
    assert (member.id, member.origin, member.standing) == (ID, ORIGIN, Standing.ACTIVE)
    assert await register.all() == [member]
    assert clear(f"{ORIGIN}/dsp/2025-1/negotiations", member.destination).private


async def test_plain_http_is_refused_unless_the_operator_allows_it(key, now) -> None:
    assert await refusal(key, MemoryRegister(), document(key, now), now, allow_http=False) == "address"


async def test_a_fingerprint_that_does_not_fit_is_refused(key, now) -> None:
    register = MemoryRegister()
    assert await refusal(key, register, document(key, now), now, print_of=PassingKey("EdDSA")) == "fingerprint"
    with pytest.raises(TrustRefused):
        await add_member(ORIGIN, "12:34", fetch=Web(), register=register, now=now)
    assert await register.all() == []


@pytest.mark.parametrize("url", ["", "127.0.0.1:8001", "ftp://x.example", "http://a@127.0.0.1:8001", "http://127.1"])
async def test_an_address_that_cannot_be_read_is_refused(url, key, now) -> None:
    assert await refusal(key, MemoryRegister(), document(key, now), now, url=url) == "address"


async def test_the_participant_must_say_it_lives_where_it_was_found(key, now) -> None:
    body = document(key, now, origin="http://127.0.0.1:9999")
    assert await refusal(key, MemoryRegister(), body, now) == "origin"


@pytest.mark.parametrize(("seconds", "code"), [(60, None), (61, "issued-at")])
async def test_a_document_from_the_future_is_refused(seconds, code, key, now) -> None:
    body = document(key, now + timedelta(seconds=seconds))
    if code:
        assert await refusal(key, MemoryRegister(), body, now) == code
    else:
        assert (await add(key, MemoryRegister(), body, now)).id == ID


async def test_the_same_key_may_move_and_keeps_the_day_it_was_added(key, now) -> None:
    register = MemoryRegister()
    await add(key, register, document(key, now), now)
    later = now + timedelta(days=3)
    moved = await add(
        key, register, document(key, later, origin="http://127.0.0.1:8009"), later, "http://127.0.0.1:8009"
    )
    assert (moved.origin, moved.added_at) == ("http://127.0.0.1:8009", now)
    assert len(await register.all()) == 1


async def test_an_id_belongs_to_its_key(key, now) -> None:
    register, thief = MemoryRegister(), PassingKey("EdDSA")
    await add(key, register, document(key, now), now)
    assert await refusal(thief, register, document(thief, now), now) == "key-changed"
    await set_standing(ID, Standing.REMOVED, register=register)
    assert await refusal(thief, register, document(thief, now), now) == "key-changed"


async def test_a_key_belongs_to_its_id_and_so_does_an_origin(key, now) -> None:
    register, other = MemoryRegister(), PassingKey("EdDSA")
    await add(key, register, document(key, now), now)
    again = document(key, now, id="urn:concord:other:1", origin="http://127.0.0.1:8009")
    assert await refusal(key, register, again, now, url="http://127.0.0.1:8009") == "key-taken"
    assert await refusal(other, register, document(other, now, id="urn:concord:other:1"), now) == "origin-taken"
    lists_it = document(other, now, id="urn:concord:other:1", origin="http://127.0.0.1:8009", earlier=(key.public_jwk,))
    assert await refusal(other, register, lists_it, now, url="http://127.0.0.1:8009") == "key-taken"


async def test_a_suspended_member_can_come_back_a_removed_one_must_be_added_again(key, now) -> None:
    register = MemoryRegister()
    await add(key, register, document(key, now), now)
    assert (await set_standing(ID, Standing.SUSPENDED, register=register)).standing is Standing.SUSPENDED
    assert (await set_standing(ID, Standing.ACTIVE, register=register)).standing is Standing.ACTIVE
    await set_standing(ID, Standing.REMOVED, register=register)
    with pytest.raises(TrustRefused):
        await set_standing(ID, Standing.ACTIVE, register=register)
    assert (await add(key, register, document(key, now), now)).standing is Standing.ACTIVE
    with pytest.raises(TrustRefused):
        await set_standing("urn:concord:nobody:1", Standing.SUSPENDED, register=register)


async def test_a_participant_that_does_not_answer_is_not_added(key, now) -> None:
    async def silent(url: str, to: Destination) -> Answer:
        raise Unreachable(Why.CONNECT)

    async def barred(url: str, to: Destination) -> Answer:
        raise OutboundRefused(Refusal.NEVER)

    for fetch, code in ((silent, "unreachable"), (barred, "address"), (Web(), "no-document")):
        with pytest.raises(TrustRefused) as caught:
            await add_member(
                ORIGIN, fingerprint(key.public_jwk), fetch=fetch, register=MemoryRegister(), now=now, allow_http=True
            )
        assert caught.value.code == code


async def followed(member, body: str, register, now):
    """What reading its document again makes of a member, put into the register."""
    found = await read_again(member, fetch=Web(body=body), register=register, now=now)
    if found is not None:
        await register.put(found)
    return found


async def test_a_document_from_before_the_entry_is_not_believed_when_it_is_said_again(key, now) -> None:
    stolen, register = PassingKey("EdDSA"), MemoryRegister()
    member = await add(key, register, document(key, now), now)
    during_the_overlap = document(key, now - timedelta(days=2), earlier=(stolen.public_jwk,))
    assert await followed(member, during_the_overlap, register, now) is None
    assert (await register.get(ID)).keys == member.keys
    fresh = document(key, now + timedelta(days=1), earlier=(PassingKey("EdDSA").public_jwk,))
    assert await followed(member, fresh, register, now + timedelta(days=1)) is not None


async def test_a_retired_key_never_counts_again_whatever_a_document_says_of_its_time(key, now) -> None:
    newer, register = PassingKey("EdDSA"), MemoryRegister()
    member = await add(key, register, document(key, now), now)
    later, last = now + timedelta(days=1), now + timedelta(days=15)
    overlap = document(newer, later, earlier=(key.public_jwk,))
    signed_by_the_first = sign(
        key, DOCUMENT_TYPE,
        canonical(introduce(newer, ID, "x", "hospital", ORIGIN, later, (key.public_jwk,)).model_dump(mode="json")),
    )  # fmt: skip
    member = await followed(member, signed_by_the_first, register, later)
    member = await followed(member, document(newer, last), register, last)
    assert (member.fingerprints, len(member.retired)) == ((fingerprint(newer.public_jwk),), 1)
    assert await followed(member, overlap, register, last) is None, "it is older than what was read"
    again = document(newer, last + timedelta(days=1), earlier=(key.public_jwk,))
    assert await followed(member, again, register, last + timedelta(days=1)) is None
    assert await refusal(newer, register, overlap, last) == "key-retired"


async def test_adding_a_member_again_keeps_what_was_learned_of_its_time(key, now) -> None:
    newer, register = PassingKey("EdDSA"), MemoryRegister()
    await add(key, register, document(key, now), now)
    later = now + timedelta(days=1)
    both = document(newer, later, earlier=(key.public_jwk,))
    member = await add_member(
        ORIGIN, fingerprint(newer.public_jwk), fetch=Web(body=both), register=register, now=later, allow_http=True,
        new_key=True,
    )  # fmt: skip
    assert (member.added_at, member.said_at) == (now, later)
    replayed = document(newer, now + timedelta(hours=1), earlier=(PassingKey("EdDSA").public_jwk,))
    assert await followed(member, replayed, register, later) is None
    member = await add(newer, register, both, later + timedelta(days=1))
    assert member.said_at == later, "it forgot how old a document may be"
