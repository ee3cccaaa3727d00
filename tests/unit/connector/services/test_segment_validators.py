"""The validator of a segment changes with everything its bytes follow from, and with nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.records import Agreement, Release
from connector.services.releasing.contract import Contract
from connector.services.releasing.deciding import Judged
from connector.services.releasing.selecting import Chosen, Record
from connector.services.releasing.validators import inputs_of, proof_of, validator
from connector.vault.coders import KeyedIds, PersonCoder
from contracts.terms import BoundTerms
from policy.decision import Action, Decision, Outcome, Regime
from policy.facts import Facts, Question
from policy.residual import ALLOW_ALL, ALLOW_NOTHING, Residual, Scope

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEYED = KeyedIds(b"k" * 32)
CONTRACT = Contract(
    transfer="t", agreement=Agreement(id="urn:a", role="provider", counterparty="r", negotiation="n", dataset="d"),
    dataset="d", source="s", recipient="r", action=Action.RELEASE, policy=None, terms=BoundTerms(), purposes=(),
    approved=True, profile=None, selection=None, belongs=ALLOW_ALL, selected=ALLOW_ALL,
)  # fmt: skip
RELEASE = Release(id="urn:r", transfer="t", agreement="urn:a", as_of=date(2026, 1, 1))

texts = st.text(max_size=8)
records = st.lists(
    st.builds(lambda kind, id, body: Record((True, kind, id), kind, id, body), texts, texts, st.binary(max_size=20)),
    max_size=4,
)
people = st.builds(
    lambda subject, some, names: Chosen(subject, some, Counter(), tuple(names)),
    texts,
    records,
    st.lists(texts, max_size=3),
)


def judged(residual: Residual = ALLOW_ALL, basis: tuple[str, str, tuple[str, ...]] = ("l", "w", ("c",))) -> Judged:
    question = Question(regime=Regime.CONSENT, action=Action.RELEASE, now=NOW, requester="r", dataset="d")
    return Judged("p", "l", "w", basis, Decision(Outcome.PERMIT, (), residual), question, Facts())


def id_of(chosen: Chosen, who: Judged | None = None, key: bytes = b"p" * 32, **changes: object) -> str:
    proof = proof_of(who or judged(), PersonCoder(key), chosen)
    return validator(KEYED, CONTRACT, replace(RELEASE, **changes), [proof], "", False)  # type: ignore[arg-type]


@given(people, people)
def test_two_selections_have_one_digest_exactly_when_they_are_the_same(one: Chosen, other: Chosen):
    same = (one.subject, one.identifiers) == (other.subject, other.identifiers) and [
        (a.kind + "/" + a.id, a.body) for a in one.records
    ] == [(a.kind + "/" + a.id, a.body) for a in other.records]
    assert (inputs_of(one) == inputs_of(other)) == same


@given(people)
def test_what_was_held_back_of_a_person_is_not_in_it(chosen: Chosen):
    assert id_of(chosen) == id_of(replace(chosen, withheld=Counter({"leak": 3})))


@pytest.mark.parametrize(
    "other",
    [
        lambda it: id_of(it, as_of=date(2026, 1, 2)),
        lambda it: id_of(it, format="application/fhir+json"),
        lambda it: id_of(it, judged(ALLOW_NOTHING)),
        lambda it: id_of(it, judged(Residual.of([Scope(None, ("laboratory",), None, None)]))),
        lambda it: id_of(it, judged(basis=("l", "w", ("c", "d")))),
        lambda it: id_of(it, judged(basis=("l", "", ("c",)))),
        lambda it: id_of(it, key=b"q" * 32),
    ],
    ids=["day", "format", "nothing allowed", "less allowed", "another consent", "wallet not heard", "another code"],
)
def test_it_changes_with_what_it_rests_on(other):
    it = Chosen("s", [Record((True, "A", "1"), "A", "1", b"x")])
    assert other(it) != id_of(it)
    assert id_of(it) == id_of(Chosen("s", list(it.records)))


def test_it_is_keyed_and_long_enough():
    it = Chosen("s", [])
    proof = proof_of(judged(), PersonCoder(b"p" * 32), it)
    ids = {validator(KeyedIds(key * 32), CONTRACT, RELEASE, [proof], "", False) for key in (b"a", b"b")}
    assert len(ids) == 2
    assert all(len(id) == 32 and int(id, 16) for id in ids)
