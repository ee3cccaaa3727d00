"""The management API: who gets in, what it takes, what it answers."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import fields

import pytest

from connector.api.management.application import application
from connector.services.rooms.views import NegotiationView
from connector.services.steward import DatasetRow
from tests.unit.connector.services.participant_factory import (
    RESEARCH,
    dataset_draft,
    reach,
    study_draft,
    with_people,
)

PROBLEM = "application/problem+json"
NAMED = re.compile(r"\{(\w+)\}")


def plain(draft):
    return json.loads(json.dumps({one.name: getattr(draft, one.name) for one in fields(draft)}, default=str))


def operations(app):
    for path, methods in app.openapi()["paths"].items():
        for method in methods:
            yield method.upper(), NAMED.sub(lambda found: "0" if found[1] == "index" else "urn:x", path)


async def test_every_operation_refuses_a_missing_and_a_wrong_token(hospital):
    async with hospital.api("") as nobody, hospital.api("wrong" * 8) as stranger:
        asked = list(operations(application(hospital.app.state)))
        assert len(asked) > 50
        for method, path in asked:
            assert path.startswith("/api/")
            for client in (nobody, stranger):
                answer = await client.request(method, path, json={})
                assert (answer.status_code, answer.headers["content-type"]) == (401, PROBLEM), (method, path)


@pytest.mark.parametrize("header", ["", "Bearer", "Basic {token}", "{token}", "Bearer {token}x", "Bearer x{token}"])
async def test_the_token_counts_only_whole_and_as_a_bearer_token(hospital, header):
    token = hospital.app.state.running.token
    async with hospital.api() as api:
        assert (await api.get("/api/members")).status_code == 200
        answer = await api.get("/api/members", headers={"authorization": header.format(token=token)})
        assert answer.status_code == 401


async def test_the_token_is_looked_at_before_the_body(hospital):
    async with hospital.api("wrong") as stranger, hospital.api() as api:
        for client, status in ((stranger, 401), (api, 413)):
            answer = await client.post("/api/datasets", content=b"x" * 2_000_000)
            assert answer.status_code == status


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'{"subject":"a","subject":"b"}', b'{"a":NaN}', b"[" * 100 + b"]" * 100, b"\xff", b'{"unknown":1}',
     b'{"subject":"","name":"x","roles":["dpo"]}', b'{"subject":"s","name":"x","roles":["root"]}', b"{}"],
)  # fmt: skip
async def test_a_body_that_is_not_understood_is_one_clear_problem(hospital, body):
    async with hospital.api() as api:
        answer = await api.post("/api/accounts", content=body, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM)
        assert (await api.get("/api/accounts")).json() == []


async def test_errors_repeat_no_value_of_the_input(hospital):
    secret = "Maria-Jansen-1954"
    async with hospital.api() as api:
        for path, sent in (
            ("/api/accounts", {"subject": secret, "name": secret, "roles": secret}),
            ("/api/people", {"subject": secret, "name": secret, "born": secret}),
            ("/api/devices", {"name": secret, "source_id": {"a": secret}}),
            ("/api/links", {"account": secret, "holder": secret, "code": secret}),
            ("/api/datasets", plain(dataset_draft(until=secret))),
        ):
            answer = await api.post(path, json=sent)
            assert answer.status_code in (400, 404), (path, answer.text)
            assert secret not in answer.text, path


async def test_the_description_is_open_api_3_1_with_the_fields_of_the_views(hospital):
    async with hospital.api("") as nobody:
        refused = await nobody.get("/api/openapi.json")
    assert (refused.status_code, "paths" in refused.text) == (401, False)
    async with hospital.api() as api:
        described = (await api.get("/api/openapi.json")).json()
    assert described["openapi"].startswith("3.1")
    schemas = described["components"]["schemas"]
    for view in (DatasetRow, NegotiationView):
        assert set(schemas[view.__name__]["properties"]) == {one.name for one in fields(view)}
    assert "requestBody" in described["paths"]["/api/datasets"]["post"]
    assert not any(path.startswith(("/dsp", "/consent", "/idp", "/data")) for path in described["paths"])


async def test_a_participant_says_who_it_is(hospital):
    async with hospital.api() as api:
        found = (await api.get("/api/participant")).json()
    assert (found["id"], found["role"], found["url"]) == (hospital.id, "hospital", "http://127.0.0.1:18000")
    assert found["document"].count(".") == 2
    assert found["pid"] > 0


async def test_the_story_up_to_a_contract_can_be_told_through_the_api(space, hospital, tmp_path):
    research = await space.add("Heart Rhythm Group", "research")
    wallet = await space.add("People's Wallet", "wallet")
    await space.acquaint(hospital, research, wallet)
    await with_people(hospital, 2)
    async with hospital.api() as holder, research.api() as group, wallet.api() as people:

        async def made(api, path, sent=None, status=201):
            answer = await api.post(path, json=sent or {})
            assert answer.status_code == status, answer.text
            return answer.json() if answer.content else None

        dataset = (await made(holder, "/api/datasets", plain(dataset_draft())))["id"]
        study = (await made(group, "/api/studies", plain(study_draft(hospital.id, dataset))))["id"]
        await reach(hospital, study, "waiting")
        await made(holder, f"/api/study-requests/{study}/decision", {"approve": True}, 204)
        await reach(wallet, study, "shown")

        account = (await made(people, "/api/people", {"name": "Maria", "subject": "maria", "born": "1954-03-09"}))["id"]
        assert [row["subject"] for row in (await people.get("/api/people")).json()] == ["maria"]
        code = (await made(holder, "/api/patients/person-000/link-code"))["code"]
        await made(people, "/api/links", {"account": account, "holder": hospital.id, "code": code})
        asked = {"account": account, "study": study, "decision": "yes", "datasets": {dataset: ["laboratory"]}}
        consent = (await made(people, "/api/consents", asked | {"authority": "mother"}))["consent"]
        await reach(wallet, consent, "acknowledged")
        card = (await people.get("/api/consents", params={"account": account})).json()[0]
        assert (card["state"], card["holders"][0]["state"]) == ("given", "acknowledged")
        receipt = (await people.get(f"/api/consents/{consent}", params={"account": account})).json()
        assert receipt["record"]["signer"] == {"kind": "proxy", "authority": "mother"}

        entry = (await group.get("/api/catalog")).json()[0]
        asked = {"provider": entry["provider"], "dataset": entry["dataset"], "study": study, "purpose": RESEARCH}
        pid = (await made(group, "/api/negotiations", asked))["pid"]
        agreement = (await reach(research, pid, "finalized"))["row"]["agreement"]
        assert (await group.get(f"/api/agreements/{agreement}")).json()["state"] == "active"
        theirs = (await holder.get("/api/negotiations", params={"role": "provider"})).json()[0]["pid"]
        await reach(hospital, theirs, "finalized")  # the provider is there once its last message was acknowledged

        await made(people, "/api/consents/withdraw", {"account": account, "study": study, "kind": "stop"}, 200)
        asked = {"account": account, "study": study}
        assert (await people.get("/api/consents/progress", params=asked)).json()["kind"] == "stop"
        assert (await made(holder, "/api/audit/verify", None, 200))["ok"] is True
        exported = await made(holder, "/api/audit/export", {"directory": str(tmp_path / "log")}, 200)
        assert "verify_export.py" in exported["files"]


async def test_waiting_ends_with_the_event_and_not_with_the_time(hospital):
    operator = hospital.actor("operator")

    async def soon():
        await asyncio.sleep(0)
        from connector.records import Study

        def command(tx):
            tx.add(Study(id="urn:s", organisation="urn:p:x", standing="waiting"))
            tx.ring("log")

        await hospital.context.store.write(command)

    waiting = asyncio.create_task(hospital.services.waiting.until(operator, "urn:s", {"waiting"}, 300))
    await soon()
    async with asyncio.timeout(20):
        found = await waiting
    assert (found.kind, found.state, found.reached) == ("study", "waiting", True)


async def test_waiting_for_what_does_not_come_says_so(hospital):
    async with hospital.api() as api:
        missing = await api.get("/api/wait", params={"about": "urn:nothing", "for": "x", "timeout": "0"})
        assert (missing.status_code, missing.headers["content-type"]) == (404, PROBLEM)
        too_long = await api.get("/api/wait", params={"about": "urn:nothing", "for": "x", "timeout": "9999"})
        assert too_long.status_code == 400


async def test_an_import_tells_its_progress_and_its_end_as_lines(hospital, tmp_path):
    async with hospital.api() as api:
        folder = tmp_path / "bundles"
        folder.mkdir()
        patient = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Jansen", "given": ["Maria"]}]}
        for number in range(3):
            one = {**patient, "id": f"p{number}"}
            bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one}]}
            (folder / f"Maria_Jansen_{number}.json").write_text(json.dumps(bundle))
        answer = await api.post("/api/imports", json={"path": str(folder), "source": "Export"})
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert lines[:-1] == [{"files": 1}, {"files": 2}, {"files": 3}]
        assert lines[-1]["report"]["people"] == 3
        assert "Jansen" not in answer.text
        for path, status in ((str(tmp_path / "nowhere"), 400), ("relative", 400)):
            refused = await api.post("/api/imports", json={"path": path})
            assert (refused.status_code, refused.headers["content-type"]) == (status, PROBLEM), refused.text


async def test_a_device_is_registered_with_a_token_of_its_own(space):
    vendor = await space.add("Lumen Watches", "vendor")
    async with vendor.api() as api:
        sent = {"source": "watches", "name": "Maria", "source_id": "w-1"}
        first, second = [(await api.post("/api/devices", json=sent)).json() for _ in range(2)]
        assert first["person"] == second["person"]
        assert first["token"] != second["token"]
