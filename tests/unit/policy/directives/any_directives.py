"""Consents as found at a source, requests and records of every kind, drawn by Hypothesis.

Trees of up to four levels with every element, of both releases' kinds, with parts nobody understands; few names, so
that rules, requests and records often meet. `plain` ones hold nothing unknown.
"""

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from policy.directives.asking import ACTION_SYSTEM, Asking
from policy.directives.model import (
    Actor,
    Coding,
    DataReference,
    Directive,
    Effect,
    Emergency,
    Period,
    Provision,
    Release,
)
from policy.purposes import ACT_REASON
from policy.residual import ItemFacts
from policy.rules import ItemDetail

NOW = datetime(2022, 7, 1, 12, tzinfo=UTC)
PATIENT, OTHER_PATIENT = "Patient/1", "Patient/2"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
REASONS = ACT_REASON.removesuffix("#")
ROLES = f"{TERMINOLOGY}/v3-ParticipationType"
CONFIDENTIALITY = f"{TERMINOLOGY}/v3-Confidentiality"
LOINC = "http://loinc.org"
TYPES = "http://hl7.org/fhir/resource-types"
PROFILE = "http://example.org/profile/weight"
FOREIGN = "http://example.org/purposes"

PURPOSES = [
    *(Coding(REASONS, code) for code in ("TREAT", "HRESCH", "CLINTRCH", "HMARKT", "BTG", "ETREAT", "HPAYMT")),
    Coding(FOREIGN, "Audit"),
    Coding(REASONS, "NOTINVENTED"),
]
LABELS = [Coding(CONFIDENTIALITY, code) for code in "NRV"]
CODES = [Coding(LOINC, code) for code in ("1-1", "2-2", "3-3")]
PEOPLE = ["Practitioner/1", "Practitioner/2", "Organization/1", "Group/1"]
STRANGER = "Practitioner/stranger"
DAYS = ["2020", "2021-06", "2022-01-01", "2022-07-01", "2023-02"]
KINDS = ["Observation", "Condition", "Encounter", "Patient"]
REFERENCES = ["Observation/1", "Encounter/1", "Task/1"]

effects = st.sampled_from([Effect.PERMIT, Effect.DENY])


def some(values, most=2):
    """A few of them, or none asked."""
    return st.none() | st.lists(st.sampled_from(values), min_size=1, max_size=most, unique=True).map(tuple)


@st.composite
def periods(draw):
    """A period with at least one end, now and then one that ends before it begins."""
    start, end = draw(st.none() | st.sampled_from(DAYS)), draw(st.none() | st.sampled_from(DAYS))
    return Period(start=start or (None if end else "2021"), end=end)


def roles(*codes):
    """The roles of an actor, one coding each."""
    return st.sampled_from([(Coding(ROLES, code),) for code in codes])


@st.composite
def actors(draw, stranger=True):
    """An actor in some role; most are recipients."""
    role = draw(roles("IRCP", "IRCP", "PRCP", "CST", "AUT", "GUARD", *(["WITNESS"] if stranger else [])))
    return Actor(role, draw(st.sampled_from([*PEOPLE, *([STRANGER] if stranger else [])])))


actions = st.sampled_from([(Coding(ACTION_SYSTEM, one),) for one in ("access", "disclose", "use")])
data = st.builds(
    lambda meaning, reference: DataReference(meaning, reference),
    st.sampled_from(["instance", "related", "dependents", "authoredby"]),
    st.sampled_from([*REFERENCES, *PEOPLE[:2]]),
)


@st.composite
def provisions(draw, pointer="/provision", depth=3, plain=False, rooted=False):
    """A rule with what is nested in it."""
    often = st.integers(0, 4).map(lambda found: found == 0)
    listed = PURPOSES[:-1] if plain else PURPOSES
    count = draw(st.integers(0, 2 if depth else 0)) if depth < 3 else draw(st.integers(0, 3))
    nested = tuple(
        draw(provisions(f"{pointer}/provision/{number}", depth - 1, plain)) for number in range(count if depth else 0)
    )
    unknown = ("",) if plain else ("", "", "", "", "/purpose/0", "/securityLabel", "/modifierExtension/0", "/code/0")
    names = draw(st.sampled_from(unknown)) if not rooted else ""
    return Provision(
        effect=draw(st.none() | effects),
        pointer=pointer,
        period=draw(periods()) if draw(often) else None,
        actors=tuple(draw(st.lists(actors(not plain), min_size=1, max_size=2))) if draw(often) else None,
        actions=tuple(draw(st.lists(actions, min_size=1, max_size=2))) if draw(often) else None,
        purposes=draw(some(listed, 3)),
        classes=draw(some([Coding(TYPES, "Observation"), Coding("urn:x", PROFILE)])) if draw(often) else None,
        resource_types=draw(some([Coding(TYPES, kind) for kind in KINDS])) if draw(often) else None,
        document_types=draw(some(CODES)) if draw(often) else None,
        codes=tuple((one,) for one in draw(some(CODES)) or ()) or None if draw(often) else None,
        data_period=draw(periods()) if draw(often) else None,
        data=tuple(draw(st.lists(data, min_size=1, max_size=2))) if draw(often) else None,
        labels=draw(some(LABELS)),
        nested=nested,
        unknown=(f"{pointer}{names}",) if names else (),
    )


