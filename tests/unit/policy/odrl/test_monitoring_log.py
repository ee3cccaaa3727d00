"""Reading a log of events: columns, instants, order, and a refusal with line and column for everything else."""

from __future__ import annotations

import csv
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.odrl.model import Literal, PolicyError
from policy.odrl.monitoring import logs, read_log
from policy.odrl.monitoring.looks import moment, typed
from policy.odrl.vocabulary import ODRL

HEAD = f"{ODRL}dateTime,{ODRL}Party,{ODRL}Action,{ODRL}Asset,urn:age,{ODRL}Action {ODRL}resolution"


def log(*lines: str, head: str = HEAD) -> str:
    return "\n".join((head, *lines)) + "\n"


def test_each_column_is_read_under_the_name_by_which_rules_ask_for_it() -> None:
    (event,) = read_log(log(f"2026-01-11T11:43:10.665638,urn:john,{ODRL}print,urn:document,24,53"))
    assert event.action == f"{ODRL}print"
    assert (event.party, event.target, event.uid) == ("urn:john", "urn:document", "line 2")
    assert event.at == datetime(2026, 1, 11, 11, 43, 10, 665638, tzinfo=UTC)
    assert event.features == {"urn:age": (Literal("24"),), f"{ODRL}Action {ODRL}resolution": (Literal("53"),)}


def test_an_empty_cell_is_a_fact_known_to_be_missing() -> None:
    (event,) = read_log(log("2026-01-11,,print,,,"))
    assert (event.party, event.target) == (None, None)
    assert event.features["urn:age"] == ()


def test_bare_and_prefixed_odrl_names_are_the_same_columns_and_actions() -> None:
    (event,) = read_log("odrl:Action,dateTime,Action resolution\nodrl:print,2026-01-11,5\n")
    assert event.action == f"{ODRL}print"
    assert event.features == {f"{ODRL}Action {ODRL}resolution": (Literal("5"),)}


def test_events_come_in_the_order_of_their_instants_and_ties_in_the_order_of_the_log() -> None:
    found = read_log(
        log(
            "2026-01-03,c,print,,,",
            "2026-01-01T10:00:00+01:00,a,print,,,",
            "2026-01-03T00:00Z,d,print,,,",
            "2026-01-02,b,print,,,",
        )
    )
    assert [event.party for event in found] == ["a", "b", "c", "d"]


def test_without_instants_the_order_of_the_log_is_the_order_of_events() -> None:
    found = read_log("Action,Party\nprint,b\nprint,a\n")
    assert [(event.party, event.at) for event in found] == [("b", None), ("a", None)]


def test_lines_without_anything_and_a_byte_order_mark_are_passed_over() -> None:
    assert len(read_log("\ufeffAction\n\nprint\n\n".encode())) == 1


def test_a_log_of_nothing_but_its_header_holds_no_events() -> None:
    assert read_log(HEAD) == ()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "line 1, column 1"),
        ("\n\n", "line 1, column 1"),
        ("Party\nurn:john\n", "line 1, column 1"),
        ("Action,Action\nprint,print\n", "line 1, column 2"),
        ("Action,odrl:Action\nprint,print\n", "line 1, column 2"),
        ("Action,\nprint,\n", "line 1, column 2"),
        ("Action,some words more\nprint,\n", "line 1, column 2"),
        ("Action,Duty resolution\nprint,\n", "line 1, column 2"),
        ("Action\nprint\nprint,print\n", "line 3, column 2"),
        ("Action,Party,Asset\nprint,urn:john\n", "line 2, column 3"),
        ("Action,Party\nprint,urn:john\n,urn:john\n", "line 3, column 1"),
        ("Action,dateTime\nprint,2026-01-01\nprint,yesterday\n", "line 3, column 2"),
        ("Action,dateTime\nprint,\n", "line 2, column 2"),
        ("Action,dateTime\nprint,2026-02-30\n", "line 2, column 2"),
        ("Action,dateTime\nprint,2026-01-01T00:00:00.1234567Z\n", "line 2, column 2"),
        ("Action,dateTime\nprint,9999-12-31T23:59:59-14:00\n", "line 2, column 2"),
        ("Action\npr\0int\n", "line 2, column 1"),
        ('Action,Party\nprint,"urn:john\n', "line 2, column 1"),
        (f"Action\n{'x' * 200_000}\n", "line 2, column 1"),
        (b"Action\n\xff\n", "line 2, column 1"),
        (",".join(f"urn:{number}" for number in range(501)), "line 1, column 501"),
    ],
)
def test_what_is_no_log_is_refused_with_line_and_column(text: str | bytes, place: str) -> None:
    with pytest.raises(PolicyError) as refused:
        read_log(text)
    assert refused.value.pointer == place


def test_the_refusal_never_repeats_what_a_cell_says() -> None:
    with pytest.raises(PolicyError) as refused:
        read_log("Action,dateTime\nprint,secret-diagnosis\n")
    assert "secret" not in str(refused.value)


def test_a_log_of_too_many_events_or_signs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_EVENTS", 3)
    with pytest.raises(PolicyError, match="line 5"):
        read_log("Action\n" + "print\n" * 10)
    monkeypatch.setattr(logs, "MAX_CHARACTERS", 5)
    with pytest.raises(PolicyError, match="larger"):
        read_log("Action\n")


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=8))
def test_whatever_a_quoted_cell_holds_comes_back_stripped(rows: list[tuple[str, str]]) -> None:
    written = StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(("Action", "urn:x", "urn:y"))
    writer.writerows(("print", *row) for row in rows)
    found = read_log(written.getvalue())
    assert [
        tuple(event.features[name][0].text if event.features[name] else "" for name in ("urn:x", "urn:y"))
        for event in found
    ] == [(one.strip(), other.strip()) for one, other in rows]


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200)))
def test_any_text_is_a_log_or_is_refused(text: str | bytes) -> None:
    with suppress(PolicyError):
        assert isinstance(read_log(text), tuple)


INSTANTS = st.datetimes(timezones=st.timezones().map(lambda _: UTC), min_value=datetime(1900, 1, 1))  # noqa: DTZ001


@given(INSTANTS, st.integers(-14 * 60, 14 * 60))
def test_an_instant_is_the_same_however_its_offset_is_written(found: datetime, minutes: int) -> None:
    shifted = (found + timedelta(minutes=minutes)).replace(tzinfo=None).isoformat()
    sign = "-" if minutes < 0 else "+"
    offset = f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    assert moment(f"{shifted}{offset}") == found


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-11",
        "11-03-2026",
        "2026-03-11T00:00",
        "2026-03-11 00:00:00",
        "2026-03-11T00:00:00Z",
        "2026-03-11T01:00:00+01:00",
    ],
)
def test_one_instant_written_in_any_way_is_one_value(text: str) -> None:
    assert typed(Literal(text)) == Literal("2026-03-11T00:00:00Z", "http://www.w3.org/2001/XMLSchema#dateTime")


@pytest.mark.parametrize("text", ["", "paper", "12 apples", "1e", "NaN", "2026", "--5", "{{7*7}}", "__import__('os')"])
def test_what_looks_like_no_date_is_left_a_text_or_a_number(text: str) -> None:
    assert typed(Literal(text)).text == text
