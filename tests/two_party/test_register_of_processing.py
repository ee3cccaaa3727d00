"""The register of processing (GDPR art. 30) is generated from what is agreed and offered, signed and dated."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import pytest

from connector.identity.members import Place
from connector.identity.statements import StatementType, read_statement
from connector.problems import Problem
from connector.records import Agreement, LogEntry, Source
from tests.two_party import story


@pytest.fixture
async def agreed(trio):
    """A hospital and a research group with one contract; (trio, agreement)."""
    await trio.hospital.add(Source(id="records", name="Ward records", kind="fhir"))
    agreement, _ = await story.agreed(trio.research, trio.hospital)
    return trio, agreement


async def shown(party):
    return await party.services.rights.registers.show(party.acting("dpo"))


def of_kind(register, kind):
    return [one for one in register.activities if one.kind == kind]


async def test_a_contract_is_an_activity_of_both_sides(agreed):
    trio, agreement = agreed
    for party, role in ((trio.hospital, "provides"), (trio.research, "receives")):
        [activity] = of_kind(await shown(party), "contract")
        assert activity.id == agreement
        assert role in activity.role
        assert "Research One" in activity.recipients
        assert activity.purposes
        assert any("deleted within" in one for one in activity.erased)
        assert activity.terms


async def test_what_is_offered_and_kept_stands_in_it_too(agreed):
    trio, _ = agreed
    register = await shown(trio.hospital)
    assert [one.name for one in of_kind(register, "offer")] == ["Offer Records in the catalogue"]
    assert [one.name for one in of_kind(register, "source")] == ["Keep Ward records"]
    assert of_kind(await shown(trio.wallet), "wallet")


async def test_the_times_are_those_of_the_contract(agreed):
    trio, agreement = agreed
    times = {"stop": 7200, "erase": 5 * 86400, "backups": 86400 * 10, "freshness": 3600}
    await trio.hospital.store.write(lambda tx: tx.alter(Agreement, {"deadlines": times}, id=agreement))
    [activity] = of_kind(await shown(trio.hospital), "contract")
    assert "use ends within 2 hours, deleted within 5 days, backups gone within 10 days" in " ".join(activity.erased)


async def test_a_place_abroad_stands_with_its_ground_or_the_lack_of_one(agreed):
    trio, _ = agreed
    await trio.hospital.context.members.set_place(trio.research.id, Place(jurisdiction="DE", hosting=("DE", "IN")))
    [activity] = of_kind(await shown(trio.hospital), "contract")
    assert [(one.country, one.ground) for one in activity.abroad] == [("IN", "NO GROUND ON FILE")]
    assert any("DE, IN" in one for one in activity.places)
    await trio.hospital.context.members.set_place(trio.research.id, Place(jurisdiction="CH", hosting=("CH",)))
    [activity] = of_kind(await shown(trio.hospital), "contract")
    assert [(one.country, "Adequacy" in one.ground) for one in activity.abroad] == [("CH", True)]


async def file(party, form):
    return (await party.services.rights.registers.file(party.acting("dpo"), form)).body


async def test_the_export_is_signed_and_dated(agreed):
    trio, _ = agreed
    document = json.loads(await file(trio.hospital, "json"))
    keys = [trio.hospital.context.signer.public_jwk]
    assert read_statement(document["signed"], StatementType.REGISTER, keys) == document["register"]
    assert document["register"]["made_at"]
    assert read_statement((await file(trio.hospital, "jws")).decode(), StatementType.REGISTER, keys)["activities"]
    with zipfile.ZipFile(io.BytesIO(await file(trio.hospital, "zip"))) as archive:
        listed = read_statement(archive.read("contents.jws").decode(), StatementType.EXPORT, keys)
        assert {"register.html", "register.csv", "register.json", "register.jws"} <= set(listed["files"])


async def test_the_table_has_a_line_for_each_activity(agreed):
    trio, agreement = agreed
    rows = list(csv.DictReader(io.StringIO((await file(trio.hospital, "csv")).decode("utf-8-sig"))))
    assert len(rows) == len((await shown(trio.hospital)).activities)
    assert agreement in [row["id"] for row in rows]


async def test_a_cell_never_begins_like_a_formula(agreed):
    trio, _ = agreed
    await trio.hospital.add(Source(id="=1+1", name="=HYPERLINK(1)", kind="fhir"))
    rows = list(csv.DictReader(io.StringIO((await file(trio.hospital, "csv")).decode("utf-8-sig"))))
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


async def test_the_page_escapes_what_others_wrote(agreed):
    trio, _ = agreed
    await trio.hospital.add(Source(id="evil", name="<script>alert(1)</script>", kind="fhir"))
    page = (await file(trio.hospital, "html")).decode()
    assert "&lt;script&gt;" in page
    assert "<script" not in page


async def test_each_export_is_logged_and_only_the_officer_makes_it(agreed):
    trio, _ = agreed
    await file(trio.hospital, "csv")
    assert await trio.hospital.find(LogEntry, kind="register.exported")
    with pytest.raises(Problem, match="role"):
        await trio.hospital.services.rights.registers.file(trio.hospital.acting("steward"), "csv")
    with pytest.raises(Problem, match="html, csv"):
        await file(trio.hospital, "docx")


async def test_an_empty_participant_has_a_register_too(hospital):
    register = await shown(hospital)
    assert register.activities == []
    assert register.controller["name"] == "Hospital One"
