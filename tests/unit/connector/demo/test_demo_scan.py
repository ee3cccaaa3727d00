"""The last check of the demonstration finds identifiers wherever they hide, and nothing where there are none."""

import gzip
import json
from base64 import b64encode
from datetime import date
from urllib.parse import quote

import pytest

from connector.deidentify import Deidentifier, Rejected, load_profile
from connector.demo.bundles import identifiers, people, resources, shipped
from connector.demo.scan import files_of, scan
from connector.sources.fhir import prepare, read_bundles
from connector.vault.coders import PersonCoder


class NoPseudonyms:
    """A coder that changes nothing: the pseudonymiser switched off."""

    def __init__(self, person: str) -> None:
        self.code, self.days = person or "x", 1

    def person(self, person: str) -> "NoPseudonyms":
        return NoPseudonyms(person)

    def id(self, _resource_type: str, resource_id: str) -> str:
        return resource_id


class Pseudonyms:
    """A real coder per person."""

    def person(self, person: str) -> PersonCoder:
        return PersonCoder(person.encode()[:32].ljust(32, b"."))


@pytest.fixture(scope="module")
def known() -> set[str]:
    return identifiers(shipped())


@pytest.fixture(scope="module")
def patient() -> dict:
    return next(one for one in resources(shipped()) if one["resourceType"] == "Patient")


def released(coder, path) -> list:
    """Three people's records as they would leave, one per line."""
    with path.open("wb") as file:
        for source in list(read_bundles(shipped()))[:3]:
            made = Deidentifier(load_profile("research-standard"), coder, as_of=date(2026, 11, 22))
            for record in prepare(source).records:
                try:
                    file.write(made.apply(record.body, record.subject or "nobody").body + b"\n")
                except Rejected:
                    continue
    return [path]


def test_a_release_holds_no_identifier(known, tmp_path):
    files = released(Pseudonyms(), tmp_path / "with.ndjson")
    assert files[0].stat().st_size > 100_000
    assert scan(known, files) == []


def test_with_the_pseudonymiser_switched_off_the_scan_finds_leaks(known, tmp_path):
    places = scan(known, released(NoPseudonyms(""), tmp_path / "without.ndjson"))
    assert len(places) > 100
    assert {place.file for place in places} == {"without.ndjson"}


def test_the_input_itself_is_full_of_them(known, tmp_path):
    one = tmp_path / "one.json.gz"
    one.write_bytes(sorted(shipped().iterdir())[0].read_bytes())
    assert len(scan(known, [one])) > 10


@pytest.mark.parametrize(
    "disguise",
    [str, str.upper, lambda text: b64encode(f"x{text}".encode()).decode(), quote, lambda text: json.dumps(text)],
    ids=["plain", "capitals", "base64", "url", "json"],
)
def test_every_kind_of_identifier_is_found_in_every_disguise(known, patient, tmp_path, disguise):
    name = patient["name"][0]
    wanted = [f"{name['given'][0]} {name['family']}", patient["telecom"][0]["value"], patient["address"][0]["line"][0]]
    for number, value in enumerate([*wanted, patient["identifier"][0]["value"]]):
        file = tmp_path / f"{number}.log"
        file.write_text(f"something {disguise(value)} something")
        assert scan(known, [file]), f"identifier {number} was not found"


def test_a_birth_date_counts_beside_a_person_only(known, patient, tmp_path):
    beside, clinical = tmp_path / "beside.json", tmp_path / "clinical.json"
    beside.write_text(json.dumps({"birthDate": patient["birthDate"]}))
    clinical.write_text(json.dumps({"effectiveDateTime": patient["birthDate"]}))
    assert len(scan(known, [beside])) == 1
    assert scan(known, [clinical]) == []


def test_a_find_across_the_border_of_two_pieces_is_found_once(known, patient, tmp_path):
    file = tmp_path / "big.bin"
    value = f"{patient['name'][0]['given'][0]} {patient['name'][0]['family']}".encode()
    file.write_bytes(b"." * (4 * 1024 * 1024 - 5) + value + b"." * 100)
    assert len(scan(known, [file])) == 1


def test_packed_files_are_looked_into(known, patient, tmp_path):
    file = tmp_path / "log.gz"
    file.write_bytes(gzip.compress(f'{{"id": "{patient["id"]}"}}'.encode()))
    assert [place.file for place in scan(known, files_of(tmp_path))] == ["log.gz"]


def test_relatives_and_professionals_are_known_too(tmp_path):
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [
        {"resource": {
            "resourceType": "RelatedPerson", "id": "rel-0001", "name": [{"family": "Aunt", "given": ["Maud"]}],
        }},
        {"resource": {"resourceType": "Practitioner", "id": "doc-0001", "telecom": [{"value": "doc@clinic.example"}]}},
        {"resource": {"resourceType": "Patient", "id": "pat-0001", "birthDate": "1980-02-03"}},
    ]}  # fmt: skip
    (tmp_path / "b.json").write_text(json.dumps(bundle))
    assert {"Maud Aunt", "doc@clinic.example", "pat-0001", "1980-02-03"} <= identifiers(tmp_path)


def test_the_people_of_the_input_are_its_patients():
    found = people(shipped())
    assert len(found) == len({one.id for one in found}) == 29
    assert all(one.given and one.family for one in found)
