"""Records behind the log: what was altered, removed or slipped in after the log took up its digest is found."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connector.provenance.entry import instant
from connector.records import Consent, DecisionMade
from connector.services.committed import decisions_digest, records_differ
from policy.canonical import digest

NOW = datetime(2030, 1, 1, tzinfo=UTC)
RECORD = {"state": "withdrawn", "study": "urn:s"}
CONSENT = Consent(id="urn:uuid:c", version=2, link="urn:l", person="p", study="urn:s", state="withdrawn",
                  record=RECORD, digest=digest(RECORD))  # fmt: skip


def made(number, at=NOW):
    return DecisionMade(id=f"urn:uuid:d{number:04d}", agreement="urn:a", person=f"p{number}", release="urn:r", at=at,
                        outcome="deny", first_reason="refused", inputs={"n": number}, decision={"o": 1})  # fmt: skip


@pytest.fixture
async def kept(hospital):
    """A hospital that took a withdrawal and decided about 600 people, all of it in its log."""
    context = hospital.context

    def command(tx):
        tx.add(CONSENT)
        context.log(tx, "consent.withdrawn", CONSENT.id, {"version": 2, "digest": CONSENT.digest})
        for number in range(600):
            tx.add(made(number))
        whole = decisions_digest(tx, "urn:r", NOW)
        context.log(tx, "release.decided", "urn:r", {"people": 600, "decided_at": instant(NOW), "decisions": whole})
        tx.add(made(9999, NOW.replace(second=9)))
        context.log(tx, "release.decided", "urn:older", {"people": 1})

    await context.store.write(command)
    return hospital


async def verdict(one):
    return await one.services.dpo.verify(one.actor("dpo"))


ALTERED = {"given": {"state": "given"}, "record": {"record": RECORD | {"state": "given"}}, "digest": {"digest": "0"}}


async def test_records_as_they_were_logged_hold(kept):
    assert await kept.context.store.read(records_differ) == ""
    assert (await verdict(kept)).ok


@pytest.mark.parametrize("what", [*ALTERED, "all of them"])
async def test_an_altered_consent_is_named(kept, what):
    given = RECORD | {"state": "given"}
    changed = replace(CONSENT, **ALTERED.get(what, {"state": "given", "record": given, "digest": digest(given)}))
    await kept.context.store.write(lambda tx: tx.put(changed))
    found = await verdict(kept)
    assert (found.ok, found.what) == (False, "records behind the log differ: consent urn:uuid:c, version 2")


async def test_a_removed_or_added_consent_is_found(kept):
    await kept.context.store.write(lambda tx: tx.add(replace(CONSENT, version=3)))
    assert "2 are there" in (await verdict(kept)).what
    await kept.context.store.write(lambda tx: tx.remove(Consent, id=CONSENT.id))
    assert "version 2" in (await verdict(kept)).what


@pytest.mark.parametrize(
    "change", [{"outcome": "permit"}, {"first_reason": "x"}, {"person": "x"}, {"inputs": {}}, {"decision": {}}]
)
async def test_an_altered_decision_is_found(kept, change):
    await kept.context.store.write(lambda tx: tx.alter(DecisionMade, change, id="urn:uuid:d0555"))
    found = await verdict(kept)
    assert (found.ok, found.what) == (False, "records behind the log differ: the decisions of release urn:r")


async def test_a_removed_or_added_decision_is_found(kept):
    await kept.context.store.write(lambda tx: tx.add(made(700)))
    assert not (await verdict(kept)).ok
    await kept.context.store.write(lambda tx: tx.remove(DecisionMade, id="urn:uuid:d0700"))
    assert (await verdict(kept)).ok
    await kept.context.store.write(lambda tx: tx.remove(DecisionMade, id="urn:uuid:d0003"))
    assert not (await verdict(kept)).ok
