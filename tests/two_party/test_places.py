"""Where a recipient is: noted by the operator, asked where the settings say so, and a no as long as nobody knows."""

from __future__ import annotations

import pytest

from connector.problems import Problem
from connector.records import LogEntry, Negotiation
from tests.two_party import story

CLAUSES = "https://w3id.org/dpv/legal/eu/gdpr#A46-2-c"


def operator(trio):
    return trio.hospital.acting("operator", "olga", "Olga")


@pytest.fixture
def asking(monkeypatch):
    """Every participant of this test asks where a recipient is."""
    monkeypatch.setenv("CONCORD_ASK_PLACE", "true")


async def the_end(trio) -> Negotiation:
    offer = await story.offer_dataset(trio.hospital)
    study = await story.approved_study(trio.research, trio.hospital)
    pid = await story.ask(trio.research, trio.hospital, offer, study)
    ended = {"FINALIZED", "TERMINATED"}
    return await trio.research.eventually(Negotiation, pid, where=lambda found: found.state in ended)


async def test_nothing_is_asked_where_nobody_says_that_it_matters(trio):
    ended = await the_end(trio)
    assert (ended.state, ended.reason) == ("FINALIZED", None)


@pytest.mark.parametrize(
    ("place", "state", "code"),
    [
        (None, "TERMINATED", "place-unknown"),
        (("DE", ["DE", "NO"]), "FINALIZED", None),
        (("DE", ["US"]), "TERMINATED", "place-not-protected"),
        (("US", ["US"], ["eu-gdpr:A46-2-c"]), "TERMINATED", "place-not-protected"),
    ],
)
async def test_a_contract_is_made_only_where_the_law_protects_the_data(asking, trio, place, state, code):
    if place is not None:
        row = await trio.hospital.services.membership.set_place(operator(trio), trio.research.id, *place)
        assert (row.jurisdiction, row.hosting) == (place[0], place[1])
        assert row.transfer_grounds in ([], [CLAUSES])
    ended = await the_end(trio)
    assert (ended.state, (ended.reason or {}).get("code")) == (state, code)


async def test_a_place_stands_in_the_register_and_in_the_log(trio):
    membership = trio.hospital.services.membership
    await membership.set_place(operator(trio), trio.research.id, "DE", ["FR"])
    await trio.hospital.context.members.load()
    [row] = [one for one in await membership.members(operator(trio)) if one.id == trio.research.id]
    assert (row.jurisdiction, row.hosting) == ("DE", ["FR"])
    kinds = [entry.kind for entry in await trio.hospital.find(LogEntry, subject=trio.research.id)]
    assert "member.placed" in kinds


@pytest.mark.parametrize(
    ("jurisdiction", "hosting", "grounds"),
    [("de", ["DE"], []), ("DE", [], []), ("DE", ["Germany"], []), ("DE", ["DE"], ["because we may"])],
)
async def test_what_is_no_place_or_no_ground_is_refused_and_changes_nothing(trio, jurisdiction, hosting, grounds):
    membership = trio.hospital.services.membership
    with pytest.raises(Problem) as refused:
        await membership.set_place(operator(trio), trio.research.id, jurisdiction, hosting, grounds)
    assert refused.value.status == 400
    assert trio.hospital.context.members.place_of(trio.research.id) is None


async def test_nobody_unknown_is_placed(trio):
    with pytest.raises(Problem) as refused:
        await trio.hospital.services.membership.set_place(operator(trio), "urn:concord:nobody:00000000", "DE", ["DE"])
    assert refused.value.status == 400
