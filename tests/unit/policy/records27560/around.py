"""Surroundings of the story's consent, and every kind of consent there is."""

from datetime import timedelta

from hypothesis import strategies as st

from policy.categories import CATEGORIES
from policy.consent import ALLOWING, ConsentRecord, State
from policy.records27560 import Surroundings
from tests.unit.policy.story import DATASET, GROUP, HOLDER, NOW, RESEARCH, STUDY, WALLET, Story

ROLES = {HOLDER: ["controller", "source"], GROUP: ["controller", "recipient"], WALLET: ["processor"]}


def party(id, roles, **changes):
    return {"id": id, "name": f"Name of {id}", "address": f"https://{id.rpartition(':')[2]}.example",
            "contacts": ["dpo@example.org"], "roles": roles, "jurisdiction": "DE"} | changes  # fmt: skip


def around(version=1, datasets=(DATASET,), **changes):
    earlier = [
        {"version": one, "state": "given", "at": NOW - timedelta(days=30 - one), "valid_until": NOW + timedelta(9),
         "by": "self"}
        for one in range(1, version)
    ]  # fmt: skip
    facts = {
        "parties": [party(id, roles) for id, roles in ROLES.items()],
        "controllers": [HOLDER, GROUP],
        "notice": {"id": STUDY, "title": "Heart study", "published_at": NOW - timedelta(days=9),
                   "shown_until": NOW + timedelta(days=9)},
        "storage": {"locations": ["At the group"], "countries": ["DE"], "until": NOW + timedelta(days=99),
                    "rule": "Erased within 30 days of a stop"},
        "control": {"url": "https://wallet.example/me/permissions", "words": "Stop it on any day"},
        "jurisdictions": ["DE"],
        "asked_purposes": [RESEARCH],
        "asked_recipients": [GROUP],
        "asked_data": [{"dataset": one, "title": "Records", "source": HOLDER, "categories": None} for one in datasets],
        "rights": [{"article": "A7-3", "title": "Withdraw consent", "url": "https://wallet.example/me"},
                   {"article": "A77", "title": "Complain"}],
        "earlier": earlier,
    }  # fmt: skip
    return Surroundings.read(facts | changes)


DAYS = st.dates()
TEXTS = st.text("abcXYZ äöüßéłœ-:/", min_size=1, max_size=20).map(lambda text: f"x{text.strip()}x")
SHA = st.text("0123456789abcdef", min_size=64, max_size=64)
KINDS = st.none() | st.lists(st.sampled_from(sorted(CATEGORIES)), min_size=1, max_size=4, unique=True)
CAPTURES = st.none() | st.fixed_dictionaries(
    {"channel": st.sampled_from(["portal", "api", "paper", "phone", "desk", "import"])},
    optional={"assistant": TEXTS, "assurance": st.sampled_from(["low", "substantial", "high"]), "interface": TEXTS,
              "evidence": SHA},
)  # fmt: skip
RECORD_ID = st.uuids().map(lambda one: f"urn:uuid:{one}")


@st.composite
def signers(draw):
    kind = draw(st.sampled_from(["self", "proxy", "controller", "authority"]))
    signer = {"kind": kind, "authority": None if kind == "self" else draw(TEXTS)}
    if kind == "proxy":
        signer |= {"until": draw(st.none() | moments()), "record": draw(st.none() | RECORD_ID)}
    return signer


def moments():
    return st.integers(-(10**6), 10**6).map(lambda seconds: NOW + timedelta(seconds=seconds, microseconds=seconds % 7))


@st.composite
def consents(draw):
    """A consent in any state, with everything that one can say."""
    version = draw(st.integers(1, 4))
    firsts = (State.DRAFT, State.REQUESTED, State.DEFERRED, State.REFUSED, State.GIVEN)
    state = draw(st.sampled_from(firsts if version == 1 else tuple(State)))
    names_all = state in ALLOWING or draw(st.booleans())
    datasets = draw(st.lists(TEXTS, min_size=1, max_size=3, unique=True)) if names_all else []
    at = draw(moments())
    claims = Story().record_json(
        id=draw(RECORD_ID), version=version, previous=None if version == 1 else draw(SHA), state=str(state),
        recipients=[GROUP] if names_all else [], purposes=[RESEARCH] if names_all else [],
        data=[{"dataset": one, "categories": draw(KINDS)} for one in datasets],
        window=draw(st.none() | windows()) if datasets else None, decided_at=at,
        valid_until=at + timedelta(seconds=draw(st.integers(1, 10**6))), signer=draw(signers()),
        on_withdrawal=draw(st.sampled_from([None, "erase", "stop"])), capture=draw(CAPTURES),
        replaces=draw(st.lists(TEXTS, max_size=2)),
    )  # fmt: skip
    return ConsentRecord.from_json(claims)


@st.composite
def windows(draw):
    start, end = sorted([draw(DAYS), draw(DAYS)])
    return {"start": draw(st.sampled_from([None, start])), "end": draw(st.sampled_from([None, end]))}


def fitting(record, **changes):
    """Surroundings that know everything the record names."""
    return around(record.version, tuple(one.dataset for one in record.data) or (DATASET,), **changes)
