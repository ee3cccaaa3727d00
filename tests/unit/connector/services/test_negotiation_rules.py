"""Standing rules: which one counts, what is refused, and the management API over them."""

from __future__ import annotations

import pytest

from connector.problems import Problem
from connector.records import LogEntry, NegotiationRule
from connector.services.contracting.strictness import changed, rule_for
from tests.unit.connector.services.participant_factory import dataset_draft, with_people

ONE, OTHER = "urn:concord:one:00000001", "urn:concord:other:00000002"
HERE, THERE = "urn:concord:dataset:here", "urn:concord:dataset:there"


@pytest.fixture
async def rules(hospital):
    async def keep(*kept: tuple[str, str, str]) -> None:
        rows = [NegotiationRule(dataset=place, counterparty=who, answer=answer) for place, who, answer in kept]
        await hospital.context.store.write(lambda tx: [tx.put(row) for row in rows])

    return keep


async def answer(hospital, dataset: str, counterparty: str) -> str:
    return (await hospital.context.store.read(lambda tx: rule_for(tx, dataset, counterparty))).answer


async def test_without_a_rule_what_policy_allows_is_accepted(hospital):
    assert await answer(hospital, HERE, ONE) == "accept"


async def test_the_rule_about_a_participant_counts_first_then_the_one_about_a_dataset(hospital, rules):
    await rules(("", "", "person"), (HERE, "", "quorum"), ("", ONE, "refuse"), (HERE, ONE, "accept"))
    assert await answer(hospital, THERE, OTHER) == "person"
    assert await answer(hospital, HERE, OTHER) == "quorum"
    assert await answer(hospital, THERE, ONE) == "refuse"
    assert await answer(hospital, HERE, ONE) == "accept"


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"answer": "maybe"}, "answer"),
        ({"answer": "person", "days": 0}, "days"),
        ({"answer": "person", "days": 366}, "days"),
        ({"answer": "refuse"}, "reason"),
        ({"answer": "refuse", "reason": "x" * 501}, "reason"),
        ({"answer": "person", "dataset": HERE}, "dataset"),
        ({"answer": "person", "counterparty": ONE}, "participant"),
    ],
)
async def test_a_rule_that_could_not_be_kept_to_is_refused_by_its_field(hospital, given, where):
    with pytest.raises(Problem) as refused:
        await hospital.services.rules.set(hospital.actor("steward"), **given)
    assert (refused.value.status, refused.value.where) == (400, where)
    assert not await hospital.services.rules.list(hospital.actor("steward"))


async def test_only_a_steward_keeps_rules(hospital):
    for role in ("researcher", "dpo", "patient"):
        with pytest.raises(Problem) as refused:
            await hospital.services.rules.set(hospital.actor(role), "accept")
        assert refused.value.status == 403


async def test_setting_a_rule_again_replaces_it_and_both_stand_in_the_log(hospital):
    steward = hospital.actor("steward")
    await hospital.services.rules.set(steward, "person")
    await hospital.services.rules.set(steward, "quorum", days=3)
    [row] = await hospital.services.rules.list(steward)
    assert (row.answer, row.days, row.set_by) == ("quorum", 3, "somebody")
    kept = await hospital.context.store.read(lambda tx: tx.find(LogEntry, kind="rule.set"))
    assert len(kept) == 2


