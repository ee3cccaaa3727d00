"""SQL over received records: the current view of them, one SELECT, and nothing that reaches outside."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.dataplane.current import Unreadable, current
from connector.dataplane.querying import Refused, Tables
from connector.dataplane.questions import QuestionProcess

ANN, BEN = "a" * 26, "b" * 26


def observation(id: str, person: str, value: str = "1.10") -> bytes:
    text = (
        '{"resourceType":"Observation","id":"%s","status":"final","subject":{"reference":"Patient/%s"},'
        '"code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},'
        '"effectiveDateTime":"2020-01-01","valueQuantity":{"value":%s,"unit":"mmol/L"}}\n'
    )
    return (text % (id, person, value)).encode()


def patient(person: str, born: str = "1970") -> bytes:
    return orjson.dumps({"resourceType": "Patient", "id": person, "birthDate": born}) + b"\n"


def pressure(id: str, person: str) -> bytes:
    parts = [{"code": {"coding": [{"code": code}]}, "valueQuantity": {"value": 120}} for code in ("8480-6", "8462-4")]
    return orjson.dumps({
        "resourceType": "Observation", "id": id, "subject": {"reference": f"Patient/{person}"}, "component": parts
    }) + b"\n"  # fmt: skip


def deletions(person: str, *urls: str) -> bytes:
    return orjson.dumps({
        "resourceType": "Bundle", "type": "transaction",
        "meta": {"tag": [{"system": "urn:concord:term:person", "code": person}]},
        "entry": [{"request": {"method": "DELETE", "url": url}} for url in urls],
    }) + b"\n"  # fmt: skip


def point(number: int, person: str) -> bytes:
    return orjson.dumps({
        "header": {"id": f"p{number}", "user_id": person, "schema_id": {"name": "heart-rate"}},
        "body": {"heart_rate": {"value": 60 + number, "unit": "beats/min"},
                 "effective_time_frame": {"date_time": "2026-01-01T00:00:00Z"}},
    }) + b"\n"  # fmt: skip


@pytest.fixture
def ask(tmp_path: Path) -> Any:
    """Asks a question of these files, the oldest first."""

    def asked(sql: str, *files: bytes, left_out: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
        paths = []
        for number, content in enumerate(files or (patient(ANN) + observation("o1", ANN) + observation("o2", BEN),)):
            path = tmp_path / f"{number}.ndjson"
            path.write_bytes(content)
            paths.append(str(path))
        job = {"files": paths, "left_out": list(left_out), "sql": sql, "rows": 100, "memory_mb": 512, "seconds": 30}
        return asyncio.run(QuestionProcess().run(job | more))

    return asked


def test_every_kind_of_record_is_a_table(ask):
    said = ask("SELECT code, value_text, value, unit FROM observations ORDER BY id")
    assert said["columns"] == ["code", "value_text", "value", "unit"]
    assert said["rows"] == [["8867-4", "1.10", 1.1, "mmol/L"]] * 2
    joined = "SELECT p.date, count(*) FROM patients p JOIN observations o ON o.person = p.id GROUP BY ALL"
    assert ask(joined)["rows"] == [["1970", 1]]
    assert ask("SELECT count(*) FROM immunizations")["rows"] == [[0]]
    assert ask("")["tables"] == {"observations": 2, "patients": 1, "resources": 3}


def test_components_are_rows_of_their_own_beside_the_records(ask):
    content = pressure("b1", ANN)
    assert ask("SELECT count(*) FROM observations", content)["rows"] == [[1]]
    assert ask("SELECT code FROM components ORDER BY part", content)["rows"] == [["8480-6"], ["8462-4"]]


def test_points_of_a_stream_are_a_table(ask):
    said = ask(
        "SELECT person, measure, sum(value), any_value(measured_at) FROM points GROUP BY ALL",
        point(1, ANN) + point(2, ANN),
    )
    assert said["rows"] == [[ANN, "heart_rate", 123.0, "2026-01-01T00:00:00Z"]]


def test_later_releases_take_the_place_of_earlier_lines_and_deletions_take_them_away(ask):
    first = observation("o1", ANN) + observation("o2", ANN) + observation("o3", BEN)
    second = observation("o1", ANN, "2.0") + observation("o4", BEN) + deletions(BEN, "Observation/o3")
    third = deletions(ANN, "Observation/o2") + observation("o3", BEN, "9")
    rows = "SELECT id, value_text FROM observations ORDER BY id"
    assert ask(rows, first, second)["rows"] == [["o1", "2.0"], ["o2", "1.10"], ["o4", "1.10"]]
    assert ask(rows, first, second, third)["rows"] == [["o1", "2.0"], ["o3", "9"], ["o4", "1.10"]]


def test_whoever_stopped_or_paused_is_in_no_table(ask):
    said = ask("SELECT DISTINCT person FROM resources", left_out=(BEN,))
    assert said["rows"] == [[ANN]]


OUTSIDE = [
    "COPY resources TO '{here}/out.csv'",
    "COPY (SELECT 1) TO '{here}/out.csv'",
    "ATTACH '{here}/out.db'",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('{here}/0.ndjson')",
    "SELECT * FROM '{here}/0.ndjson'",
    "FROM '/etc/passwd'",
    "SELECT (SELECT max(content) FROM read_text('/etc/passwd')) FROM resources",
    "WITH x AS (SELECT * FROM read_blob('/etc/passwd')) SELECT * FROM x",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('resources')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM every_row",
    "SELECT * FROM memory.main.every_row",
    "SELECT * FROM arriving",
    "SELECT current_setting('memory_limit')",
    "SELECT getenv('HOME')",
    "PRAGMA database_list",
    "PRAGMA enable_profiling",
    "CALL pragma_version()",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "RESET lock_configuration",
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY resources TO '{here}/out.csv'",
    "CREATE TABLE x AS SELECT 1",
    "INSERT INTO points VALUES (1)",
    "DELETE FROM points",
    "DROP VIEW resources",
    "EXPORT DATABASE '{here}'",
    "EXPLAIN ANALYZE SELECT 1",
    "EXECUTE x",
    "PREPARE x AS SELECT 1",
    "IMPORT DATABASE '{here}'",
    "",
    "   ",
    "SELECT 1 -- a\n; SELECT 2",
    ";",
    "nonsense",
]


@pytest.fixture(scope="module")
def tables() -> Iterator[Tables]:
    with Tables(256) as made:
        made.fill([])
        yield made


@pytest.mark.parametrize("sql", OUTSIDE)
def test_what_reaches_outside_or_changes_anything_is_refused(tables, tmp_path, sql):
    (tmp_path / "0.ndjson").write_bytes(patient(ANN))
    with pytest.raises(Refused):
        tables.answer(sql.replace("{here}", str(tmp_path)))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["0.ndjson"]


@pytest.mark.parametrize("sql", OUTSIDE[:10])
def test_the_lock_holds_also_for_what_would_pass_the_look_at_the_question(tables, tmp_path, sql):
    """The second wall: were the syntax tree read wrongly, there is still nothing to reach."""
    with pytest.raises(duckdb.Error):
        tables._connection.execute(sql.replace("{here}", str(tmp_path)))
    assert not list(tmp_path.iterdir())


def test_a_refusal_comes_out_of_the_process_in_words(ask):
    assert "one SELECT" in ask("SELECT 1; SELECT 2")["refused"]
    assert "nonsense" in ask("nonsense")["refused"]


def test_a_question_that_never_ends_is_ended(ask):
    said = ask("SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b", seconds=1)
    assert set(said) == {"failed"}
    assert "longer" in said["failed"] or "memory or time" in said["failed"]


def test_a_question_that_takes_all_memory_is_ended(ask):
    said = ask("SELECT list(a.range) FROM range(1000000000) a", memory_mb=64)
    assert "memory" in said["failed"]


@pytest.mark.parametrize(
    "sql",
    ["SELECT repeat('x', 2000000) AS a FROM range(3000)", "SELECT length(repeat('x', 800000000)) AS a"],
    ids=["rows", "value"],
)
def test_texts_beside_the_memory_of_the_engine_are_bounded_too(ask, sql):
    assert "memory" in ask(sql, memory_mb=64)["failed"]


@pytest.mark.parametrize("name", ["sqlite_master", "duckdb_tables", '"/etc/x.csv"'])
def test_a_name_given_within_a_question_opens_nothing_outside_of_it(ask, name):
    sql = f"SELECT * FROM {name}, (WITH {name} AS (SELECT 1) SELECT * FROM {name}) q"
    assert "WITH" in ask(sql)["refused"]


def test_an_error_never_quotes_a_value(ask):
    said = ask("SELECT CAST(id AS INTEGER) FROM patients")
    assert said == {"failed": "It could not be answered (Conversion)"}


def test_no_more_rows_are_shown_than_asked_for(ask):
    said = ask("SELECT * FROM range(50) t(i)", rows=10)
    assert (len(said["rows"]), said["truncated"]) == (10, True)
    assert ask("SELECT * FROM range(10) t(i)", rows=10)["truncated"] is False


@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet"])
def test_an_answer_is_written_in_each_form(ask, tmp_path, form):
    place = tmp_path / f"out.{form}"
    place.touch()
    sql = "SELECT person, value_text, value FROM observations ORDER BY id"
    assert ask(sql, to={"path": str(place), "format": form}) == {"written": 2}
    expected = [
        {"person": ANN, "value_text": "1.10", "value": 1.1},
        {"person": BEN, "value_text": "1.10", "value": 1.1},
    ]
    if form == "ndjson":
        assert [orjson.loads(line) for line in place.read_bytes().splitlines()] == expected
    elif form == "csv":
        with place.open() as file:
            assert list(csv.DictReader(file)) == [one | {"value": "1.1"} for one in expected]
    else:
        from pyarrow import parquet

        assert parquet.read_table(place).to_pylist() == expected


def test_without_a_question_the_records_are_written_as_they_were_received(ask, tmp_path):
    place = tmp_path / "out.ndjson"
    place.touch()
    first, second = observation("o1", ANN) + observation("o2", BEN), observation("o2", BEN, "2.50")
    assert ask("", first, second, to={"path": str(place), "format": "ndjson"}) == {"written": 2}
    assert sorted(place.read_bytes().splitlines(keepends=True)) == [observation("o1", ANN), second]


@pytest.mark.parametrize(
    "content", [b"no json\n", b"[]\n", observation("o1", ANN)[:-1], b'{"resourceType":"Bundle","entry":[{}]}\n']
)
def test_a_file_that_is_not_what_was_received_answers_nothing(ask, content):
    assert set(ask("SELECT 1", content)) == {"failed"}


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["put", "delete"])), max_size=5),
        min_size=1,
        max_size=5,
    )
)
def test_the_current_view_is_what_applying_every_release_in_order_gives(tmp_path_factory, releases):
    """The view reads the newest file first; the naive way applies them one after the other."""
    folder = tmp_path_factory.mktemp("view")
    naive: dict[str, int] = {}
    paths = []
    for number, steps in enumerate(releases):
        last = dict(steps)  # a release says one thing about a record
        lines = []
        for id, step in last.items():
            if step == "put":
                naive[id] = number
                lines.append(observation(id, ANN, str(number)))
            else:
                naive.pop(id, None)
                lines.append(deletions(ANN, f"Observation/{id}"))
        path = folder / f"{number}.ndjson"
        path.write_bytes(b"".join(lines))
        paths.append(path)
    found = {key[1]: orjson.loads(line)["valueQuantity"]["value"] for key, line in current(paths, ())}
    assert found == naive


def test_reading_breaks_off_at_a_line_that_never_ends(tmp_path):
    path = tmp_path / "long.ndjson"
    path.write_bytes(b"x" * 3_000_000)
    with pytest.raises(Unreadable):
        list(current([path], ()))
