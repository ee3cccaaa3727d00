"""Consents as FHIR writes them, requests and records, for tests that read like the reference."""

from dataclasses import replace
from datetime import UTC, date, datetime

from policy.decision import Outcome
from policy.directives.asking import ACTION_SYSTEM, Asking
from policy.directives.model import Coding
from policy.directives.reading import read_directive
from policy.directives.several import ask_directives
from policy.purposes import ACT_REASON
from policy.residual import ItemFacts, Residual
from policy.rules import ItemDetail

HL7 = "http://terminology.hl7.org/CodeSystem"
CONFIDENTIALITY = f"{HL7}/v3-Confidentiality"
LOINC = "http://loinc.org"
NOW = datetime(2022, 7, 1, 12, tzinfo=UTC)
PATIENT, NURSE, CLERK, HOUSE, TEAM = "Patient/1", "Practitioner/1", "Practitioner/2", "Organization/1", "Group/1"
TREAT, RESEARCH, TRIAL, MARKETING, BREAK_GLASS, PAYMENT = (
    f"{ACT_REASON}{code}" for code in ("TREAT", "HRESCH", "CLINTRCH", "HMARKT", "BTG", "HPAYMT")
)

ASKING = Asking(
    now=NOW,
    subjects=frozenset({PATIENT}),
    requester=frozenset({NURSE}),
    purposes=(TREAT,),
    known_actors=frozenset({NURSE, CLERK, HOUSE, TEAM}),
    action=Coding(ACTION_SYSTEM, "access"),
)


def purpose(*codes):
    """Purposes of use, as a provision lists them."""
    return {"purpose": [{"system": f"{HL7}/v3-ActReason", "code": code} for code in codes]}


def label(*codes):
    """Security labels, as a provision lists them."""
    return {"securityLabel": [{"system": CONFIDENTIALITY, "code": code} for code in codes]}


def actor(reference, role="IRCP"):
    """One actor."""
    coding = {"system": f"{HL7}/v3-ParticipationType", "code": role}
    return {"role": {"coding": [coding]}, "reference": {"reference": reference}}


def r4(provision, **elements):
    """A consent of R4 in force."""
    return read_directive(
        {
            "resourceType": "Consent",
            "id": elements.pop("id", "1"),
            "status": "active",
            "scope": {"coding": [{"system": f"{HL7}/consentscope", "code": "patient-privacy"}]},
            "category": [{"coding": [{"system": LOINC, "code": "59284-0"}]}],
            "patient": {"reference": PATIENT},
            "dateTime": "2022-01-01",
            "policy": [{"uri": "http://example.org/policy"}],
            **({} if provision is None else {"provision": provision}),
            **elements,
        }
    )


def r5(decision, provisions, **elements):
    """A consent of R5 in force."""
    return read_directive(
        {
            "resourceType": "Consent",
            "id": elements.pop("id", "1"),
            "status": "active",
            "category": [{"coding": [{"system": LOINC, "code": "59284-0"}]}],
            "subject": {"reference": PATIENT},
            "date": "2022-01-01",
            "decision": decision,
            "provision": provisions,
            **elements,
        }
    )


def asking(**other):
    """The request of a nurse for treatment, changed."""
    return replace(ASKING, **other)


def record(*labels, kind="Observation", day=date(2022, 3, 1), labelled=True, **detail):
    """A record with these confidentiality codes."""
    codes = frozenset(Coding(CONFIDENTIALITY, code) for code in labels) if labelled else None
    return ItemFacts(kind, "", day, day, "urn:d", ItemDetail(labels=codes, **detail))


def answer(*directives, **request):
    """What they say."""
    return ask_directives(asking(**request), directives)


def outcome(*directives, **request):
    """Only the outcome."""
    return answer(*directives, **request).outcome


def leaves(item, *directives, **request):
    """Whether a record leaves."""
    said = answer(*directives, **request)
    return said.outcome is Outcome.PERMIT and Residual.of(said.scopes, said.rules).judge(item) == 0
