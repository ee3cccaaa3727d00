"""Measuring in a process of its own: the same figures, and none when that process fails."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.services.releasing import risk_process
from connector.services.releasing.risk_figures import Figures, Measuring, NotMeasured
from connector.services.releasing.risk_process import Measurement

VALUES = st.sampled_from([None, "a", "b", "né"])
ROWS = st.lists(st.tuples(VALUES, VALUES, st.sampled_from("xyz")), max_size=30)
SOME = [("a", str(number % 7), "xyz"[number % 3]) for number in range(3000)]


def here(rows):
    one = Measuring(("birth", "city")).open()
    try:
        one.add(rows)
        return one.figures()
    finally:
        one.close()


@given(ROWS)
@settings(max_examples=30, deadline=None)
def test_figures_travel_without_loss(rows):
    found = here(rows)
    assert Figures.read(found.wire()) == found


async def test_a_process_finds_the_same_and_the_serving_one_never_loads_the_engine(monkeypatch):
    wanted = here(SOME)
    for name in ("duckdb", "pyarrow"):
        monkeypatch.setitem(sys.modules, name, None)
    async with Measurement(("birth", "city")) as measuring:
        for start in range(0, len(SOME), 400):
            await measuring.add(SOME[start : start + 400])
        assert await measuring.figures(sensitive=True) == wanted
        process = measuring._process
    assert process.returncode is not None


async def measured(rows, before=None):
    """The figures over rows; `before` may do something to the process first."""
    async with Measurement(("birth", "city")) as measuring:
        if before:
            await before(measuring._process)
        await measuring.add(rows)
        return await measuring.figures(sensitive=True)


async def test_a_process_that_dies_has_found_nothing():
    async def dies(process):
        process.kill()
        await process.wait()

    with pytest.raises(NotMeasured):
        await measured(SOME, dies)


async def test_a_process_that_takes_too_long_is_ended(monkeypatch):
    begun = []

    async def noted(process):
        begun.append(process)

    monkeypatch.setattr(risk_process, "PATIENCE", 0.0)
    with pytest.raises(NotMeasured):
        await measured(SOME, noted)
    assert begun[0].returncode is not None


@pytest.mark.parametrize("rows", [[("Anna \ud800", "b", "c")], [("Anna", "b")], [("Anna", "b", "c"), ("Anna",)]])
async def test_what_the_engine_cannot_take_is_no_figure_and_not_told(rows):
    with pytest.raises(NotMeasured) as refused:
        await measured(rows)
    assert str(refused.value) == ""
