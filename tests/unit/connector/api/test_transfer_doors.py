"""Transfers through the management API and the command line: both roles listed, moves refused where they do not fit."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connector.records import Agreement, ReceivedTransfer, Transfer

RUNNING = "urn:uuid:3b0c6f0e-5d0f-4c5e-9a55-0d8f6f2b1c01"
PAUSED = "urn:uuid:3b0c6f0e-5d0f-4c5e-9a55-0d8f6f2b1c02"
AGREEMENT = "urn:uuid:3b0c6f0e-5d0f-4c5e-9a55-0d8f6f2b1c03"


@pytest.fixture
async def moving(hospital):
    """A push we receive and a pull the other side paused."""
    now = datetime.now(UTC)
    facts = {"counterparty": "urn:concord:other:00000000", "agreement": AGREEMENT, "created_at": now, "revision": 1}
    push = {"format": "HttpData-PUSH"}
    records = [
        Agreement(id=AGREEMENT, role="consumer", counterparty=facts["counterparty"], negotiation="urn:uuid:n",
                  dataset="urn:concord:dataset:x"),
        Transfer(pid=RUNNING, role="consumer", their_pid="urn:uuid:a", state="STARTED", **push, **facts),
        ReceivedTransfer(transfer=RUNNING, agreement=AGREEMENT, kind="opaque", standing="complete", bytes=12,
                         digest="0f", media_type="text/csv", finding="No manifest: a foreign connector."),
        Transfer(pid=PAUSED, role="provider", their_pid="urn:uuid:b", state="SUSPENDED", suspended_by="consumer",
                 reason={"code": "paused", "reason": ["Let us talk first."]}, **facts),
    ]  # fmt: skip
    await hospital.participant.store.write(lambda tx: [tx.add(record) for record in records])
    return hospital


async def test_transfers_of_both_roles_are_listed_with_their_way_and_who_paused_them(moving):
    async with moving.api() as api:
        rows = {row["pid"]: row for row in (await api.get("/api/transfers")).json()}
        of_contract = (await api.get("/api/transfers", params={"agreement": "urn:uuid:another"})).json()
        paused = (await api.get(f"/api/transfers/{PAUSED}")).json()
    assert of_contract == []
    running = rows[RUNNING]
    assert (running["role"], running["way"], running["state"]) == ("consumer", "push", "started")
    assert (running["kind"], running["digest"], running["media_type"]) == ("opaque", "0f", "text/csv")
    assert (running["manifest_verified"], running["bytes"]) == (None, 12)
    assert (paused["role"], paused["way"], paused["state"]) == ("provider", "pull", "suspended")
    assert (paused["suspended_by"], paused["reason"]) == ("consumer", "Let us talk first.")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (f"/api/transfers/{PAUSED}/resume", {}, 409),
        (f"/api/transfers/{RUNNING}/suspend", {"reason": ""}, 422),
        (f"/api/transfers/{RUNNING}/suspend", {}, 422),
        ("/api/transfers/urn:uuid:none/suspend", {"reason": "x"}, 404),
        ("/api/transfers", {"agreement": "urn:uuid:none", "push": True}, 404),
        ("/api/transfers", {"agreement": AGREEMENT, "shove": True}, 422),
    ],
)  # fmt: skip
async def test_a_move_that_does_not_fit_is_refused_with_a_problem(moving, path, body, status):
    async with moving.api() as api:
        answer = await api.post(path, json=body)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status_code == (400 if status == 422 else status), answer.text


async def test_a_transfer_that_runs_is_paused_in_our_name_before_the_other_side_has_answered(moving):
    async with moving.api() as api:
        assert (await api.post(f"/api/transfers/{RUNNING}/suspend", json={"reason": "A question."})).status_code == 204
        row = (await api.get(f"/api/transfers/{RUNNING}")).json()
    assert (row["state"], row["deciding"]) == ("started", "pausing")


async def test_a_provider_may_pause_what_the_consumer_has_paused_but_not_twice(moving):
    async with moving.api() as api:
        first = await api.post(f"/api/transfers/{PAUSED}/suspend", json={"reason": "ours too"})
        again = await api.post(f"/api/transfers/{PAUSED}/suspend", json={"reason": "again"})
        paused = (await api.get(f"/api/transfers/{PAUSED}")).json()
    assert (first.status_code < 300, again.status_code) == (True, 409), (first.text, again.text)
    assert paused["suspended_by"] == "provider"
