"""`concord audit verify` on a store somebody rewrote while nobody served it, and after it was served again."""

import sqlite3
from contextlib import closing

import pytest

REWRITES = {
    "nothing is signed": ["delete from log_checkpoint"],
    "everything is gone": ["delete from log_checkpoint", "delete from log_node", "delete from log_entry"],
    "the last row is gone with what was signed over it": [
        "delete from log_entry where position = (select max(position) from log_entry)",
        "delete from log_checkpoint where size > (select count(*) from log_entry)",
        "delete from log_node where (position + 1) * (1 << level) > (select count(*) from log_entry)",
    ],
    "a row is emptied": ["update log_entry set salt = x'', body = null where position = 1"],
    "to be signed anew": [
        "delete from log_entry where position = 1", "delete from log_checkpoint", "delete from log_node",
        "update log_entry set position = null",
    ],
}  # fmt: skip


@pytest.mark.parametrize("what", REWRITES)
def test_a_rewritten_store_does_not_verify_and_is_not_signed_again(concord, hospital, what):
    for number in range(3):
        who = ["--name", f"Person {number}", "--subject", f"s{number}", "--role", "dpo"]
        assert concord("account", "open", *who, "-d", hospital).code == 0
    concord("show", "-d", hospital)
    said = concord("audit", "verify", "-d", hospital)
    assert said.code == 0
    assert "the head kept in the vault" in said.out
    with closing(sqlite3.connect(hospital / "store.db")) as store:
        for statement in REWRITES[what]:
            store.execute(statement)
        store.commit()
    assert concord("audit", "verify", "-d", hospital).code == 1
    concord("account", "open", "--name", "N", "--subject", "n", "--role", "dpo", "-d", hospital)
    assert concord("audit", "verify", "-d", hospital).code == 1
