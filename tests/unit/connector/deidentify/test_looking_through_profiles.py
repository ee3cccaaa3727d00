"""A profile is looked through before it is used, compared with another one, and tried on records."""

from dataclasses import astuple

import orjson
import pytest

from connector.deidentify import Deidentifier, Rejected, load_profile, read_profile
from connector.deidentify.checking import Lines, check
from connector.deidentify.comparing import difference, leaves, written
from connector.deidentify.coverage import Coverage, Report
from connector.deidentify.profile import packaged_profiles
from tests.unit.connector.deidentify.coders import AS_OF, Domain
from tests.unit.connector.deidentify.filling import filled

OWN = """name = "ward-3"
version = "1"
format = "fhir-r4"
title = "Ward 3"
summary = "What ward 3 lends out."
[terminologies]
"http://loinc.org" = '[0-9]+-[0-9]'
"urn:ward-3" = '[a-z]{3}'
[types.Coding]
system = "system"
code = "coded"
display = "label"
[types.HumanName]
family = "text"
given = ["sealed"]
[resources.Patient]
id = "id"
birthDate = "year"
[[resources.Patient.address]]
city = "label"
country = "country"
[resources.Observation]
id = "id"
subject = "subject"
code = "Coding!"
effectiveDateTime = "month"
valueQuantity = "remove"
"""


def test_a_profile_that_keeps_words_without_meaning_to_is_refused_with_the_line():
    looked = check(OWN)
    assert looked.profile is None
    (fault,) = looked.faults
    assert OWN.splitlines()[fault.line - 1] == 'city = "label"'
    assert fault.words.startswith("Patient.address.city keeps what names somebody")


def test_what_is_marked_is_kept_and_still_warned_of():
    looked = check(OWN.replace("summary", 'keeps = ["Patient.address.city", "Patient.photo"]\nsummary'))
    assert looked.faults == ()
    assert looked.profile.keeps == ("Patient.address.city", "Patient.photo")
    words = " | ".join(warning.words for warning in looked.warnings)
    assert "Patient.address.city is kept (label); research-standard drops it" in words
    assert "keeps names Patient.photo, which is not kept" in words
    assert "codes of urn:ward-3 are kept" in words
    assert "effectiveDateTime" not in words
    assert all(warning.line for warning in looked.warnings)


@pytest.mark.parametrize(
    ("added", "path"),
    [
        ('[[resources.Patient.name]]\nfamily = "text"', "Patient.name.family"),
        ('[resources.Patient.text]\ndiv = "text"', "Patient.text.div"),
        ('[[resources.Patient.identifier]]\nsystem = "system"\nvalue = "coded"', "Patient.identifier.value"),
        ('[[resources.Patient.telecom]]\nvalue = "unit"', "Patient.telecom.value"),
        ('[[resources.Patient.contact]]\nname = "HumanName"', "Patient.contact.name.family"),
        ('[resources.Flag]\nid = "id"\nsubject = "subject"\nnote = "label"', "Flag.note"),
        (
            '[resources.Flag]\nextension = [{ url = "urn:x", valueString = "text" }]',
            "Flag.extension(urn:x).valueString",
        ),
        ('[resources.Flag]\nnickname = "unit"', "Flag.nickname"),
        ('[resources.Flag]\nnumber = "samples"', "Flag.number"),
        ('[resources.Flag]\nward = "region"', "Flag.ward"),
        ('[resources.Flag]\nword = "label"', "Flag.word"),
        ('[resources.FamilyMemberHistory]\nbornDate = "moment"', "FamilyMemberHistory.bornDate"),
        ('[[r5.resources.Patient.name]]\nfamily = "text"', "Patient.name.family"),
    ],
)
def test_names_numbers_narrative_and_free_text_are_kept_on_purpose_only(added, path):
    text = OWN.replace('city = "label"\n', "") + added + "\n"
    faults = check(text).faults
    assert any(fault.words.startswith(f"{path} keeps") and fault.line for fault in faults), faults
    assert check(f'keeps = ["{path.rpartition(".")[0]}"]\n{text}').faults == ()


def test_nothing_of_what_comes_along_is_at_fault_and_only_a_postcode_is_more():
    for name in packaged_profiles():
        looked = check(load_profile(name).text)
        assert looked.faults == ()
        assert {warning.words for warning in looked.warnings} <= {
            "Patient.address.postalCode is kept (postcode); research-standard drops it"
        }


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [('id = "id"\nbirthDate', 'id = "ident"\nbirthDate', 17), ('"Coding!"', '"Codng!"', 25), ('version = "1"', "", 0),
     ("[types.Coding]", "[types.Coding", 9), ('family = "text"', 'family = ["text"]', 14), ("[a-z]{3}'", "[a-z'", 8)],
)  # fmt: skip
def test_a_fault_is_told_with_its_line(old, new, line):
    assert old in OWN
    looked = check(OWN.replace(old, new))
    assert looked.profile is None
    assert line in [fault.line for fault in looked.faults]


def test_a_looser_rule_is_warned_of():
    text = OWN.replace('city = "label"\n', "").replace('"month"', '"moment"')
    assert "Observation.effectiveDateTime is kept as moment; research-standard has date" in [
        warning.words for warning in check(text).warnings
    ]


