"""Whoever comes too often waits and loses nothing; who wants to stop something is never kept from it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from connector.identity.people.passing_key import PassingKey
from connector.identity.people.relying_party import SignedIn
from connector.identity.tokens import mint
from connector.records import Consent, Negotiation, OutboxMessage
from connector.services.limits import Limits
from connector.services.wallet.views import Answer
from tests.browser.neighbourhood import serve
from tests.two_party import story
from tests.two_party.conftest import Trio
from tests.two_party.space import Party, until

CATALOG = "/dsp/2025-1/catalog/request"
ASKED = {"@context": ["https://w3id.org/dspace/2025/1/context.jsonld"], "@type": "CatalogRequestMessage"}


@dataclass
class Rates:
    """No limit, unless a test says so."""

    limit_address: int = 0
    limit_participant: int = 0
    limit_person: int = 0
    limit_refused: int = 0


def limited(party: Party, **rates: int) -> None:
    party.context.limits = Limits(Rates(**rates))


async def asked(trio: Trio, who: Party) -> int:
    """Somebody looks at the hospital's catalogue; the status of the answer."""
    members = who.context.members
    return (await members.post(trio.hospital.id, f"{trio.hospital.url}{CATALOG}", ASKED)).status


async def asked_until_refused(trio: Trio, who: Party | None = None, most: int = 200) -> None:
    for _ in range(most):
        if await asked(trio, who or trio.research) == 429:
            return
    raise AssertionError("nobody was ever told to wait")


async def test_a_participant_that_comes_too_often_is_told_when_to_come_again_in_the_protocols_form(trio):
    limited(trio.hospital, limit_participant=1)
    await asked_until_refused(trio)
    members = trio.research.context.members
    answer = await members.post(trio.hospital.id, f"{trio.hospital.url}{CATALOG}", ASKED)
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert b'"CatalogError"' in answer.body
    assert b"rate-limited" in answer.body


async def test_a_negotiation_that_was_held_up_ends_as_any_other_and_loses_no_message(trio):
    offer = await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital)
    limited(trio.hospital, limit_participant=2)
    await asked_until_refused(trio)
    pid = await story.ask(trio.research, trio.hospital, offer, study)
    held_up = await until(lambda: waiting(trio.research), "a message that was told to wait")
    assert (held_up.status, held_up.error) == (429, "status 429 (rate-limited)")
    assert (await story.outcome(trio.research, pid)).state == "FINALIZED"
    assert (await story.counterpart(trio.hospital, pid)).state == "FINALIZED"


async def waiting(party: Party) -> OutboxMessage | None:
    found = await party.find(OutboxMessage, standing="waiting", status=429)
    return found[0] if found else None


async def test_one_participant_that_comes_too_often_holds_up_no_other(trio):
    limited(trio.hospital, limit_participant=1)
    await asked_until_refused(trio)
    answer = await trio.wallet.context.members.post(trio.hospital.id, f"{trio.hospital.url}{CATALOG}", ASKED)
    assert answer.status == 200


@pytest.mark.parametrize("limit", ["limit_participant", "limit_address"])
async def test_a_patients_stop_gets_through_while_everything_else_is_told_to_wait(trio, limit):
    await story.offer_dataset(trio.hospital)
    patient = await story.linked_patient(trio.wallet, trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital, story.RECORDS, trio.wallet)
    wallet = trio.wallet.services.wallet
    await wallet.answer(patient.actor, study, Answer("yes", {story.RECORDS: None}))
    await until(lambda: trio.hospital.find(Consent, person=patient.person, state="given"), "the consent")
    limited(trio.hospital, **{limit: 1})
    await asked_until_refused(trio, trio.wallet)
    await wallet.withdraw(patient.actor, study, "erase")
    over = ["withdrawn", "terminated"]
    await until(lambda: trio.hospital.find(Consent, person=patient.person, state=over), "the stop")
    assert await trio.wallet.find(OutboxMessage, status=429) == []


