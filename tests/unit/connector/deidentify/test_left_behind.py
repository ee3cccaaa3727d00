"""How many members a record lost is counted the same for one record and for many, wherever they are cut."""

from __future__ import annotations

import random

import orjson
import pytest

from connector.deidentify import outcome
from connector.deidentify.outcome import left_behind

ALPHABET = [b'"', b":", b"\\", b"a", b'":', b'\\":', b'\\\\":']


@pytest.mark.parametrize("seed", range(20))
def test_many_are_counted_as_one_by_one(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome, "_MANY", 1)
    monkeypatch.setattr(outcome, "_SLICE", 7)
    drawn = random.Random(seed)
    data = b"".join(drawn.choice(ALPHABET) for _ in range(200))
    assert left_behind(data, b"") == max(0, data.count(b'":') - data.count(b'\\":'))


def test_members_are_counted_at_all_depths_and_not_in_texts() -> None:
    record = {"a": 'he said "x": y', "b": [{"c": 1}, {"c": {"d": "\\"}}]}
    assert left_behind(orjson.dumps(record), b"{}") == 5
    assert left_behind(orjson.dumps(record) * 2000, b"{}") == 10_000