def test_lines_are_found_by_place_also_inside_and_of_later_releases():
    lines = Lines('a = 1\n[b."c.d"]\n"e" = 2\n[[f.g]]\nh = 3\n[r5.f]\nh = 4\n')
    assert [lines.of(place) for place in ("a", "b.c.d.e", "f.g.h", "f.g.h.i", "z", "f.h")] == [1, 3, 5, 5, 0, 7]
    assert lines.of("f.h", "", "R5") == 7


def test_two_profiles_are_compared_element_by_element():
    own = read_profile(OWN)
    text = OWN.replace('"month"', '"calendar year"').replace('city = "label"\n', 'state = "region"\n')
    text = text.replace('country = "country"\n', "").replace("\"urn:ward-3\" = '[a-z]{3}'\n", "")
    other = read_profile(text.replace("summary", 'regions = ["Bern"]\nsummary'))
    told = difference(own, other)
    assert [astuple(one) for one in told.kept] == [("Patient.address.state", "", "region")]
    assert [astuple(one) for one in told.dropped] == [
        ("Patient.address.city", "label", ""),
        ("Patient.address.country", "country", ""),
    ]
    assert [astuple(one) for one in told.changed] == [("Observation.effectiveDateTime", "month", "calendar year")]
    assert [astuple(one) for one in told.lists] == [
        ("terminologies: urn:ward-3", "[a-z]{3}", ""),
        ("regions: Bern", "", "listed"),
    ]
    assert difference(own, own) == type(told)()


def test_what_a_profile_says_is_told_as_its_file_says_it():
    said = written(load_profile("research-standard"))
    assert (said["Observation.effectivePeriod"], said["Period.start"]) == ("Period", "date")
    assert (said["Observation.component"], said["Observation.component.code"]) == ("[part]", "CodeableConcept")
    assert "Encounter.actualPeriod" in written(load_profile("research-standard"), "R5")
    paths = [one.path for one in leaves(load_profile("research-standard"))]
    assert len(paths) == len(set(paths)) > 1000
    assert "Claim.item.detail.subDetail.net.value" in paths


def covered(records: list[dict], name: str = "research-standard", release: str = "R4") -> Report:
    profile = load_profile(name)
    counting, deidentifier = Coverage(profile, release), Deidentifier(profile, Domain(), as_of=AS_OF, release=release)
    for record in records:
        body = orjson.dumps(record)
        try:
            counting.add(body, deidentifier.apply(body, "p").body)
        except Rejected as refusal:
            counting.add(body, refusal.code)
    return counting.report()


def test_coverage_counts_what_became_of_every_element_and_names_no_value():
    concept = {
        "coding": [{"system": "http://loinc.org", "code": "8480-6"}, {"system": "urn:x", "code": "Anna"}],
        "text": "A",
    }
    observation = {
        "resourceType": "Observation", "id": "o", "status": "final", "subject": {"reference": "Patient/p"},
        "code": concept, "effectiveDateTime": "2021-05-03", "performer": [{"display": "Anna"}], "annaBerg": 1,
        "Anna Berg": 2,
        "encounter": {"reference": "Practitioner/1", "display": "Anna"},
        "contained": [{"resourceType": "Specimen", "id": "s", "note": []}, {"resourceType": "Person", "id": "x"}],
    }  # fmt: skip
    claim = {"resourceType": "Claim", "id": "c", "patient": {"reference": "Patient/p"}, "provider": {"display": "Anna"},
             "created": "1901-01-01"}  # fmt: skip
    told = covered(
        [observation, observation, claim, {"resourceType": "Practitioner", "id": "1"}, {"resourceType": "X y"}]
    )
    rows = {
        row.path: (row.seen, row.kept, row.changed, row.masked, row.dropped) for row in [*told.listed, *told.unknown]
    }
    assert rows["Observation.status"] == (2, 2, 0, 0, 0)
    assert rows["Observation.code.coding.code"] == (4, 2, 0, 0, 2)
    assert rows["Observation.effectiveDateTime"] == (2, 0, 2, 0, 0)
    assert rows["Observation.encounter.reference"] == (2, 0, 0, 0, 2)
    assert rows["Claim.created"] == (1, 0, 0, 1, 0)
    assert rows["Claim.provider"] == (1, 0, 0, 1, 0)
    unknown = {row.path for row in told.unknown}
    assert unknown >= {
        "Observation.code.text", "Observation.performer", "Observation.annaBerg", "Observation.encounter.display",
        "Observation.(not a FHIR name)", "Observation.contained(Person)",
    }  # fmt: skip
    assert all(row.seen == row.dropped and not row.rule for row in told.unknown)
    assert (told.records, told.released) == (5, 3)
    assert told.refused == {"Practitioner: withheld-type": 1, "(not a FHIR name): unknown-type": 1}
    assert "Observation.issued" in told.unused
    assert "Observation.status" not in told.unused


@pytest.mark.parametrize("release", ["R4", "R5"])
@pytest.mark.parametrize("name", ["research-standard", "research-minimal", "safe-harbor"])
def test_coverage_of_filled_records_has_every_listed_element_and_drops_none_of_them(name, release):
    profile = load_profile(name)
    told = covered([filled(profile, kind, release) for kind in profile.shapes(release)], name, release)
    assert told.unused == []
    assert [row.path for row in told.listed if row.dropped and not row.path.endswith("subject")] == []
    assert len(told.unknown) > 10 * len(profile.shapes(release))