@st.composite
def directives(draw, name="1", plain=False, root=None):
    """A consent; most are in force and about the patient."""
    tree = draw(root if root is not None else provisions(plain=plain, rooted=draw(st.integers(0, 5)) > 0))
    base = draw(effects)
    rarely = st.integers(0, 9).map(lambda found: found == 0)
    both = () if plain or not draw(rarely) else (("/policyRule", draw(effects)),)
    return Directive(
        id=f"Consent/{name}#{draw(st.integers(1, 2)) if draw(rarely) else 1}",
        release=Release.R4,
        status="active" if draw(st.integers(0, 5)) else draw(st.sampled_from(["inactive", "draft", "rejected"])),
        subjects=(PATIENT,) if draw(st.integers(0, 9)) else (OTHER_PATIENT,),
        decided_at=draw(st.sampled_from([None, "2020-05-01", "2021", "2022-06-30", "2022-07-02"])),
        scope=draw(st.sampled_from([(), (), (Coding(f"{TERMINOLOGY}/consentscope", "patient-privacy"),)])),
        categories=(),
        bases=(("/provision/type", base), *both),
        emergency_only=base is Effect.DENY and draw(rarely),
        root=tree,
        replaces=(f"Consent/{draw(st.integers(1, 3))}",) if draw(rarely) else (),
        unknown=("/modifierExtension",) if not plain and draw(st.integers(0, 19)) == 0 else (),
    )


@st.composite
def several(draw, plain=False, most=3):
    """Up to three consents."""
    return tuple(draw(directives(str(number), plain)) for number in range(1, draw(st.integers(1, most)) + 1))


emergencies = st.none() | st.builds(
    Emergency,
    declared_at=st.sampled_from([NOW, NOW - timedelta(hours=1), NOW + timedelta(hours=1)]),
    until=st.sampled_from([NOW, NOW + timedelta(hours=3)]),
    group=st.sampled_from([True, True, True, False]),
    reason=st.sampled_from([True, True, True, False]),
    second_factor=st.sampled_from([True, True, True, False]),
)


@st.composite
def askings(draw):
    """A request for the patient's data."""
    return Asking(
        now=NOW,
        subjects=frozenset({PATIENT}),
        requester=frozenset(draw(st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=2))),
        purposes=tuple(
            f"{one.system}#{one.code}" for one in draw(st.lists(st.sampled_from(PURPOSES), max_size=2, unique=True))
        ),
        action=draw(st.none() | actions.map(lambda concept: concept[0])),
        known_actors=frozenset(PEOPLE),
        custodians=draw(st.sampled_from([frozenset(), frozenset({"Organization/1"})])),
        care=draw(st.booleans()),
        emergency=draw(emergencies),
        zone=draw(st.sampled_from(["UTC", "Europe/Berlin"])),
    )


def few(values, most=2):
    """A set of a few."""
    return st.lists(st.sampled_from(values), max_size=most).map(frozenset)


details = st.none() | st.builds(
    ItemDetail,
    references=few(REFERENCES, 1),
    profiles=few([PROFILE], 1),
    codes=few(CODES),
    document_types=few(CODES, 1),
    labels=st.none() | few(LABELS),
    authors=few(PEOPLE[:2], 1),
    related=few(REFERENCES, 1),
    hollow=st.just(False),  # only what a reader of resources finds out; `test_hardened_judging` has it
)
dates = st.none() | st.sampled_from([date(2019, 1, 1), date(2021, 6, 15), date(2022, 1, 1), date(2022, 7, 1)])
items = st.builds(ItemFacts, st.sampled_from(KINDS), st.just(""), dates, dates, st.just("urn:d"), details)
