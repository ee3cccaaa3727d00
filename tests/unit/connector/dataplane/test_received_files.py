"""A recipient's file: what is barred never comes in, what is erased is gone, and a crash leaves nothing half done."""

from collections import Counter

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.dataplane.lines import code_of
from connector.dataplane.received import ReceivedFile, ReceivedFiles
from connector.dataplane.tally import Barred

AGREEMENT, TRANSFER = "urn:uuid:7d1f4c3a-0000-4000-8000-000000000001", "urn:uuid:7d1f4c3a-0000-4000-8000-000000000002"


def line(code, number):
    return orjson.dumps({"resourceType": "Patient", "id": code, "n": number}) + b"\n"


def placed(codes, start=0):
    found = []
    for number, code in enumerate(codes):
        start += len(line(code, number))
        found.append((line(code, number), start))
    return found


@pytest.fixture
def file(tmp_path):
    made = ReceivedFiles(tmp_path / "received").open(AGREEMENT, TRANSFER)
    yield made
    made.close()


def codes_in(file):
    return [code_of(one) for one in file.path.read_bytes().splitlines()] if file.path.exists() else []


def test_a_file_is_for_its_owner_only(file):
    file.append(placed("a"))
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700
    assert file.transfer == TRANSFER


def test_an_id_of_somebody_elses_making_cannot_lead_out_of_the_folder(tmp_path):
    path = ReceivedFiles(tmp_path).path("../../etc", "../passwd")
    assert path.parent.parent == tmp_path
    assert ".." not in path.name


@settings(deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=30))
def test_erasing_takes_out_every_line_of_one_person_and_no_other(tmp_path_factory, codes):
    file = ReceivedFiles(tmp_path_factory.mktemp("received") / "r").open(AGREEMENT, TRANSFER)
    file.append(placed(codes))
    removed = file.erase("a", Barred(None))
    assert codes_in(file) == [code for code in codes if code != "a"]
    assert removed.lines == codes.count("a")
    file.close()


def test_bytes_sent_after_the_cut_are_counted(file):
    lines = placed("aaba")
    file.append(lines)
    cut = lines[1][1]
    assert file.erase("a", Barred(cut)).bytes_after == len(lines[3][0])


def test_a_barred_code_is_dropped_on_arrival_and_counted_only_beyond_its_cut(file):
    lines = placed("aab")
    file.bar({"a": Barred(lines[0][1])})
    taken = file.append(lines)
    assert codes_in(file) == ["b"]
    assert taken.late == {"a": len(lines[1][0])}
    assert Counter({code: tally.lines for code, tally in taken.people.items()}) == {"a": 2, "b": 1}


def test_a_line_that_names_nobody_is_not_stored(file):
    assert file.append([(b"{}\n", 3)]).nameless == 1
    assert codes_in(file) == []


def test_lines_appended_while_a_person_is_erased_come_after_the_erasure(file):
    file.append(placed("ab"))
    file.erase("a", Barred(None))
    file.append(placed("ab", 1000))
    assert codes_in(file) == ["b", "b"]


def test_a_stream_goes_on_after_its_last_whole_line(file):
    file.append([(line("a", 1), 41), (line("b", 2), 47)])
    file.close()
    with file.path.open("ab") as torn:
        torn.write(b'{"half')
    again = ReceivedFile(file.path)
    assert again.resume() == 47
    again.append([(line("a", 3), 48)])
    assert codes_in(again) == ["a", "b", "a"]
    again.close()


def test_a_line_without_its_number_is_fetched_again(file):
    file.append([(line("a", 1), 41), (line("b", 2), 47)])
    file.close()
    index = file.path.with_suffix(".offsets")
    index.write_bytes(index.read_bytes()[:11])
    again = ReceivedFile(file.path)
    assert again.resume() == 41
    assert codes_in(again) == ["a"]
    again.close()


