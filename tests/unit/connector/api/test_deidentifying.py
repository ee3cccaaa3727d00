"""`POST /api/deidentify`: who gets in, what comes back, and that nothing of a record is kept or told."""

import asyncio
import json
import logging

import pytest

from connector.services.deidentifying import INLINE

PROBLEM = "application/problem+json"
RULES = json.dumps({
    "fhirPathRules": [
        {"path": "nodesByType('HumanName')", "method": "redact"},
        {"path": "Resource.id", "method": "cryptoHash"},
        {"path": "nodesByType('Reference').reference", "method": "cryptoHash"},
    ],
    "parameters": {"cryptoHashKey": "from the file"},
})  # fmt: skip
PATIENT = {"resourceType": "Patient", "id": "p-4711", "name": [{"family": "Zebulon"}], "gender": "male"}
BUNDLE = {
    "resourceType": "Bundle", "type": "collection",
    "entry": [
        {"resource": PATIENT},
        {"resource": {
            "resourceType": "Observation", "id": "o1", "status": "final", "subject": {"reference": "Patient/p-4711"},
            "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        }},
    ],
}  # fmt: skip
FHIR = {"content-type": "application/fhir+json"}


async def added(api, name="tool", text=RULES):
    return await api.post("/api/deidentify/rules", json={"name": name, "text": text})


async def sent(api, body, profile="tool", **headers):
    return await api.post(f"/api/deidentify?profile={profile}", content=json.dumps(body), headers={**FHIR, **headers})


async def test_a_rule_file_is_added_listed_applied_and_taken_away(hospital):
    async with hospital.api() as api:
        made = await added(api)
        assert (made.status_code, made.json()["rules"], made.json()["format"]) == (201, 3, "microsoft")
        assert [one["name"] for one in (await api.get("/api/deidentify/rules")).json()] == ["tool"]
        answer = await sent(api, BUNDLE)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/fhir+json")
        patient, observation = (entry["resource"] for entry in answer.json()["entry"])
        assert "name" not in patient
        assert observation["subject"]["reference"] == f"Patient/{patient['id']}"
        assert "p-4711" not in answer.text
        assert (await api.delete("/api/deidentify/rules/tool")).status_code == 204
        assert (await sent(api, BUNDLE)).status_code == 404


async def test_the_same_rules_under_two_names_give_ids_that_cannot_be_joined(hospital):
    async with hospital.api() as api:
        await added(api, "one")
        await added(api, "two", RULES.replace("from the file", "another key, which is not used either"))
        ids = [(await sent(api, PATIENT, name)).json()["id"] for name in ("one", "two", "one")]
        assert ids[0] == ids[2] != ids[1]


async def test_an_allow_list_profile_works_on_one_resource_and_on_a_bundle(hospital):
    async with hospital.api() as api:
        single = await api.post("/api/deidentify", content=json.dumps(PATIENT), headers=FHIR)
        assert single.status_code == 200, single.text
        assert single.json()["resourceType"] == "Patient"
        several = await sent(api, BUNDLE, "research-standard")
        patient, observation = (entry["resource"] for entry in several.json()["entry"])
        assert observation["subject"]["reference"] == f"Patient/{patient['id']}"
        assert patient["id"] == single.json()["id"]
        assert "p-4711" not in several.text
        assert "Zebulon" not in several.text


async def test_a_resource_of_nobody_cannot_be_coded_by_a_profile(hospital):
    async with hospital.api() as api:
        answer = await sent(api, {"resourceType": "Organization", "id": "o"}, "research-standard")
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:concord:problem:not-deidentified-no-subject")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422), (b"[]", 422), (b'{"resourceType":"Zebulon"}', 422),
        (b'{"resourceType":"Patient","Zebulon":1}', 422),
        (b'{"resourceType":"Patient","gender":{"Zebulon":1}}', 422), (b"", 422), (b"x" * 2_000_000, 413),
    ],
)  # fmt: skip
async def test_what_is_refused_says_where_and_never_what(hospital, body, status):
    async with hospital.api() as api:
        await added(api)
        for profile in ("tool", "research-standard"):
            answer = await api.post(f"/api/deidentify?profile={profile}", content=body, headers=FHIR)
            assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
            assert "Zebulon" not in answer.text


