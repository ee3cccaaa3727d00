"""Matching people of two sources inside the vault: who is found, what is opened for it, and what is kept."""

from __future__ import annotations

import pytest

from connector.problems import Problem
from connector.records import LogEntry, MatchingEntry
from connector.vault import SealBrokenError
from tests.two_party import sourced


def person(id: str, family: str, given: str, born: str, **more):
    name = [{"family": family, "given": [given]}]
    return {"resourceType": "Patient", "id": id, "name": name, "birthDate": born, "gender": "female"} | more


HERE = [
    person("h1", "Müller", "Anna", "1970-02-03", address=[{"postalCode": "9000"}]),
    person("h2", "Berg", "Ada", "1981-05-06", address=[{"postalCode": "9000"}]),
    person("h3", "Smith", "Jane", "1990-01-01", identifier=[{"system": "urn:nrn", "value": "90.01.01-123.45"}]),
    person("h4", "Alone", "Zoe", "1955-12-24"),
]
THERE = [
    person("l1", "MULLER", "Ann", "1970-02-03", address=[{"postalCode": "9000"}]),
    person("l2", "Berg", "Ada", "1950-09-09", address=[{"postalCode": "1000"}]),
    person("l3", "Smith-Jones", "J.", "1990-01-01", identifier=[{"system": "urn:nrn", "value": "900101-12345"}]),
    person("l5", "Other", "Eve", "1981-05-06", address=[{"postalCode": "9000"}]),
]


@pytest.fixture
async def matching(hospital, tmp_path):
    for name, people in (("Records", HERE), ("Laboratory", THERE)):
        file = sourced.write(tmp_path / name, "people", *people)
        report = await hospital.services.importing.import_fhir(hospital.acting("steward"), file, name)
        assert not report.refused
    return hospital.services.matching


async def test_who_agrees_in_enough_is_found_and_who_only_shares_a_name_or_a_day_is_not(hospital, matching):
    found = await matching.compare(hospital.acting("steward"), "Records", "Laboratory")
    pairs = {(pair.number, pair.other): pair for pair in found.pairs}
    assert set(pairs) == {("h1", "l1"), ("h3", "l3")}
    assert pairs["h1", "l1"].agree == ["family", "birth", "gender", "postcode"]
    assert pairs["h1", "l1"].differ == ["given"]
    assert "identifier" in pairs["h3", "l3"].agree
    assert (found.people, found.others) == (4, 4)


async def test_only_candidates_are_opened_and_each_look_is_logged_without_anybodys_values(hospital, matching):
    found = await matching.compare(hospital.acting("dpo"), "Records", "Laboratory")
    assert found.opened < found.people + found.others  # "Alone" meets nobody
    [entry] = await hospital.find(LogEntry, kind="vault.matched")
    for word in ("Müller", "muller", "1970", "h1", "9000"):
        assert word not in (entry.body or "")


async def test_what_is_kept_tells_nothing_and_opens_nowhere_else(hospital, matching):
    await matching.compare(hospital.acting("steward"), "Records", "Laboratory")
    entries = await hospital.find(MatchingEntry)
    kept = b"".join(one.sealed for one in entries) + "".join(f"{one.pseudonym}{one.block}" for one in entries).encode()
    for word in (b"uller", b"1970", b"9000", b"h1"):
        assert word not in kept.lower()
    sealed = [one for one in entries if one.sealed]
    box = hospital.context.vault.box("matching")
    assert box.open(f"{sealed[0].source}|{sealed[0].pseudonym}", sealed[0].sealed)
    with pytest.raises(SealBrokenError):
        box.open(f"{sealed[1].source}|{sealed[1].pseudonym}", sealed[0].sealed)
    with pytest.raises(SealBrokenError):
        hospital.context.vault.box("quarantine").open(f"{sealed[0].source}|{sealed[0].pseudonym}", sealed[0].sealed)


async def test_pseudonyms_of_two_sources_have_nothing_in_common(hospital, matching):
    await matching.compare(hospital.acting("steward"), "Records", "Laboratory")
    by_source = {}
    for one in await hospital.find(MatchingEntry):
        by_source.setdefault(one.source, set()).add(one.pseudonym)
    first, second = by_source.values()
    assert first.isdisjoint(second)


async def test_somebody_who_stands_in_one_source_twice_is_found_once(hospital, matching, tmp_path):
    twice = person("h9", "Muller", "Anna", "1970-02-03", address=[{"postalCode": "9000"}])
    file = sourced.write(tmp_path / "more", "more", twice)
    await hospital.services.importing.import_fhir(hospital.acting("steward"), file, "Records")
    found = await matching.compare(hospital.acting("steward"), "Records", "Records")
    assert [{pair.number, pair.other} for pair in found.pairs] == [{"h1", "h9"}]


async def test_a_correction_counts_at_the_next_look_and_nothing_of_before_is_kept(hospital, matching, tmp_path):
    steward = hospital.acting("steward")
    await matching.compare(steward, "Records", "Laboratory")
    before = len(await hospital.find(MatchingEntry))
    right = person("l1", "Quite", "Different", "1933-03-03")
    await hospital.services.importing.import_fhir(steward, sourced.write(tmp_path / "c", "c", right), "Laboratory")
    found = await matching.compare(steward, "Records", "Laboratory")
    assert {(pair.number, pair.other) for pair in found.pairs} == {("h3", "l3")}
    assert len(await hospital.find(MatchingEntry)) < before


async def test_only_staff_of_the_records_compare_and_a_source_must_be_there(hospital, matching):
    with pytest.raises(Problem) as refused:
        await matching.compare(hospital.acting("researcher"), "Records", "Laboratory")
    assert refused.value.status == 403
    with pytest.raises(Problem) as refused:
        await matching.compare(hospital.acting("steward"), "Records", "Nowhere")
    assert refused.value.status == 404
