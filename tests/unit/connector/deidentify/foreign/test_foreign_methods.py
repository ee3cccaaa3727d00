"""What each method does to values beyond what the published results show, and where we differ on purpose."""

import json
from datetime import date

import pytest

from connector.deidentify.foreign.report import Refused, Unprocessable
from connector.deidentify.foreign.ruleset import RuleSet, compiled
from connector.deidentify.foreign.shifting import shifted, year_only
from connector.vault.foreign_ciphers import RuleSetKeys
from tests.unit.connector.deidentify.foreign.made import AS_OF, applied, rule, ruled

PATIENT = {"resourceType": "Patient", "id": "p1"}


def patient(**members):
    return {**PATIENT, **members}


def without_labels(resource):
    return {key: value for key, value in resource.items() if key != "meta"}


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("2001-05-06", "2001-05-16"), ("2001-12-25", "2002-01-04"), ("2001-05", None), ("2001", None),
        ("2015-02-07T13:28:17.239+02:00", "2015-02-17T00:00:00.000+02:00"), ("2001-05-06Z", "2001-05-16"),
        ("2001-05-06T13:28:17Z John", "2001-05-16T00:00:00Z"), ("1930-05-06", None), ("John", None),
    ],
)  # fmt: skip
def test_dates_move_by_days_and_lose_the_time_of_day(text, moved):
    assert shifted(text, 10, AS_OF) == moved


@pytest.mark.parametrize(
    ("text", "year"),
    [("2001-05-06", "2001"), ("1937-11-22", "1937"), ("1936-11-22", None), ("0000", None), ("x", None)],
)
def test_a_year_stays_up_to_the_age_of_89(text, year):
    assert year_only(text, date(2026, 11, 22)) == year


def test_a_date_that_would_leave_the_calendar_is_refused():
    rules = ruled(rule("Patient.birthDate", "dateShift"), dateShiftFixedOffsetInDays=30)
    with pytest.raises(Unprocessable):
        applied(rules, patient(birthDate="9999-12-31"))


def test_what_a_date_shift_cannot_move_goes_and_does_not_stop_the_rules_behind():
    rules = ruled(rule("Condition.onset", "dateShift"), rule("Condition.note", "redact"))
    out = applied(rules, {"resourceType": "Condition", "onsetString": "when John was five"})
    assert "onsetString" not in out
    # In Microsoft's engine the rule would have taken the whole contact, and the name would stay.
    both = ruled(rule("Patient.contact", "dateShift"), rule("Patient.contact", "redact"))
    assert without_labels(applied(both, patient(contact=[{"name": {"family": "Levin"}}]))) == PATIENT


@pytest.mark.parametrize(
    ("code", "left"),
    [("12345", "12300"), ("03601", "00000"), ("12", None), ("SW1A 2AA", "SW10 000"), ("123-45", "123-00")],
)
def test_a_postcode_keeps_its_first_three_characters(code, left):
    rules = ruled(
        rule("nodesByType('Address')", "redact"),
        enablePartialZipCodesForRedact=True, restrictedZipCodeTabulationAreas=["036"],
    )  # fmt: skip
    out = applied(rules, patient(address=[{"city": "X", "postalCode": code}]))
    assert out.get("address") == ([{"postalCode": left}] if left else None)


@pytest.mark.parametrize(("years", "left"), [("89", 89), ("90", None), ("89.5", None), ("1200", None)])
def test_an_age_stays_up_to_89(years, left):
    rules = ruled(rule("nodesByType('Age').value", "redact"), enablePartialAgesForRedact=True)
    body = '{"resourceType":"Condition","onsetAge":{"value":' + years + ',"unit":"a"}}'
    out = json.loads(rules.apply(body.encode(), AS_OF))
    assert out["onsetAge"].get("value") == left


def test_of_a_reference_only_the_id_part_is_hashed():
    rules = ruled(
        rule("nodesByType('Reference').reference", "cryptoHash", truncateToMaxLength=8),
        rule("Resource.id", "cryptoHash", truncateToMaxLength=8),
    )
    kinds = {
        "Patient/p1": "Patient/", "http://a.example/fhir/Patient/p1/_history/3": "http://a.example/fhir/Patient/",
        "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0": "urn:uuid:", "#p1": "#",
        "Patient?identifier=http://a|p1": "Patient?identifier=http://a|",
        "Martian/p1": "", "Patient/p1?x=1": "",
    }  # fmt: skip
    own = applied(rules, PATIENT)["id"]
    for text, kept in kinds.items():
        out = applied(rules, {"resourceType": "Observation", "subject": {"reference": text}})["subject"]["reference"]
        assert out.startswith(kept)
        assert "p1" not in out
        if kept and "uuid" not in text:
            assert own in out


def test_a_number_or_date_cannot_hold_a_digest_and_goes():
    rules = ruled(rule("Patient", "cryptoHash"))
    out = applied(rules, patient(birthDate="2001-01-01", active=True, multipleBirthInteger=3, gender="male"))
    assert set(out) == {"resourceType", "id", "gender", "meta"}


def test_two_rule_sets_give_values_that_cannot_be_joined():
    file = ruled(rule("Patient.id", "cryptoHash"), rule("Patient.name.family", "pseudonymize", domain="a")).file
    one, other = (
        applied(RuleSet(file, RuleSetKeys(bytes([key]) * 32)), patient(name=[{"family": "Levin"}])) for key in (1, 2)
    )
    assert one["id"] != other["id"]
    assert one["name"] != other["name"]


