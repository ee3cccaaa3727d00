"""NDJSON from a folder: a line that is wrong is refused by itself, with file and number, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.sources.fhir_error import SourceError
from connector.sources.fhir_files import Limits, read_bundles
from connector.sources.folder import pieces


def nobody(_: str) -> bool:
    return False


def patient(id: str, **more: Any) -> str:
    return json.dumps({"resourceType": "Patient", "id": id, **more})


def pulse(id: str, person: str = "ann", value: int = 60) -> str:
    return json.dumps({
        "resourceType": "Observation", "id": id, "status": "final", "code": {"text": "pulse"},
        "subject": {"reference": f"Patient/{person}"}, "valueInteger": value,
    })  # fmt: skip


def read(path: Path) -> tuple[list[str], list[str]]:
    """Ids taken in, in their order, and the refusals. The person of a piece is known from then on."""
    known, ids, refused = set[str](), [], []
    for piece in pieces(path, known.__contains__):
        if piece.prepared is None:
            refused.append(piece.refused)
        else:
            known |= {one.id for one in piece.prepared.people}
            ids += [one.id for one in piece.prepared.records]
    return ids, refused


WRONG = {
    "no JSON": "{",
    "no resource": '{"resourceType": "Nothing", "id": "x"}',
    "no id": '{"resourceType": "Observation", "status": "final"}',
    "nobody's": pulse("lost", person="unknown"),
    "a Bundle": '{"resourceType": "Bundle", "type": "collection", "entry": []}',
    "no text": '{"resourceType": "Observation", "id": 3}',
}


@pytest.mark.parametrize("line", WRONG.values(), ids=WRONG)
def test_one_wrong_line_is_refused_with_its_file_and_number_and_all_others_stay(tmp_path: Path, line: str):
    lines = [patient("ann"), *(pulse(f"o{number}") for number in range(600)), line, pulse("last")]
    (tmp_path / "all.ndjson").write_text("\n".join(lines))
    ids, refused = read(tmp_path)
    assert ids == ["ann", *(f"o{number}" for number in range(600)), "last"]
    assert len(refused) == 1
    assert refused[0].startswith("all.ndjson, line 602")


def test_of_two_lines_with_one_id_and_other_content_the_second_is_refused(tmp_path: Path):
    (tmp_path / "all.ndjson").write_text("\n".join([patient("ann"), pulse("o", value=1), pulse("o", value=2)]))
    ids, refused = read(tmp_path)
    assert ids == ["ann", "o"]
    assert [one.split(":")[0] for one in refused] == ["all.ndjson, line 3"]


def test_a_line_that_is_too_long_ends_its_file_and_what_stood_before_it_stays(tmp_path: Path):
    """Nobody unpacks what has no end: that is why the rest of such a file is not looked for."""
    file = tmp_path / "all.ndjson"
    file.write_text("\n".join([patient("ann"), patient("huge", language="x" * 3000), pulse("o")]) + "\n")
    with pytest.raises(SourceError, match="line 2"):
        list(read_bundles(file, Limits(line_bytes=1000)))


def test_a_bundle_is_still_refused_whole(tmp_path: Path):
    entries = [{"resource": json.loads(patient("ann"))}, {"resource": json.loads(WRONG["nobody's"])}]
    (tmp_path / "a.json").write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    ids, refused = read(tmp_path)
    assert ids == []
    assert len(refused) == 1


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([*WRONG, "right"]), max_size=30))
def test_every_right_line_is_taken_in_and_every_wrong_one_named_once(tmp_path: Path, drawn: list[str]):
    lines = [patient("ann"), *(WRONG.get(kind) or pulse(f"o{number}") for number, kind in enumerate(drawn))]
    (tmp_path / "all.ndjson").write_text("\n".join(lines))
    ids, refused = read(tmp_path)
    assert ids == ["ann", *(f"o{number}" for number, kind in enumerate(drawn) if kind == "right")]
    wrong = {f"line {number + 2}" for number, kind in enumerate(drawn) if kind != "right"}
    assert {" ".join(one.split(", ")[1].split(":")[0].split(" ")[:2]) for one in refused} == wrong
    assert len(refused) == len(wrong)