async def test_an_address_that_never_shows_who_it_is_waits_and_its_neighbour_in_health_does_not(trio):
    limited(trio.hospital, limit_refused=1)
    client = trio.space.client
    statuses = [(await client.post(f"{trio.hospital.url}{CATALOG}", json=ASKED)).status_code for _ in range(20)]
    assert set(statuses) == {401, 429}
    assert (await client.get(f"{trio.hospital.url}/health/live")).status_code == 200
    assert (await client.post(f"{trio.hospital.url}/consent/withdrawals", json={})).status_code == 429


def forged(trio: Trio, body: bytes) -> str:
    """A token that names the research group, by a key that is not theirs."""
    return f"Bearer {mint(PassingKey(), trio.research.id, trio.hospital.id, body, datetime.now(UTC))}"


async def test_bad_tokens_hold_up_no_member_at_the_same_address_not_even_the_one_they_name(trio):
    limited(trio.hospital, limit_refused=1, limit_address=10)
    client, url = trio.space.client, f"{trio.hospital.url}{CATALOG}"
    strangers = [await client.post(url, json=ASKED, headers={"authorization": "Bearer a.b.c"}) for _ in range(20)]
    assert {answer.status_code for answer in strangers} == {401, 429}
    body = json.dumps(ASKED).encode()
    liars = [await client.post(url, content=body, headers={"authorization": forged(trio, body)}) for _ in range(20)]
    assert {answer.status_code for answer in liars} == {401}
    assert [await asked(trio, who) for who in (trio.research, trio.wallet)] == [200, 200]


async def test_forged_tokens_of_one_member_are_checked_only_so_often_and_hold_up_no_other(trio):
    limited(trio.hospital, limit_address=1)
    client, url, body = trio.space.client, f"{trio.hospital.url}{CATALOG}", json.dumps(ASKED).encode()
    liars = [await client.post(url, content=body, headers={"authorization": forged(trio, body)}) for _ in range(30)]
    assert {answer.status_code for answer in liars} == {401, 429}
    assert await asked(trio, trio.wallet) == 200


async def test_strangers_at_the_same_address_do_not_use_up_a_signed_in_persons_stop(space):
    hospital = await serve(space, "hospital", "St. Elisabeth Hospital", "hospital")
    who = SignedIn(hospital.context.settings.issuer, "ann", "Ann", (), "substantial", None)
    await hospital.services.accounts.open_account(hospital.acting("operator"), "ann", "Ann", ["steward"])
    _, value = await hospital.services.accounts._open_session(who)
    limited(hospital, limit_address=1, limit_person=50)
    ann, client = {"cookie": f"concord_session={value}"}, space.client
    assert (await client.get(f"{hospital.url}/steward", headers=ann)).status_code == 200
    for made_up in ({}, {"cookie": "concord_session=nobody"}):
        pages = [await client.post(f"{hospital.url}/me/studies/x/stop", headers=made_up) for _ in range(30)]
        assert 429 in {page.status_code for page in pages}
    stopped = await client.post(f"{hospital.url}/me/studies/x/stop", headers=ann)
    assert stopped.status_code != 429
    assert (await client.get(f"{hospital.url}/steward", headers=ann)).status_code == 200


async def test_health_costs_nothing_from_this_machine_and_people_get_a_page(trio):
    limited(trio.hospital, limit_address=1)
    client = trio.space.client
    for _ in range(50):
        assert (await client.get(f"{trio.hospital.url}/health/live")).status_code == 200
    for _ in range(11):
        page = await client.get(f"{trio.hospital.url}/steward", headers={"accept": "text/html"})
    assert (page.status_code, page.headers["retry-after"]) == (429, "1")
    assert "Nothing was changed" in page.text
    assert (await client.get(f"{trio.hospital.url}/api/participant")).json()[
        "type"
    ] == "urn:concord:problem:rate-limited"


async def test_nothing_is_begun_for_a_message_that_has_to_wait(trio):
    limited(trio.hospital, limit_participant=1)
    await asked_until_refused(trio)
    members = trio.research.context.members
    url = f"{trio.hospital.url}/dsp/2025-1/negotiations/request"
    assert (await members.post(trio.hospital.id, url, {"@type": "ContractRequestMessage"})).status == 429
    assert await trio.hospital.find(Negotiation) == []
