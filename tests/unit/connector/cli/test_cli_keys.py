"""`concord vault keys|rotate-key|retire-key`, beside a participant that does not run."""

import json

from connector.identity.keys import read_fingerprint


def rows(concord, hospital) -> list[dict]:
    return json.loads(concord("vault", "keys", "--json", "-d", hospital).out)


def test_a_key_is_changed_and_the_one_before_it_retired(concord, hospital):
    first = json.loads(concord("show", "--json", "-d", hospital).out)["fingerprint"]
    said = concord("vault", "rotate-key", "--overlap-days", "30", "-d", hospital)
    assert said.code == 0
    assert "backup" in said.out
    assert [(row["id"], row["standing"]) for row in rows(concord, hospital)] == [
        ("participant-2", "signs"), ("participant", "counts"),
    ]  # fmt: skip
    now = json.loads(concord("show", "--json", "-d", hospital).out)["fingerprint"]
    assert read_fingerprint(now) != read_fingerprint(first)
    assert rows(concord, hospital)[0]["fingerprint"] == now
    assert concord("vault", "retire-key", "participant", "-d", hospital).code == 0
    assert [row["standing"] for row in rows(concord, hospital)] == ["signs", "retired"]
    assert not (hospital / "vault" / "keys" / "participant.key").exists()
    assert (hospital / "vault" / "keys" / "log.key").exists()
    assert concord("audit", "verify", "-d", hospital).code == 0
    examined = json.loads(concord("doctor", "--json", "-d", hospital).out)
    assert {one["verdict"] for one in examined if one["area"] == "keys"} == {"well"}


def test_what_cannot_be_is_refused_with_the_reason(concord, hospital):
    assert concord("vault", "rotate-key", "--overlap-days", "0", "-d", hospital).code == 2
    said = concord("vault", "retire-key", "participant", "-d", hospital)
    assert said.code == 2
    assert "signs" in said.err
    assert concord("vault", "retire-key", "participant-7", "-d", hospital).code == 2
