"""What is written in another way is never certainly something else, whichever operator asks and however many values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.odrl import read
from policy.odrl.evaluating import Request, State, compile_policy
from policy.odrl.evaluating.operators import compared, holds
from policy.odrl.evaluating.truth import any_of, negated, unanimous
from policy.odrl.evaluating.values import folded, same, value
from policy.odrl.model import Literal
from policy.odrl.vocabulary import CONCORD, ODRL

USE, SPATIAL, LANGUAGE = f"{ODRL}use", f"{ODRL}spatial", f"{ODRL}language"
GROUND, EXPLICIT_CONSENT = f"{CONCORD}transferGround", "https://w3id.org/dpv/legal/eu/gdpr#A49-1-a"


def verdict(kind: str, left: str, operator: str, right: object, *known: str) -> str:
    """What a policy says of a use, with a constraint on its permission or on a prohibition beside it."""
    rule = {"action": "use", "target": "urn:t"}
    limited = rule | {"constraint": [{"leftOperand": left, "operator": operator, "rightOperand": right}]}
    rules = {"permission": [rule], "prohibition": []} | {kind: [limited]}
    compiled = compile_policy(read({"@id": "urn:p", "@type": "Set", **rules}))
    return compiled.verdict(Request(USE, "urn:t", "urn:x", {left: tuple(map(Literal, known))}), State()).value


@pytest.mark.parametrize(
    ("left", "one", "other"),
    [
        (SPATIAL, "DE", "de"),
        (SPATIAL, "DE", " DE"),
        (SPATIAL, "https://ex.org/%41", "https://ex.org/A"),
        (SPATIAL, "dpv%3AMarketing", "https://w3id.org/dpv#Marketing"),
        (SPATIAL, "caf\u00e9", "cafe\u0301"),
        (SPATIAL, "urn:" + "x" * 300 + "A", "urn:" + "x" * 300 + "a"),
        (LANGUAGE, "en", "en-GB"),
        (LANGUAGE, "en", "EN_gb"),
        (LANGUAGE, "en-GB", "en"),
        (GROUND, "eu-gdpr:A49-1-a", EXPLICIT_CONSENT),
        (GROUND, EXPLICIT_CONSENT, "EU-GDPR:A49-1-a".lower()),
    ],
)
@pytest.mark.parametrize("kind", ["permission", "prohibition"])
@pytest.mark.parametrize("operator", ["eq", "neq", "isAnyOf", "isNoneOf"])
def test_another_spelling_never_lets_anything_through(kind, operator, left, one, other):
    right = [one] if operator in {"isAnyOf", "isNoneOf"} else one
    assert verdict(kind, left, operator, right, other) == "indeterminate"
    assert verdict(kind, left, operator, right, other, "zz") == "indeterminate"


def test_what_is_something_else_is_so_all_the_same():
    assert verdict("permission", SPATIAL, "neq", "DE", "FR") == "permit"
    assert verdict("prohibition", SPATIAL, "eq", "DE", "FR") == "permit"
    assert verdict("permission", LANGUAGE, "isNoneOf", ["en"], "enm") == "permit"


@pytest.mark.parametrize("operator", ["neq", "isNoneOf"])
def test_a_ground_that_is_excluded_is_not_passed_by_another_beside_it(operator):
    right = [EXPLICIT_CONSENT] if operator == "isNoneOf" else EXPLICIT_CONSENT
    assert verdict("permission", GROUND, operator, right, EXPLICIT_CONSENT, "eu-gdpr:A49-1-a") == "deny"
    assert verdict("permission", GROUND, operator, right, "urn:a", EXPLICIT_CONSENT) == "deny"
    assert verdict("permission", GROUND, operator, right, "urn:a", "urn:b") == "permit"


@pytest.mark.parametrize("operator", ["isA", "isPartOf"])
def test_what_is_only_said_to_be_english_may_be_british_english(operator):
    assert verdict("prohibition", LANGUAGE, operator, "en-GB", "en") == "indeterminate"
    assert verdict("prohibition", LANGUAGE, operator, "en", "en-GB") == "deny"
    assert verdict("prohibition", LANGUAGE, operator, "en", "fr") == "permit"


def test_another_spelling_of_a_whole_is_not_certainly_another_whole():
    state = State(part_of={"urn:ward": frozenset({"urn:Hospital"})})
    asked = (Literal("urn:HOSPITAL"),)
    assert holds("isPartOf", "urn:x", asked, (Literal("urn:Hospital"),), state) is None


texts = st.lists(st.sampled_from(["a", "A", "b", "%61", "c", "d", "e\u0301", "\u00e9"]), min_size=1, max_size=3)


@given(texts, texts, st.sampled_from([None, "en"]))
def test_long_lists_are_looked_up_with_the_answer_of_comparing_each_with_each(mine, theirs, language):
    lefts = tuple(value(Literal(one, None, language)) for one in mine)
    rights = tuple(value(Literal(one)) for one in [*theirs, *(f"urn:{number}" for number in range(70))])
    answer = unanimous(any_of(same(one, other) for other in rights) for one in lefts)
    assert compared("isAnyOf", lefts, rights, State()) is answer
    assert compared("isNoneOf", lefts, rights, State()) is negated(answer)


@given(st.text(max_size=20))
def test_a_folded_text_is_in_every_case_and_composition_the_same(text):
    assert folded(folded(text)) == folded(folded(folded(text)))
    assert folded(text) == folded(f" {text} ")
