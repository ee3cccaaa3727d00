"""What researchers made: files by row lose exactly one person's rows; everything else is not ours to rewrite."""

from __future__ import annotations

import os
import tracemalloc

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.dataplane import derived
from connector.dataplane.derived import DerivedFiles
from connector.dataplane.tally import NotByRow

KNOWN = {"anna", "bert", "carl", "anna-2"}
CODES = st.sampled_from(sorted(KNOWN))
CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)


@pytest.fixture
def files(tmp_path):
    folder = (tmp_path / "derived").resolve()
    folder.mkdir()
    return DerivedFiles(folder), folder


def written(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def quoted(cell):
    return '"' + cell.replace('"', '""') + '"'


@settings(deadline=None)
@given(
    st.lists(st.tuples(CODES, CELLS), min_size=1, max_size=20), st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n"]),
)  # fmt: skip
def test_a_csv_loses_one_persons_rows_and_keeps_every_other_byte(tmp_path_factory, rows, delimiter, end):
    folder = tmp_path_factory.mktemp("d").resolve()
    made = [f"{code}{delimiter}{quoted(cell + end + cell)}{end}" for code, cell in rows]
    header = f"person{delimiter}what{end}"
    path = written(folder, "t.csv", header + "".join(made))
    removed = DerivedFiles(folder).erase(path, ["anna"], KNOWN)
    kept = [row for row, (code, cell) in zip(made, rows, strict=True) if code != "anna" and "anna" not in words(cell)]
    assert (folder / "t.csv").read_bytes() == (header + "".join(kept)).encode()
    assert removed.lines == len(rows) - len(kept)
    assert removed.left is not None
    assert removed.left.sha256 == DerivedFiles(folder).contents(path).sha256
    assert not DerivedFiles(folder).holds(path, ["anna"])


def words(cell):
    return derived._pattern(["anna"]).findall(cell)


@settings(deadline=None)
@given(st.lists(st.tuples(CODES, CELLS), min_size=1, max_size=20))
def test_lines_of_json_lose_one_persons_lines(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("d").resolve()
    made = [orjson.dumps({"of": [{"who": f"Patient/{code}"}], "x": cell}) + b"\n" for code, cell in rows]
    path = written(folder, "t.ndjson", b"".join(made))
    removed = DerivedFiles(folder).erase(path, ["anna"], KNOWN)
    left = (folder / "t.ndjson").read_bytes().splitlines()
    assert all(orjson.loads(line)["of"][0]["who"] != "Patient/anna" for line in left)
    assert len(left) + removed.lines == len(rows)
    assert sum("anna-2" in line.decode() for line in left) == sum(
        code == "anna-2" and not words(cell) for code, cell in rows
    )


def test_a_code_behind_an_escape_is_found(files):
    shelf, folder = files
    path = written(folder, "t.ndjson", b'{"who":"\\u0061nna"}\n{"who":"bert"}\n')
    assert shelf.erase(path, ["anna"], KNOWN).lines == 1


def test_a_code_among_others_in_one_cell_takes_the_row(files):
    shelf, folder = files
    path = written(folder, "t.csv", "pair,x\nbert,anna;carl\nbert,carl\n")
    assert shelf.erase(path, ["anna"], KNOWN).lines == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "person,x\nanna,1\n,2\n"), ("t.csv", "anna,1\nbert,2\n"), ("t.csv", 'person,x\nanna,"1\n'),
        ("t.csv", "person,x\n"), ("t.csv", ""), ("t.csv", b"person\n\xffanna\n"), ("t.csv", "person,x\nnobody,1\n"),
        ("t.csv", "person,x\nanna,1\n".encode("utf-16")), ("t.csv", "person,x\nanna,a\0b\n"),
        ("t.ndjson", '{"who":"anna"}\n{"who":"nobody"}\n'), ("t.ndjson", "anna\n"), ("t.ndjson", ""),
        ("t.parquet", "person,x\nanna,1\n"), ("t", "person,x\nanna,1\n"), ("t.csv.gz", "person,x\nanna,1\n"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_apart_by_person_is_not_by_row(files, name, content):
    shelf, folder = files
    assert not shelf.survey(written(folder, name, content), KNOWN).by_row


def test_a_survey_names_who_is_in_it(files):
    shelf, folder = files
    found = shelf.survey(written(folder, "t.csv", "person,x\nPatient/anna,1\nbert,2\n"), KNOWN)
    assert (found.by_row, found.codes, found.contents.lines) == (True, {"anna", "bert"}, 3)


def test_a_row_that_never_ends_is_refused_without_holding_the_file(files, monkeypatch):
    shelf, folder = files
    monkeypatch.setattr(derived, "LONGEST_RECORD", 1000)
    with pytest.raises(NotByRow, match="never ends"):
        shelf.count(written(folder, "t.csv", 'person,x\nanna,"' + "y\n" * 5000), ["anna"])


def test_nothing_outside_the_folder_or_behind_a_link_is_rewritten(files, tmp_path):
    shelf, folder = files
    content = "person,x\nanna,1\nbert,2\n"
    outside = written(tmp_path, "t.csv", content)
    (folder / "soft.csv").symlink_to(outside)
    os.link(outside, folder / "hard.csv")
    (folder / "sub").symlink_to(tmp_path, target_is_directory=True)
    for path in (outside, folder / "soft.csv", folder / "hard.csv", folder / "sub" / "t.csv", f"{folder}/../t.csv"):
        assert not shelf.inside(str(path))
        with pytest.raises((NotByRow, OSError)):
            shelf.erase(str(path), ["anna"], KNOWN)
    assert (tmp_path / "t.csv").read_text() == content


def test_a_row_of_nobody_known_leaves_the_file_as_it_was(files):
    shelf, folder = files
    content = "person,x\nanna,1\nof everybody,2\n"
    path = written(folder, "t.csv", content)
    with pytest.raises(NotByRow, match="nobody known"):
        shelf.erase(path, ["anna"], KNOWN)
    assert (folder / "t.csv").read_text() == content
    assert [one.name for one in folder.iterdir()] == ["t.csv"]


def test_a_file_that_is_written_to_meanwhile_is_not_replaced(files, monkeypatch):
    shelf, folder = files
    path = written(folder, "t.csv", "person,x\nanna,1\nbert,2\n")
    real = derived._records

    def meddling(file, place):
        yield from real(file, place)
        with place.open("ab") as other:
            other.write(b"carl,3\n")

    monkeypatch.setattr(derived, "_records", meddling)
    with pytest.raises(NotByRow, match="being written"):
        shelf.erase(path, ["anna"], KNOWN)
    assert b"anna" in (folder / "t.csv").read_bytes()


def test_a_file_keeps_its_readers(files):
    shelf, folder = files
    path = written(folder, "t.csv", "person,x\nanna,1\nbert,2\n")
    (folder / "t.csv").chmod(0o640)
    shelf.erase(path, ["anna"], KNOWN)
    assert (folder / "t.csv").stat().st_mode & 0o777 == 0o640


def test_a_large_file_is_rewritten_in_flat_memory(files):
    shelf, folder = files
    with (folder / "t.csv").open("wb") as file:
        file.write(b"person,x\n")
        for number in range(60_000):
            file.write(b"%s,%d,%s\n" % ((b"anna", b"bert")[number % 2], number, b"y" * 200))
    tracemalloc.start()
    removed = shelf.erase(str(folder / "t.csv"), ["anna"], KNOWN)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert removed.lines == 30_000
    assert peak < 3_000_000