def test_the_same_text_in_two_domains_gives_two_pseudonyms():
    rules = ruled(
        rule("Patient.name.family", "pseudonymize", domain="a"), rule("Patient.name.text", "pseudonymize", domain="b")
    )
    (name,) = applied(rules, patient(name=[{"family": "Levin", "text": "Levin"}]))["name"]
    assert len({name["family"], name["text"], "Levin"}) == 3


@pytest.mark.parametrize(("settings", "span"), [({"span": 4}, 2), ({"span": 0.1, "rangeType": "proportional"}, 4)])
def test_perturbing_stays_within_its_span_and_keeps_the_unit(settings, span):
    rules = ruled(rule("Observation.value", "perturb", roundTo=1, **settings), rule("Observation", "redact"))
    quantity = {"value": 80, "unit": "kg", "code": "kg"}
    out = applied(rules, {"resourceType": "Observation", "status": "final", "valueQuantity": quantity})
    assert abs(out["valueQuantity"].pop("value") - 80) <= span
    assert out["valueQuantity"] == {"unit": "kg", "code": "kg"}
    assert "status" not in out


def test_what_cannot_be_perturbed_goes():
    rules = ruled(rule("Observation.value", "perturb", span=1))
    assert "valueString" not in applied(rules, {"resourceType": "Observation", "valueString": "Levin"})


def test_the_first_rule_that_matches_keeps_a_node():
    keep, redact = rule("nodesByType('HumanName').use", "keep"), rule("nodesByType('HumanName')", "redact")
    name = [{"use": "usual", "family": "Levin"}]
    assert applied(ruled(keep, redact), patient(name=name))["name"] == [{"use": "usual"}]
    assert "name" not in applied(ruled(redact, keep), patient(name=name))


def test_labels_are_not_written_twice_and_can_be_left_out():
    security = [{"code": "redacted"}, {"code": "X"}]
    rules = ruled(rule("Patient.name", "redact"))
    out = applied(rules, patient(name=[{"family": "L"}], meta={"security": security}))
    assert out["meta"]["security"] == security
    silent = ruled(rule("Patient.name", "redact"), shouldAddSecurityTag=False)
    assert applied(silent, patient(name=[{"family": "L"}])) == PATIENT


@pytest.mark.parametrize(
    ("resource", "code", "where"),
    [
        ({"resourceType": "Martian"}, "unknown-type", "/"),
        (patient(nickname="Levin"), "unknown-element", "/"),
        (patient(contact=[{"name": {"nick": "Levin"}}]), "unknown-element", "/contact/name"),
        (patient(gender={"text": "Levin"}), "shape", "/gender"),
        (patient(name="Levin"), "shape", "/name"),
        (patient(active="Levin"), "shape", "/active"),
        (patient(contained=[{"resourceType": "Patient", "Levin": 1}]), "unknown-element", "/contained"),
    ],
)
def test_what_is_no_fhir_is_refused_by_its_place_and_never_quoted(resource, code, where):
    with pytest.raises(Refused) as refused:
        applied(ruled(), resource)
    assert (refused.value.code, refused.value.where) == (code, where)
    assert "Levin" not in str(refused.value)


def test_a_resource_that_a_rule_takes_away_wholly_is_refused():
    with pytest.raises(Refused, match="removed"):
        applied(ruled(rule("Patient", "remove")), PATIENT)


def test_numbers_keep_their_digits():
    body = (
        b'{"resourceType":"Observation","valueQuantity":{"value":1.10},"component":[{"valueQuantity":{"value":1e3}}]}'
    )
    rules = compiled('{"fhirPathRules":[]}', RuleSetKeys(bytes(32)))
    for _ in range(3):
        assert rules.apply(body, AS_OF) == body.replace(b" ", b"")


def test_positions_count_from_zero_and_from_the_end():
    names = [{"family": "A"}, {"family": "B"}, {"family": "C"}]
    for path, left in (("Patient.name[0]", "BC"), ("Patient.name.last()", "AB"), ("Patient.name[1]", "AC")):
        out = applied(ruled(rule(path, "redact")), patient(name=names))
        assert "".join(one["family"] for one in out["name"]) == left


def test_siblings_of_a_list_stay_beside_their_values():
    out = applied(
        ruled(rule("Patient.name.given.where($this='Ann')", "redact")),
        patient(name=[{"given": ["Ann", "Bo", None], "_given": [None, {"id": "b"}, {"id": "c"}]}]),
    )
    assert out["name"] == [{"given": ["Bo", None], "_given": [{"id": "b"}, {"id": "c"}]}]


ENDLESS = "^(a|aa)+$"


@pytest.mark.parametrize(
    "one",
    [
        rule(f"Patient.name.where(family.matches('{ENDLESS}'))", "redact"),
        rule(f"Patient.name.where(family.replaceMatches('{ENDLESS}', 'x') = 'y')", "redact"),
    ],
    ids=["matches", "replaceMatches"],
)
def test_a_regular_expression_that_never_ends_is_given_up_and_nothing_leaves(one: dict) -> None:
    with pytest.raises(Refused) as refused:
        applied(ruled(one), patient(name=[{"family": "a" * 200 + "!"}]))
    assert "aaa" not in str(refused.value)


@pytest.mark.parametrize("odd", [{"address": ["x"]}, {"meta": {"tag": ["x"]}}, {"name": [1]}, {"contact": [None]}])
def test_what_is_no_object_where_fhir_has_one_is_refused_or_left_as_it_is(odd: dict) -> None:
    rules = ruled(rule("Patient.birthDate", "redact"))
    for _ in range(3):  # what records have is learned from the first of them
        try:
            assert "birthDate" not in applied(rules, patient(birthDate="1970-01-01", **odd))
        except Refused:
            continue