async def test_a_rule_made_less_strict_stands_in_the_log_for_stewards_and_the_data_protection_officer(hospital):
    steward, rules = hospital.actor("steward"), hospital.services.rules
    await with_people(hospital, 1)
    here = await hospital.services.steward.publish_dataset(steward, dataset_draft())
    other = "urn:concord:other:00000002"
    await hospital.context.store.write(
        lambda tx: tx.put(NegotiationRule(dataset="", counterparty=other, answer="refuse", reason="No"))
    )
    await rules.set(steward, "quorum", dataset=here)
    assert await rules.weakened(steward) == []
    await rules.set(steward, "person", dataset=here)
    await rules.remove(steward, dataset=here)
    await rules.remove(steward, counterparty=other)
    for role in ("steward", "dpo"):
        rows = await rules.weakened(hospital.actor(role))
        assert [(bool(row.dataset_title), bool(row.counterparty_name), row.before, row.after) for row in rows] == [
            (False, True, "refuse", "accept"), (True, False, "person", "accept"), (True, False, "quorum", "person"),
        ]  # fmt: skip
        assert {row.by_name for row in rows} == {"somebody"}
    with pytest.raises(Problem) as refused:
        await rules.weakened(hospital.actor("researcher"))
    assert refused.value.status == 403


async def test_a_rule_that_hides_a_stricter_one_is_one_made_less_strict(hospital, rules):
    """Two must agree for this dataset; a new rule about one participant, for all datasets, counts before that."""
    await rules((HERE, "", "quorum"), (THERE, ONE, "person"))
    context = hospital.context
    rule = NegotiationRule(dataset="", counterparty=ONE, answer="accept")
    await context.store.write(
        lambda tx: changed(tx, context, hospital.actor("steward"), ("", ONE), lambda: tx.put(rule))
    )
    [row] = await hospital.services.rules.weakened(hospital.actor("dpo"))
    assert (row.before, row.after) == ("quorum", "accept")


async def test_a_steward_reads_whom_a_rule_can_be_about(hospital):
    assert await hospital.services.steward.participants(hospital.actor("steward")) == []
    with pytest.raises(Problem) as refused:
        await hospital.services.steward.participants(hospital.actor("patient"))
    assert refused.value.status == 403


async def test_rules_through_the_management_api(hospital):
    await with_people(hospital, 1)
    dataset = await hospital.services.steward.publish_dataset(hospital.actor("steward"), dataset_draft())
    async with hospital.api() as api:
        made = await api.post("/api/rules", json={"answer": "person", "dataset": dataset, "days": 5})
        assert made.status_code == 201
        assert made.json()["dataset_title"] == "Heart records, déjà vu"
        assert [row["answer"] for row in (await api.get("/api/rules")).json()] == ["person"]
        assert (await api.post("/api/rules", json={"answer": "perhaps"})).status_code in (400, 422)
        assert (await api.post("/api/rules/remove", json={"dataset": dataset})).status_code == 204
        gone = await api.post("/api/rules/remove", json={"dataset": dataset})
        assert (gone.status_code, gone.headers["content-type"]) == (404, "application/problem+json")


async def test_what_does_not_wait_for_anybody_is_not_found_through_the_api(hospital):
    async with hospital.api() as api:
        assert (await api.get("/api/approvals")).json() == []
        assert (await api.get("/api/negotiations/waiting")).json() == []
        assert (await api.get("/api/acceptances")).json() == []
        for where, act, body in (
            ("approvals", "approve", {}), ("approvals", "refuse", {"reason": "No"}),
            ("approvals", "counter", {"categories": ["laboratory"]}), ("negotiations", "accept", {}),
            ("negotiations", "decline", {"reason": "No"}), ("negotiations", "counter", {"until": "2027-01-01"}),
        ):  # fmt: skip
            address = f"/api/{where}/urn:uuid:none/{act}"
            answered = await api.post(address, json=body | {"terms": "0" * 64})
            assert answered.status_code == 404, answered.text
            for unread in ({}, {"terms": ""}, {"terms": "those"}):
                refused = await api.post(address, json=body | unread)
                assert refused.status_code in (400, 422), refused.text
                assert "terms" in refused.text
        assert (await api.post("/api/members/urn:x/accept", json={"why": "Trust"})).status_code == 400
        assert (await api.post("/api/members/urn:x/revoke", json={})).status_code == 404
        assert (
            await api.post("/api/approvals/urn:uuid:none/approve", json={"terms": "0" * 64, "verdict": "yes"})
        ).status_code in (
            400,
            422,
        )