async def test_nobody_gets_in_without_the_token_and_by_another_door(hospital):
    async with hospital.api("wrong") as stranger, hospital.api("") as nobody, hospital.api() as api:
        for client in (stranger, nobody):
            assert (await sent(client, PATIENT)).status_code == 401
        assert (await api.get("/api/deidentify")).status_code == 405
        assert (await sent(api, PATIENT, **{"content-type": "text/plain"})).status_code == 415
        assert (await sent(api, PATIENT, "nothing-here")).status_code == 404
        assert (await api.post("/api/deidentify?profile=a&profile=b", content=b"{}", headers=FHIR)).status_code == 400
        assert (await api.post("/api/deidentify?person=b", content=b"{}", headers=FHIR)).status_code == 400


async def test_a_rule_file_that_cannot_be_compiled_is_not_kept(hospital):
    bad = json.dumps(
        {"fhirPathRules": [{"path": "Patient.x()", "method": "redact"}, {"path": "y()", "method": "redact"}]}
    )
    async with hospital.api() as api:
        answer = await added(api, "bad", bad)
        assert answer.status_code == 400
        assert "rule 1" in answer.json()["detail"]
        assert "rule 2" in answer.json()["detail"]
        report = (await api.post("/api/deidentify/rules/check", json={"text": bad})).json()
        assert (report["usable"], len(report["refused"])) == (False, 2)
        assert (await api.get("/api/deidentify/rules")).json() == []
        for name in ("", "Über", "a b", "rules:x", "-"):
            assert (await added(api, name)).status_code == 400
        assert (await added(api, "good")).status_code == 201
        assert (await added(api, "good", RULES + " ")).status_code == 409
        assert (await added(api, "again")).status_code == 409


async def test_a_large_body_is_de_identified_too(hospital):
    async with hospital.api() as api:
        await added(api)
        many = {**BUNDLE, "entry": BUNDLE["entry"] * (INLINE // 300)}
        answer = await sent(api, many)
        assert (answer.status_code, len(answer.json()["entry"])) == (200, len(many["entry"]))


@pytest.mark.parametrize("pieces", [1, 2, 5])
async def test_a_body_may_come_late_and_in_pieces(hospital, pieces):
    async with hospital.api() as api:
        await added(api)
    body, told = json.dumps(PATIENT).encode(), []
    step = -(-len(body) // pieces)
    parts = [body[at : at + step] for at in range(0, len(body), step)]

    async def receive():
        await asyncio.sleep(0.001)
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message):
        told.append(message)

    token = hospital.app.state.running.token.encode()
    headers = [(b"content-type", b"application/json; charset=utf-8"), (b"authorization", b"Bearer " + token)]
    scope = {"type": "http", "method": "POST", "path": "/api/deidentify", "query_string": b"profile=tool"}
    await hospital.app({**scope, "headers": headers, "asgi": {"version": "3.0"}}, receive, send)
    assert told[0]["status"] == 200
    assert json.loads(told[1]["body"])["gender"] == "male"


async def test_nothing_of_a_record_is_logged_or_kept(hospital, caplog):
    with caplog.at_level(logging.DEBUG):
        async with hospital.api() as api:
            await added(api)
            await sent(api, BUNDLE)
            await sent(api, {**PATIENT, "Zebulon": 1})
    assert "Zebulon" not in caplog.text
    assert "p-4711" not in caplog.text
    for file in hospital.app.state.settings.directory.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            assert b"Zebulon" not in data
            assert b"from the file" not in data
