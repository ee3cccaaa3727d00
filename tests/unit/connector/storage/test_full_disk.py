"""A store without room says so by the port's name, does nothing of the command, and works again once there is room."""

from __future__ import annotations

import asyncio

import pytest

from connector.ports import StoreFull
from connector.records import Setting
from connector.storage import SqliteStore


@pytest.mark.parametrize("together", [1, 2])
async def test_a_command_that_finds_no_room_leaves_nothing_and_reading_goes_on(tmp_path, together):
    store = SqliteStore(tmp_path / "store.db")
    try:
        await store.write(lambda tx: tx.add(Setting(name="before", value="here")))
        pages = await store.write(lambda tx: tx._connection.exec_driver_sql("pragma page_count").scalar_one())
        await store.write(lambda tx: tx._connection.exec_driver_sql(f"pragma max_page_count={pages + 2}"))

        def grow(tx, name):
            tx.add(Setting(name=f"{name}-small", value="x"))
            tx.add(Setting(name=name, value="x" * 200_000))

        said = await asyncio.gather(
            *(store.write(lambda tx, n=number: grow(tx, f"big-{n}")) for number in range(together)),
            return_exceptions=True,
        )
        assert [type(one) for one in said] == [StoreFull] * together
        kept = {one.name for one in await store.read(lambda tx: tx.find(Setting))}
        assert kept >= {"before"}
        assert not any(key.startswith("big-") for key in kept)
        await store.write(lambda tx: tx._connection.exec_driver_sql("pragma max_page_count=1000000"))
        await store.write(lambda tx: grow(tx, "later"))
    finally:
        store.close()
