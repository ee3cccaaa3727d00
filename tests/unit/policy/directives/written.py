"""Consents as others write them: any R4 or R5 Consent that says only what its release lets it say."""

from copy import deepcopy

from hypothesis import strategies as st

CODES = "http://terminology.hl7.org/CodeSystem"
REASONS, ROLES, ACT_CODES = f"{CODES}/v3-ActReason", f"{CODES}/v3-ParticipationType", f"{CODES}/v3-ActCode"


def concept(system, code):
    """A CodeableConcept."""
    return {"coding": [{"system": system, "code": code}]}


def one_or_two(values):
    """A list of one or two different values."""
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique_by=str)


actors = one_or_two(
    [
        {"role": concept(ROLES, "IRCP"), "reference": {"reference": "Organization/a"}},
        {"role": concept(ROLES, "PRCP"), "reference": {"reference": "Practitioner/b"}},
        {"role": concept(ROLES, "AUT"), "reference": {"identifier": {"system": "urn:ids", "value": "7"}}},
    ]
)
periods = st.sampled_from(
    [
        {"start": "2022"},
        {"end": "2030-06"},
        {"start": "2021-03-01", "end": "2027-12-31"},
        {"start": "2021-01-01T00:00:00+01:00", "end": "2026-12-31T00:00:00+01:00"},
    ]
)
of_both = {
    "period": periods,
    "actor": actors,
    "action": one_or_two([concept(f"{CODES}/consentaction", one) for one in ("disclose", "access", "use")]),
    "purpose": one_or_two([{"system": REASONS, "code": one} for one in ("TREAT", "HRESCH", "CLINTRCH", "BTG")]),
    "securityLabel": one_or_two([{"system": f"{CODES}/v3-Confidentiality", "code": one} for one in "NRV"]),
    "code": one_or_two([concept("http://loinc.org", one) for one in ("34133-9", "18842-5")]),
    "dataPeriod": periods,
    "data": one_or_two(
        [
            {"meaning": "instance", "reference": {"reference": "Observation/1"}},
            {"meaning": "related", "reference": {"reference": "Encounter/2"}},
        ]
    ),
}
TYPES = [{"system": "http://hl7.org/fhir/resource-types", "code": one} for one in ("Observation", "Condition")]
PAPERS = [{"system": "urn:ietf:bcp:13", "code": "application/hl7-cda+xml"}]
of_r4 = of_both | {"class": one_or_two(TYPES) | one_or_two(PAPERS)}
of_r5 = of_both | {"resourceType": one_or_two(TYPES), "documentType": one_or_two(PAPERS)}


@st.composite
def rules(draw, elements, typed, depth=2):
    """A provision with a few conditions, and a few below it."""
    names = draw(st.lists(st.sampled_from(sorted(elements)), min_size=0 if typed else 1, max_size=2, unique=True))
    found = {name: draw(elements[name]) for name in names}
    if typed:
        found["type"] = draw(st.sampled_from(["permit", "deny"]))
    if depth and draw(st.booleans()):
        found["provision"] = draw(st.lists(rules(elements, typed, depth - 1), min_size=1, max_size=2))
    return found


@st.composite
def r4_consents(draw):
    """A Consent of R4: its base in the root, in the policy rule, or in both."""
    found = {
        "resourceType": "Consent",
        "id": "c1",
        "status": draw(st.sampled_from(["active", "active", "draft", "proposed", "rejected", "inactive"])),
        "scope": concept(f"{CODES}/consentscope", "research"),
        "category": [concept("http://loinc.org", "59284-0")],
        "patient": {"reference": "Patient/1", "display": "somebody"},
        "dateTime": draw(st.sampled_from(["2020-05", "2020-05-01", "2020-05-01T08:00:00+02:00"])),
        "policy": [{"uri": "urn:policy:1"}],
        "provision": draw(rules(of_r4, typed=True)),
    }
    if draw(st.booleans()):
        found["policyRule"] = concept(ACT_CODES, draw(st.sampled_from(["OPTIN", "OPTOUT", "EMRGONLY"])))
        if len(found["provision"]) > 1 and draw(st.booleans()):
            del found["provision"]["type"]
    for name, value in (
        ("performer", [{"reference": "Patient/1"}]),
        ("organization", [{"reference": "Organization/h"}]),
        ("sourceAttachment", {"contentType": "application/pdf", "size": 7, "title": "scan"}),
        ("verification", [{"verified": True, "verificationDate": "2020-05-01"}]),
    ):
        if draw(st.booleans()):
            found[name] = value
    return deepcopy(found)  # what was drawn is shared: whoever changes it must not change the next one


@st.composite
def r5_consents(draw):
    """A Consent of R5."""
    found = {
        "resourceType": "Consent",
        "id": "c1",
        "status": draw(st.sampled_from(["active", "active", "draft", "inactive", "not-done", "entered-in-error"])),
        "category": [concept("http://loinc.org", "59284-0")],
        "subject": {"reference": "Patient/1"},
        "date": "2020-05-01",
        "decision": draw(st.sampled_from(["permit", "deny"])),
    }
    provision = draw(st.lists(rules(of_r5, typed=False), max_size=3))
    if provision:
        found["provision"] = provision
    for name, value in (
        ("period", {"start": "2020", "end": "2031"}),
        ("grantor", [{"reference": "Patient/1"}]),
        ("grantee", [{"reference": "Organization/a"}]),
        ("manager", [{"reference": "Organization/m"}]),
        ("controller", [{"reference": "Organization/h"}]),
        ("policyBasis", {"url": "http://example.org/policy"}),
        ("regulatoryBasis", [concept(ACT_CODES, "INFA")]),
        ("sourceAttachment", [{"contentType": "application/pdf", "size": "7"}, {"title": "the second"}]),
        ("verification", [{"verified": True, "verificationDate": ["2020-05-01", "2021-05-01"]}]),
    ):
        if draw(st.booleans()):
            found[name] = value
    return deepcopy(found)  # what was drawn is shared: whoever changes it must not change the next one