@pytest.mark.parametrize("renamed", [0, 1, 2])
def test_a_crash_between_the_renames_of_an_erasure_finishes_it(file, renamed):
    """The decision to replace both files is durable before the first is replaced."""
    file.append([(line("a", 1), 41), (line("b", 2), 47)])
    file.close()
    drafts = [path.with_name(path.name + ".draft") for path in (file.path, file.path.with_suffix(".offsets"))]
    drafts[0].write_bytes(line("b", 2))
    drafts[1].write_bytes((47).to_bytes(8, "little"))
    file.path.with_suffix(".decided").touch()
    for draft in drafts[:renamed]:
        draft.replace(draft.with_name(draft.name.removesuffix(".draft")))
    again = ReceivedFile(file.path)
    assert again.resume() == 47
    assert codes_in(again) == ["b"]
    assert sorted(path.name for path in file.path.parent.iterdir()) == sorted(
        [file.path.name, file.path.with_suffix(".offsets").name]
    )
    again.close()


def test_a_crash_before_the_decision_leaves_the_old_files(file):
    file.append([(line("a", 1), 41)])
    file.close()
    file.path.with_name(file.path.name + ".draft").write_bytes(b"half")
    again = ReceivedFile(file.path)
    assert again.resume() == 41
    assert codes_in(again) == ["a"]
    assert not list(file.path.parent.glob("*.draft"))
    again.close()


def test_every_file_of_an_agreement_is_found_also_after_a_restart(tmp_path, file):
    file.append(placed("a"))
    file.close()
    files = ReceivedFiles(tmp_path / "received")
    other = files.open(AGREEMENT, TRANSFER.replace("002", "003"))
    assert {one.path for one in files.of_agreement(AGREEMENT)} == {file.path, other.path}
    files.close()


def test_what_a_contract_brought_is_deleted_whole_and_nothing_is_stored_under_it_any_more(tmp_path):
    files = ReceivedFiles(tmp_path / "received")
    file, other = files.open(AGREEMENT, TRANSFER), files.open(TRANSFER, TRANSFER)
    opaque = files.opaque(AGREEMENT, AGREEMENT)
    for one in (file, other):
        one.append(placed("ab"))
    opaque.append(b"who knows")
    removed = files.delete(AGREEMENT)
    assert sorted((one.lines, one.bytes) for one in removed) == [
        (0, 9),
        (2, sum(len(line) for line, _ in placed("ab"))),
    ]
    assert list(file.path.parent.iterdir()) == []
    file.append(placed("c"))
    file.begin()
    file.sync()
    assert file.resume() == 0
    assert file.erase("a", Barred(None)).lines == 0
    opaque.append(b"late")
    opaque.close()
    assert list(file.path.parent.iterdir()) == []
    assert codes_in(other) == ["a", "b"]
    assert files.delete("urn:uuid:of-nothing") == []
    files.close()


@settings(deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=30))
def test_what_is_counted_before_is_what_erasing_takes_out(tmp_path_factory, codes):
    file = ReceivedFiles(tmp_path_factory.mktemp("received") / "r").open(AGREEMENT, TRANSFER)
    file.append(placed(codes))
    counted = file.count("a", Barred(0))
    removed = file.erase("a", Barred(0))
    assert (counted.lines, counted.bytes, counted.bytes_after) == (removed.lines, removed.bytes, removed.bytes_after)
    assert removed.left == file.contents()
    assert not file.holds(["a"])
    assert file.holds(["a", "b"]) == ("b" in codes)
    file.close()


def test_what_is_counted_is_barred_from_then_on(file):
    file.append(placed("ab"))
    file.count("a", Barred(None))
    file.append(placed("ab", 1000))
    assert codes_in(file) == ["a", "b", "b"]


def test_a_code_behind_an_escape_is_erased_too(file):
    file.append([(b'{"resourceType":"Patient","id":"\\u0061"}\n', 10), (line("b", 1), 20)])
    assert file.holds(["a"])
    assert file.erase("a", Barred(None)).lines == 1
    assert codes_in(file) == ["b"]


def test_the_beginning_of_a_file_has_a_digest_of_its_own(file):
    lines = placed("ab")
    file.append(lines[:1])
    first = file.contents()
    file.append(lines[1:])
    assert file.contents(first.bytes) == first
    assert file.contents() != first


def test_a_code_whose_pause_is_over_comes_in_again(file):
    file.bar({"a": Barred(None), "b": Barred(None)})
    file.unbar(["a", "never barred"])
    file.append(placed("ab"))
    assert codes_in(file) == ["a"]
