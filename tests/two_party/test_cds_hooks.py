"""CDS Hooks about consents: discovery, who may ask, what the answer says, content resource by resource."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from connector.records import LogEntry, Person
from policy.directives.broad_terms import terms
from tests.two_party import sourced
from tests.two_party.test_labels import ACT, HARMLESS, SENSITIVE, SUD, WITHHELD, prescription

URL = "/cds-services/patient-consent-consult"
REASONS = "http://terminology.hl7.org/CodeSystem/v3-ActReason#"
TOKEN = "a-token-for-this-alone"
RESEARCH = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "research"}]}
CARE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}


@pytest.fixture
async def asked(space, monkeypatch, request):
    """A hospital that answers, and a way to ask it."""
    for name, value in {"CDS_HOOKS": "on", "CDS_TOKEN_HASH": sha256(TOKEN.encode()).hexdigest(),
                        **getattr(request, "param", {})}.items():  # fmt: skip
        monkeypatch.setenv(f"CONCORD_{name}", value)
    hospital = await space.add("hospital", "hospital")
    return Asked(hospital, space.client)


class Asked:
    def __init__(self, hospital, client):
        self.hospital, self.client = hospital, client

    async def bring(self, tmp_path, *resources):
        file = sourced.write(tmp_path, "bundle", *resources)
        report = await self.hospital.services.importing.import_fhir(self.hospital.acting("steward"), file, "Records")
        assert not report.refused, report.refused

    async def post(self, token=TOKEN, patient="Patient/ann", **context):
        body = {
            "hook": "patient-consent-consult", "hookInstance": "1",
            "context": {
                "patientId": [{"value": patient} if isinstance(patient, str) else patient],
                "actor": [{"value": "Organization/other"}], "purposeOfUse": ["TREAT"], **context,
            },
        }  # fmt: skip
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return await self.client.post(f"{self.hospital.direct}{URL}", json=body, headers=headers)

    async def card(self, **context):
        answer = await self.post(**context)
        assert answer.status_code == 200, answer.text
        [card] = answer.json()["cards"]
        assert card["summary"] == card["extension"]["decision"]
        return card


def consent(effect, *nested, **more):
    basis = sourced.OPT_IN if effect == "permit" else sourced.OPT_OUT
    provision = {"type": effect, **({"provision": list(nested)} if nested else {})}
    return sourced.consent("c1", "ann", effect, scope=CARE, policyRule=basis, provision=provision, **more)


def bundle(*resources):
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}


async def test_the_services_are_listed_and_off_they_are_not_there(asked, hospital_off, space):
    listed = await space.client.get(f"{asked.hospital.direct}/cds-services")
    assert [one["id"] for one in listed.json()["services"]] == ["patient-consent-consult"]
    for path in ("/cds-services", URL):
        assert (await space.client.get(f"{hospital_off.direct}{path}")).status_code in {404, 405}
    assert (await space.client.post(f"{hospital_off.direct}{URL}", json={})).status_code == 404


@pytest.fixture
async def hospital_off(asked, space, monkeypatch):
    monkeypatch.setenv("CONCORD_CDS_HOOKS", "off")
    return await space.add("quiet", "hospital")


async def test_nobody_is_answered_without_a_token(asked):
    for token in ("", "another"):
        assert (await asked.post(token=token)).status_code == 401
    assert (await asked.post(token=asked.hospital.app.state.running.token)).status_code == 200


@pytest.mark.parametrize(("effect", "said"), [("permit", "CONSENT_PERMIT"), ("deny", "CONSENT_DENY")])
async def test_the_card_says_what_the_patient_said(asked, tmp_path, effect, said):
    await asked.bring(tmp_path, sourced.patient("ann"), consent(effect))
    card = await asked.card()
    assert card["summary"] == said
    assert card["detail"].startswith("A consent that came from the source")
    assert card["source"]["label"] == "Hospital One"


async def test_somebody_who_said_nothing_and_somebody_unknown_get_the_same_answer(asked, tmp_path):
    await asked.bring(tmp_path, sourced.patient("ann"))
    cards = [await asked.card(), await asked.card(patient="Patient/nobody")]
    assert cards[0] == cards[1]
    assert cards[0]["summary"] == "NO_CONSENT"


async def test_a_patient_is_known_by_an_identifier_too(asked, tmp_path):
    await asked.bring(tmp_path, sourced.patient("ann"), consent("permit"))
    assert (await asked.card(patient={"system": "urn:mrn", "value": "mrn-ann"}))["summary"] == "CONSENT_PERMIT"
    assert (await asked.card(patient={"system": "urn:mrn", "value": "ann"}))["summary"] == "NO_CONSENT"


async def test_a_label_that_is_forbidden_is_an_obligation(asked, tmp_path):
    await asked.bring(tmp_path, sourced.patient("ann"), consent("permit", {"type": "deny", "securityLabel": [SUD]}))
    [told] = (await asked.card())["extension"]["obligations"]
    assert told == {"id": {"system": ACT, "code": "REDACT"}, "parameters": {"codes": [{"system": ACT, "code": "SUD"}]}}


async def test_what_labels_cannot_say_is_a_no_without_content_and_answered_with_it(asked, tmp_path):
    window = {"type": "deny", "dataPeriod": {"start": "2020", "end": "2021"}}
    await asked.bring(tmp_path, sourced.patient("ann"), consent("permit", window))
    assert (await asked.card())["summary"] == "CONSENT_DENY"
    old, new = sourced.observation("o1", "ann"), sourced.observation("o2", "ann", effectiveDateTime="2023-01-01")
    card = await asked.card(content=bundle(old, new))
    assert card["summary"] == "CONSENT_PERMIT"
    assert [one["id"]["code"] for one in card["extension"]["obligations"]] == ["USE-CONTENT"]
    assert [one["resource"]["id"] for one in card["extension"]["content"]["entry"]] == ["o2"]


async def test_content_is_judged_resource_by_resource_contained_ones_too(asked, tmp_path):
    await asked.bring(tmp_path, sourced.patient("ann"), consent("permit", {"type": "deny", "securityLabel": [SUD]}))
    inside = prescription(
        "m2", "ann", contained=[{"resourceType": "Medication", "id": "x", "code": SENSITIVE}],
        medicationReference={"reference": "#x"},
    )  # fmt: skip
    sent = bundle(
        prescription("m1", "ann", medicationCodeableConcept=SENSITIVE), inside,
        sourced.observation("o1", "ann", partOf=[{"reference": "MedicationRequest/m1"}]),
        sourced.observation("o2", "ben"), {"resourceType": "Medication", "id": "m", "code": HARMLESS},
        {"resourceType": "Observation", "id": "o3"},
    )  # fmt: skip
    extension = (await asked.card(content=sent))["extension"]
    said = [one.get("reason", "") for one in extension["resources"]]
    assert said == ["denied-by-directive", "", "", "not-about-this-patient", "", "unreadable"]
    kept = {one["resource"]["id"]: one["resource"] for one in extension["content"]["entry"]}
    assert kept["m2"]["medicationReference"] == {"reference": WITHHELD}
    assert "contained" not in kept["m2"]
    assert kept["o1"]["partOf"] == [{"reference": WITHHELD}]


async def test_numbers_of_content_keep_their_digits(asked, tmp_path):
    await asked.bring(tmp_path, sourced.patient("ann"), consent("permit"))
    value = sourced.observation("o1", "ann", valueQuantity={"value": "?"})
    answer = await asked.client.post(
        f"{asked.hospital.direct}{URL}",
        headers={"authorization": f"Bearer {TOKEN}", "content-type": "application/json"},
        content=json.dumps({
            "hook": "patient-consent-consult", "hookInstance": "1",
            "context": {"patientId": [{"value": "Patient/ann"}], "actor": [{"value": "Organization/x"}],
                        "purposeOfUse": ["TREAT"], "content": bundle(value)},
        }).replace('"?"', "1.10"),
    )  # fmt: skip
    assert '"value":1.10' in answer.text


async def test_consents_in_a_request_are_refused_unless_the_operator_takes_them(asked):
    answer = await asked.post(consent=[consent("permit")])
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:concord:problem:forbidden")


@pytest.mark.parametrize("asked", [{"CDS_CONSENTS": "sent"}], indirect=True)
async def test_where_they_are_taken_they_stand_in_for_the_known_ones(asked, tmp_path):
    await asked.bring(tmp_path, sourced.patient("ann"), consent("deny"))
    assert (await asked.card(consent=[consent("permit")]))["summary"] == "CONSENT_PERMIT"
    assert (await asked.card(consent=[]))["summary"] == "NO_CONSENT"
    assert (await asked.card(consent=[{"resourceType": "Nonsense"}]))["summary"] == "CONSENT_DENY"


@pytest.mark.parametrize("context", [{"actor": []}, {"purposeOfUse": 1}, {"content": {}}, {"else": 1}])
async def test_a_request_of_another_form_is_refused_with_the_place(asked, context):
    answer = await asked.post(**context)
    assert answer.status_code == 400
    assert answer.json()["where"].startswith("/context")


async def test_one_persons_yes_is_never_anothers(asked, tmp_path):
    await asked.bring(tmp_path, sourced.patient("ann"), sourced.patient("ben"), consent("permit"))
    ann, ben = ({"system": "urn:mrn", "value": f"mrn-{one}"} for one in ("ann", "ben"))
    for both in ([{"value": "Patient/ann"}, {"value": "Patient/ben"}], [ann, ben], [{"value": "Patient/ben"}, ann]):
        answer = await asked.post(patientId=both, content=bundle(sourced.observation("o1", "ben")))
        assert (answer.status_code, answer.json()["where"]) == (400, "/context/patientId")
    card = await asked.card(patientId=[ann, {"value": "Patient/ann"}])
    assert card["summary"] == "CONSENT_PERMIT"


async def test_a_reference_that_two_sources_have_needs_an_identifier(asked, tmp_path):
    await asked.bring(tmp_path, sourced.patient("ann"), consent("permit"))
    other = sourced.patient("ann") | {"identifier": [{"system": "urn:other", "value": "somebody-else"}]}
    file = sourced.write(tmp_path, "other", other)
    await asked.hospital.services.importing.import_fhir(asked.hospital.acting("steward"), file, "Other records")
    assert (await asked.post()).status_code == 400
    assert (await asked.card(patient={"system": "urn:mrn", "value": "mrn-ann"}))["summary"] == "CONSENT_PERMIT"


async def test_research_beside_treatment_is_not_care(asked, tmp_path):
    refusal = build_broad_consent("deny")
    await asked.bring(tmp_path, sourced.patient("ann"), consent("permit"), refusal)
    assert (await asked.card(purposeOfUse=["TREAT"]))["summary"] == "CONSENT_PERMIT"
    for purposes in (["HRESCH"], ["TREAT", "HRESCH"]):
        assert (await asked.card(purposeOfUse=purposes))["summary"] == "CONSENT_DENY", purposes


async def test_a_purpose_that_nobody_knows_is_not_written_to_the_log(asked, tmp_path):
    await asked.bring(tmp_path, sourced.patient("ann"), consent("permit"))
    assert (await asked.post(purposeOfUse=["Jan Peeters born 1950"])).status_code == 400
    await asked.card(purposeOfUse=["TREAT", "JanPeeters1950"])
    [logged] = await asked.hospital.find(LogEntry, kind="consent.consulted")
    said = json.loads(logged.body)
    assert (said["purposes"], said["other_purposes"]) == ([f"{REASONS}TREAT"], 1)


def build_broad_consent(effect):
    """A broad consent that says the same to every policy of its package."""
    package = terms().packages["mdat"]
    period = {"start": "2021-01-01", "end": "2050-01-01"}
    said = [
        {"type": effect, "period": period, "code": [{"coding": [{"system": terms().system, "code": code}]}]}
        for code in [*package.gates, package.window]
    ]
    return sourced.consent(
        "c2", "ann", effect, scope=RESEARCH, dateTime="2021-01-01", policyRule=sourced.OPT_OUT,
        provision={"type": "deny", "period": period, "provision": said},
    )  # fmt: skip


async def test_each_answer_is_in_the_log_and_names_nobody(asked, tmp_path):
    await asked.bring(tmp_path, sourced.patient("ann"), consent("deny"))
    await asked.card()
    [logged] = await asked.hospital.find(LogEntry, kind="consent.consulted")
    assert json.loads(logged.body)["decision"] == "CONSENT_DENY"
    assert "ann" not in str(logged.body)
    assert logged.subject == (await asked.hospital.find(Person))[0].id
