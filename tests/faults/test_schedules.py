"""Two participants in random schedules of faults end in the same state, and a product that is broken is found out.

`SCHEDULES` and `KILLINGS` say how many of each are played; `make schedules` plays them all.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from unittest.mock import patch

import pytest

from connector.ports import Duplicate
from connector.records import InboxMessage
from connector.storage.transaction import SqlTransaction
from tests.faults import killing
from tests.faults.schedules import Less, smallest, staged

SCHEDULES = int(os.environ.get("SCHEDULES", "150"))
KILLINGS = int(os.environ.get("KILLINGS", "2"))
ENOUGH = 600
"""Schedules within which a broken product must have been found out."""


@pytest.fixture(scope="module")
def stage():
    with staged() as made:
        yield made


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_whatever_befalls_them_both_sides_end_alike(stage):
    for seed in range(SCHEDULES):
        outcome = stage.play(str(seed))
        assert not outcome.findings, f"python -m tests.faults.schedules --seed {seed}\n{smallest(stage, outcome)}"


def test_the_same_seed_is_the_same_schedule(stage):
    for seed in range(5):
        one, two = stage.play(str(seed)), stage.play(str(seed))
        assert one.trace == two.trace
        assert one.script.weather == "silent" or len(one.trace) > 5


def test_a_fault_can_be_taken_out_of_a_schedule(stage):
    seed = next(str(number) for number in range(100) if stage.play(str(number)).faults)
    fault = stage.play(seed).faults[0]
    assert fault not in stage.play(seed, Less(frozenset({fault}))).faults


class WHOLE:
    """The transaction as it is."""

    get, add = SqlTransaction.get, SqlTransaction.add


def unseen(self, kind, *key):
    return None if kind is InboxMessage else WHOLE.get(self, kind, *key)


def once_more(self, record):
    try:
        WHOLE.add(self, record)
    except Duplicate:
        if not isinstance(record, InboxMessage):
            raise


def without_proof(self, tx, process, step, sender, refused):
    raise refused


def without_rank(process, message):
    """Takes what the other side still wants while our own end of it is on its way."""


def deaf(self, tx, sent, status, answer):
    """A refused message changes nothing, whatever the other side thinks now."""


async def blind(self):
    """Never looks for what an earlier process left in the outbox."""


STORE = "connector.storage.transaction.SqlTransaction"
MACHINE = "connector.services.processes.machine"
BROKEN = {
    "the same message is taken twice": (f"{STORE}.get", unseen, f"{STORE}.add", once_more),
    "a message proves nothing about ours": (f"{MACHINE}.Machine._implied", without_proof),
    "messages are taken by a process that is ending": (f"{MACHINE}.check_rank", without_rank),
    "a refusal of ours is not heard": (f"{MACHINE}.Machine._refused", deaf),
    "what a dead process left is not sent": ("connector.jobs.courier.Courier._start_what_is_due", blind),
    "data flows while we are ending it": ("connector.records.processes.Transfer.held", property(lambda _self: False)),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_product_is_found_out(stage, how):
    with ExitStack() as parts:
        for name, broken in zip(BROKEN[how][::2], BROKEN[how][1::2], strict=True):
            parts.enter_context(patch(name, broken))
        found = next((seed for seed in range(ENOUGH) if stage.play(str(seed)).findings), None)
    assert found is not None


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_processes_killed_at_random_moments_end_alike(tmp_path):
    wrong, promises = killing.play(tmp_path, KILLINGS)
    assert not wrong, "\n".join(wrong)
    assert promises.kills >= KILLINGS
    assert promises.begun["negotiation"]
