"""A person is linked by a one-time code only: wrong codes tell nothing, and two persons are never mixed up."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from connector.identity.statements import StatementType
from connector.problems import Problem
from connector.records import Link, LinkCode, LogEntry, Person, WalletLink
from connector.services.exchange.linking import code_digest, normal
from tests.two_party import story
from tests.two_party.puppet import Key, Puppet

LINKS = "/consent/links"


def link_request(wallet, hospital, code, key=None, wallet_person=None, wrong=None):
    """What a wallet posts for a person who entered `code`."""
    key = key or Key()
    claims = {"code_digest": code_digest(code), "holder": hospital.id, "wallet": wallet.id} | (wrong or {})
    return {
        "code": normal(code), "wallet_person": wallet_person or story.urn(), "person_key": key.bare,
        "proof": wallet.say(StatementType.LINK_PROOF, claims, signer=key),
    }  # fmt: skip


@pytest.fixture
async def wallet_by_hand(space, hospital):
    made = await Puppet.raised(space.client, "wallet")
    await made.join(hospital, role="wallet")
    yield made
    await made.close()


async def person_at(hospital, name="Ann Example"):
    person = story.urn()
    await hospital.add(Person(id=person, source="records", source_id=person, name=name))
    return person


async def test_a_code_links_a_person_at_both_sides_and_is_used_up(trio):
    somebody = await story.patient(trio.wallet, trio.hospital)
    code = await story.link_code(trio.hospital, somebody.person)
    card = await trio.wallet.services.wallet.link(somebody.actor, trio.hospital.id, f" {code.lower()} ")
    [ours], [theirs] = await trio.wallet.find(WalletLink), await trio.hospital.find(Link)
    assert card.link == ours.id == theirs.id
    assert (ours.account, theirs.person) == (somebody.actor.account, somebody.person)
    assert theirs.wallet_person == ours.wallet_person != ours.account
    [used] = await trio.hospital.find(LinkCode)
    assert used.used_at is not None
    assert normal(code) not in str(used)


async def test_the_hospital_learns_neither_the_account_nor_the_wallet_the_record(trio):
    somebody = await story.linked_patient(trio.wallet, trio.hospital)
    at_hospital = str(await trio.hospital.find(Link)) + str(await trio.hospital.find(LogEntry))
    at_wallet = str(await trio.wallet.find(WalletLink)) + str(await trio.wallet.find(LogEntry, kind="link.made"))
    assert somebody.actor.account not in at_hospital
    assert somebody.person not in at_wallet


async def test_wrong_used_and_expired_codes_get_the_very_same_answer(hospital, wallet_by_hand):
    used, expired = [await story.link_code(hospital, await person_at(hospital)) for _ in range(2)]
    assert (await wallet_by_hand.post(hospital, LINKS, link_request(wallet_by_hand, hospital, used))).status_code == 200
    past = datetime.now(UTC) - timedelta(seconds=1)
    await hospital.store.write(lambda tx: tx.alter(LinkCode, {"expires_at": past}, digest=code_digest(expired)))
    answers = [
        await wallet_by_hand.post(hospital, LINKS, link_request(wallet_by_hand, hospital, code))
        for code in (used, expired, "2345-6789-ABCD", "A")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert len(await hospital.find(Link)) == 1


async def test_an_earlier_code_lapses_when_a_new_one_is_made(hospital, wallet_by_hand):
    person = await person_at(hospital)
    first, second = await story.link_code(hospital, person), await story.link_code(hospital, person)
    refused = await wallet_by_hand.post(hospital, LINKS, link_request(wallet_by_hand, hospital, first))
    assert refused.status_code == 404
    taken = await wallet_by_hand.post(hospital, LINKS, link_request(wallet_by_hand, hospital, second))
    assert taken.status_code == 200


async def test_too_many_wrong_codes_are_answered_429_even_with_the_right_one(hospital, wallet_by_hand):
    code = await story.link_code(hospital, await person_at(hospital))
    statuses = []
    for number in range(22):
        wrong = link_request(wallet_by_hand, hospital, f"2345-6789-AB{number:02d}")
        statuses.append((await wallet_by_hand.post(hospital, LINKS, wrong)).status_code)
    assert statuses == [404] * 20 + [429] * 2
    answer = await wallet_by_hand.post(hospital, LINKS, link_request(wallet_by_hand, hospital, code))
    assert answer.status_code == 429
    assert answer.headers["retry-after"]
    assert not await hospital.find(Link)


async def test_another_wallets_wrong_codes_do_not_count_for_this_one(space, hospital, wallet_by_hand):
    other = await Puppet.raised(space.client, "other-wallet")
    await other.join(hospital, role="wallet")
    try:
        for number in range(21):
            await other.post(hospital, LINKS, link_request(other, hospital, f"2345-6789-AB{number:02d}"))
    finally:
        await other.close()
    code = await story.link_code(hospital, await person_at(hospital))
    assert (await wallet_by_hand.post(hospital, LINKS, link_request(wallet_by_hand, hospital, code))).status_code == 200


async def test_a_lost_answer_can_be_asked_for_again(hospital, wallet_by_hand):
    code = await story.link_code(hospital, await person_at(hospital))
    asked = link_request(wallet_by_hand, hospital, code)
    first, again = [(await wallet_by_hand.post(hospital, LINKS, asked)) for _ in range(2)]
    assert (first.status_code, again.status_code) == (200, 200)
    assert len(await hospital.find(Link)) == 1


async def test_a_person_whose_wallet_never_heard_the_answer_enters_the_code_again(space):
    hospital = await space.add("hospital", "hospital", relayed=True)
    wallet = await space.add("wallet", "wallet")
    await space.introduce()
    somebody = await story.patient(wallet, hospital)
    code = await story.link_code(hospital, somebody.person)
    hospital.relay.lose_answer(LINKS)
    with pytest.raises(Problem) as unheard:
        await wallet.services.wallet.link(somebody.actor, hospital.id, code)
    assert unheard.value.status == 503
    card = await wallet.services.wallet.link(somebody.actor, hospital.id, code)
    [ours], [theirs] = await wallet.find(WalletLink), await hospital.find(Link)
    assert card.link == ours.id == theirs.id
    assert ours.standing == theirs.standing == "active"


@pytest.mark.parametrize("wrong", ["code_digest", "holder", "wallet", "key", "unsigned"])
async def test_a_code_without_the_persons_own_signature_over_it_links_nobody(hospital, wallet_by_hand, wrong):
    code = await story.link_code(hospital, await person_at(hospital))
    claims = {"code_digest": "0" * 64, "holder": "urn:concord:other:00000000", "wallet": "urn:concord:other:00000000"}
    changed = {wrong: claims[wrong]} if wrong in claims else {}
    asked = link_request(wallet_by_hand, hospital, code, wrong=changed)
    if wrong == "key":
        asked["person_key"] = Key().bare
    if wrong == "unsigned":
        asked["proof"] = asked["proof"].rpartition(".")[0] + "." + "A" * 86
    answer = await wallet_by_hand.post(hospital, LINKS, asked)
    assert answer.status_code == 400
    assert not await hospital.find(Link)
    [kept] = await hospital.find(LinkCode)
    assert kept.used_at is None


async def test_a_person_is_linked_to_one_wallet_only(hospital, wallet_by_hand):
    person = await person_at(hospital)
    first = await story.link_code(hospital, person)
    await wallet_by_hand.post(hospital, LINKS, link_request(wallet_by_hand, hospital, first))
    second = await story.link_code(hospital, person)
    answer = await wallet_by_hand.post(hospital, LINKS, link_request(wallet_by_hand, hospital, second))
    assert answer.status_code == 409
    assert len(await hospital.find(Link)) == 1


async def test_one_person_of_the_wallet_is_never_two_people_of_the_holder(hospital, wallet_by_hand):
    key, same = Key(), story.urn()
    codes = [await story.link_code(hospital, await person_at(hospital, name)) for name in ("Ann", "Bob")]
    answers = [
        await wallet_by_hand.post(hospital, LINKS, link_request(wallet_by_hand, hospital, code, key, same))
        for code in codes
    ]
    assert [answer.status_code for answer in answers] == [200, 409]
    assert len(await hospital.find(Link)) == 1
    assert [code.used_at is None for code in await hospital.find(LinkCode)].count(True) == 1


async def test_a_second_code_at_the_same_holder_is_refused_by_the_wallet(trio):
    somebody = await story.linked_patient(trio.wallet, trio.hospital)
    other = await person_at(trio.hospital, "Bob")
    with pytest.raises(Problem) as refused:
        await trio.wallet.services.wallet.link(
            somebody.actor, trio.hospital.id, await story.link_code(trio.hospital, other)
        )
    assert refused.value.status == 409


async def test_two_people_linking_at_once_are_kept_apart(trio):
    people = [await story.patient(trio.wallet, trio.hospital, f"Person {number}") for number in range(6)]
    codes = [await story.link_code(trio.hospital, one.person) for one in people]
    cards = await asyncio.gather(
        *(
            trio.wallet.services.wallet.link(one.actor, trio.hospital.id, code)
            for one, code in zip(people, codes, strict=True)
        )
    )
    for one, card in zip(people, cards, strict=True):
        assert (await trio.hospital.get(Link, card.link)).person == one.person
        assert (await trio.wallet.get(WalletLink, card.link)).account == one.actor.account


async def test_the_same_code_entered_by_two_people_at_once_links_one_of_them(trio):
    people = [await story.patient(trio.wallet, trio.hospital, f"Person {number}") for number in range(2)]
    code = await story.link_code(trio.hospital, people[0].person)
    outcomes = await asyncio.gather(
        *(trio.wallet.services.wallet.link(one.actor, trio.hospital.id, code) for one in people), return_exceptions=True
    )
    assert sum(isinstance(outcome, Problem) for outcome in outcomes) == 1
    assert len(await trio.hospital.find(Link)) == 1


async def test_only_the_desk_makes_codes_and_only_for_people_it_has(hospital):
    person = await person_at(hospital)
    with pytest.raises(Problem) as forbidden:
        await hospital.services.link_desk.make_code(hospital.acting("researcher"), person)
    with pytest.raises(Problem) as unknown:
        await hospital.services.link_desk.make_code(hospital.acting("steward"), story.urn())
    assert (forbidden.value.status, unknown.value.status) == (403, 404)
    assert not await hospital.find(LinkCode)
