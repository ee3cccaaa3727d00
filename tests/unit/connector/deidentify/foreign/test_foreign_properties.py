"""What holds of every rule file and every resource."""

import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.deidentify.foreign.report import Refused
from tests.unit.connector.deidentify.foreign.made import AS_OF, KEYS, Careful, applied, resources, rule, ruled

MR = "type.coding.where(system='x' and code='12345').exists()"
POOL = [
    rule("nodesByType('HumanName')", "redact"),
    rule("nodesByType('HumanName').use", "keep"),
    rule("nodesByType('Address').postalCode", "redact"),
    rule("nodesByType('Extension')", "redact"),
    rule("nodesByType('date')", "dateShift"),
    rule("nodesByType('dateTime')", "dateShift"),
    rule("nodesByType('Identifier')", "redact"),
    rule(f"nodesByType('Identifier').where({MR}).value", "pseudonymize", domain="d"),
    rule("nodesByType('Identifier').where(use = 'x' or value.startsWith('Chal')).value", "cryptoHash"),
    rule("nodesByType('Reference').reference", "cryptoHash", truncateToMaxLength=32),
    rule("nodesByType('Coding').code", "redact"),
    rule("nodesByName('text')", "redact"),
    rule("Resource.id", "cryptoHash"),
    rule("Patient.name[0].given", "redact"),
    rule("Patient.contact.where(gender='x')", "redact"),
    rule("Patient.contact", "remove"),
    rule("Observation.value", "redact"),
    rule("Observation.component", "redact"),
    rule("Patient.name", "substitute", replaceWith={"family": "X"}),
    rule("Patient.name.family", "substitute", replaceWith="Y"),
    rule("Bundle.entry.where(resource is Patient)", "remove"),
    rule("Bundle.entry.fullUrl", "cryptoHash"),
    rule("Bundle.entry.resource.id", "redact"),
    rule("FamilyMemberHistory.condition.onset as Age", "redact"),
    rule("Patient.birthDate", "generalize", cases={"$this < @1950-01-01": "@1950"}, otherValues="keep"),
    rule("Encounter", "redact"),
    rule("Claim.item", "keep"),
    rule("Claim", "redact"),
]
FILES = st.lists(st.sampled_from(POOL), min_size=0, max_size=7)
PARTLY = st.fixed_dictionaries({
    "enablePartialDatesForRedact": st.booleans(), "enablePartialAgesForRedact": st.booleans(),
    "enablePartialZipCodesForRedact": st.booleans(),
})  # fmt: skip
many = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


def made(rules, parameters):
    try:
        return ruled(*rules, **parameters)
    except ValueError:  # a condition behind a rule that changes what it reads: refused, by name
        return None


def outcome(rules, body):
    try:
        return json.loads(rules.apply(body, AS_OF))
    except Refused as refused:
        return refused.code, refused.where


@many
@given(FILES, PARTLY, st.lists(resources(), min_size=1, max_size=3))
def test_the_quick_way_gives_what_the_plan_gives(rules, parameters, records):
    quick = made(rules, parameters)
    if quick is None:
        return
    careful = Careful(quick.file, KEYS)
    for record in records:
        body = json.dumps(record).encode()
        expected = outcome(careful, body)
        for _ in range(4):  # the first ones teach it what members there are
            assert outcome(quick, body) == expected


@many
@given(FILES, resources(), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(rules, record, chance: random.Random):
    made_rules = made(rules, {})
    if made_rules is None:
        return

    def shuffled(value):
        if isinstance(value, dict):
            items = [(key, shuffled(part)) for key, part in value.items()]
            chance.shuffle(items)
            return dict(items)
        return [shuffled(part) for part in value] if isinstance(value, list) else value

    plain, mixed = json.dumps(record).encode(), json.dumps(shuffled(record)).encode()
    assert outcome(made_rules, plain) == outcome(made_rules, mixed)


@many
@given(resources(), PARTLY)
def test_redacting_twice_changes_no_more_than_once(record, parameters):
    kinds = ("HumanName", "Address", "date", "dateTime", "instant", "Identifier", "Age", "Extension")
    rules = ruled(*[rule(f"nodesByType('{kind}')", "redact") for kind in kinds], **parameters)
    once = applied(rules, record)
    assert applied(rules, once) == once


@many
@given(resources(), st.sampled_from(["redact", "cryptoHash", "encrypt", "pseudonymize", "remove"]))
def test_nothing_that_a_rule_matched_comes_through(record, method):
    names = ("string", "markdown", "uri", "url", "canonical", "id", "code", "base64Binary", "xhtml", "oid", "uuid")
    rules = ruled(*[rule(f"nodesByType('{name}')", method) for name in names])
    out = outcome(rules, json.dumps(record).encode())
    text = json.dumps(out)
    for planted in ("Chalmers", "Erewhon", "5555", "Windsor", "a.example"):
        assert planted not in text, planted


@many
@given(FILES, st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["resourceType", "id", "name", "entry", "resource", "_id", "contained", "meta", "x"]),
        inner | st.sampled_from(["Patient", "Bundle"]), max_size=4,
    ), max_leaves=12,
))  # fmt: skip
def test_any_json_gives_json_or_a_refusal(rules, value):
    made_rules = made(rules, {})
    if made_rules is None:
        return
    found = outcome(made_rules, json.dumps(value).encode())
    assert isinstance(found, dict | tuple)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b"null", b'{"resourceType":"Patient"', b"[" * 5000])
def test_what_is_no_json_object_is_refused(body):
    with pytest.raises(Refused) as refused:
        ruled().apply(body, AS_OF)
    assert refused.value.code in {"not-json", "shape", "too-deep"}
