"""What arrives is counted as the sender counts it, however the network cuts it."""

from hashlib import sha256

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.dataplane.received import ReceivedFiles
from connector.dataplane.sse import event
from connector.dataplane.tally import Barred
from connector.jobs.intake import LONGEST_LINE, NotOurs, RecordsIntake, StreamIntake

AGREEMENT, TRANSFER = "urn:uuid:7d1f4c3a-0000-4000-8000-000000000001", "urn:uuid:7d1f4c3a-0000-4000-8000-000000000002"


def opened(folder):
    return ReceivedFiles(folder / "received").open(AGREEMENT, TRANSFER)


def line(code, number):
    return orjson.dumps({"resourceType": "Patient", "id": code, "n": number}) + b"\n"


@settings(deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=20), st.lists(st.integers(1, 60), min_size=1))
def test_a_release_is_counted_as_its_sender_counts_it(tmp_path_factory, codes, cuts):
    file = opened(tmp_path_factory.mktemp("intake"))
    file.bar({"b": Barred(None)})
    body = b"".join(line(code, number) for number, code in enumerate(codes))
    intake, place = RecordsIntake(file), 0
    while place < len(body):
        size = cuts[place % len(cuts)]
        intake.feed(body[place : place + size])
        place += size
    ledger = intake.ledger
    assert (ledger.bytes, ledger.lines, intake.digest()) == (len(body), len(codes), sha256(body).hexdigest())
    assert {code: tally.lines for code, tally in ledger.people.items()} == {c: codes.count(c) for c in set(codes)}
    assert "b" not in ledger.waiting
    ends = {code: body.rindex(line(code, number)) + len(line(code, number)) for number, code in enumerate(codes)}
    assert {code: tally.end for code, tally in ledger.people.items()} == ends
    assert intake.whole
    file.close()


def test_a_line_that_was_cut_off_shows(tmp_path):
    file = opened(tmp_path)
    intake = RecordsIntake(file)
    intake.feed(line("a", 1)[:-5])
    assert not intake.whole
    file.close()


def test_a_line_without_end_is_refused(tmp_path):
    with pytest.raises(NotOurs):
        RecordsIntake(opened(tmp_path)).feed(b"x" * (LONGEST_LINE + 1))


def test_an_event_that_is_sent_again_is_stored_once(tmp_path):
    file = opened(tmp_path)
    intake = StreamIntake(file, last=4)
    point = b'{"header":{"user_id":"a"}}'
    intake.feed(b"".join(event(number, point) for number in (3, 4, 5, 6, 6)))
    assert intake.ledger.lines == 2
    assert intake.ledger.last == 6
    assert file.path.read_bytes() == (point + b"\n") * 2
    file.close()
