"""What must hold, watched from outside: every commit and every answer is compared with the state tables.

The judge reads the files, not the product's objects. A change of state needs a message, queued by the party that the
history names, for which the table has a row from the state before; no message counts twice. An answer of 2xx needs a
committed inbox row, and the same message gets the same answer for ever. What a file once showed it shows after a crash.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from connector.outbound.answer import Answer
from contracts import negotiation, transfer
from contracts.names import Role

Step = list[str]
TABLES: dict[str, tuple[Mapping[Any, Any], Callable[[str], Any], type]] = {
    "negotiation": (negotiation.TABLE, negotiation.NegotiationStep, negotiation.NegotiationState),
    "transfer": (transfer.TABLE, transfer.TransferStep, transfer.TransferState),
}
FRESH_ADDRESS = ("transfer", "STARTED", transfer.TransferStep.START, Role.PROVIDER)
"""After a consumer resumed, the provider may say where the data is now: a message, and no change of state."""
FINAL = {"negotiation": negotiation.FINAL, "transfer": transfer.FINAL}


@dataclass
class Queued:
    """A message somebody put into their outbox, as the step it asks for."""

    id: str
    step: Any


@dataclass
class Seen:
    """A process at one party, as its file showed it last."""

    party: str
    kind: str
    pid: str
    role: str
    their_pid: str | None
    state: str
    revision: int
    agreement: str | None
    steps: list[Step]
    used: set[str] = field(default_factory=set)


class Judge:
    """Collects what is wrong in `findings`; the first one ends a schedule."""

    def __init__(self, note: Callable[[str, str], None], moved: Callable[[Seen], None]) -> None:
        self.findings: list[str] = []
        self.processes: dict[tuple[str, str], Seen] = {}
        self.queued: dict[tuple[str, str], list[Queued]] = defaultdict(list)
        self._note, self._moved = note, moved
        self._rows: dict[str, int] = defaultdict(int)
        self._given: dict[tuple[str, str, str], tuple[int, bytes]] = {}
        self._refused: set[str] = set()
        self._taken_back: dict[str, tuple[str, str, str]] = {}
        self.counted: dict[str, int] = defaultdict(int)

    def finds(self, what: str) -> None:
        """Something is wrong."""
        self.findings.append(what)
        self._note("judge", f"FINDS: {what}")

    # --- commits -----------------------------------------------------------------------------------------------------

    def committed(self, party: str, raw: sqlite3.Connection) -> None:
        """A party has just committed something."""
        for row, id, kind, about, body in raw.execute(
            "select rowid, id, kind, about, body from outbox_message where rowid > ?", (self._rows[party],)
        ):
            self._rows[party] = row
            self._queue(party, id, kind, about, body)
        for kind in TABLES:
            known = f"select pid, revision from {kind}"
            changed = [
                pid for pid, revision in raw.execute(known)
                if (seen := self.processes.get((party, pid))) is None or seen.revision != revision
            ]  # fmt: skip
            for pid in changed:
                self._changed(party, kind, _read(raw, party, kind, pid))

    def restarted(self, party: str, raw: sqlite3.Connection) -> None:
        """A party came up again on its file: all that was committed is there."""
        for (whose, pid), seen in self.processes.items():
            if whose != party:
                continue
            now = _read(raw, party, seen.kind, pid)
            if now is None or now.steps[: len(seen.steps)] != seen.steps:
                self.finds(f"{party} has lost the {seen.kind} {pid}, or a part of its history, with its process")
        for (by, sender, id), (_status, _answer) in self._given.items():
            if by == party and not _received(raw, sender, id):
                self.finds(f"{party} has lost the message {id}, which it had answered")

    def _queue(self, party: str, id: str, kind: str, about: str, body: str | None) -> None:
        table = kind.removeprefix("dsp.")
        if table not in TABLES:
            return
        if body is None:  # taken back by the very commit that queued it
            self._taken_back[id] = (party, table, about)
        else:
            self._know(party, table, id, about, json.loads(body))

    def _know(self, party: str, table: str, id: str, about: str, message: Mapping[str, Any]) -> None:
        name = message["@type"] + (f" {event}" if (event := message.get("eventType")) else "")
        self._note(party, f"queues {name} {id} about {about}")
        self.queued[party, about].append(Queued(id, TABLES[table][1](name)))

    def sent(self, message: Mapping[str, Any]) -> None:
        """A message has gone out; one that was taken back before may do so all the same."""
        id = str(message.get("@id"))
        if (known := self._taken_back.pop(id, None)) is not None:
            party, table, about = known
            self.counted["sent though taken back"] += 1
            self._know(party, table, id, about, message)

    def _changed(self, party: str, kind: str, now: Seen | None) -> None:
        if now is None:
            return
        before = self.processes.get((party, now.pid))
        steps = before.steps if before else []
        now.used = before.used if before else set()
        if now.steps[: len(steps)] != steps:
            self.finds(f"{party} rewrote the history of the {kind} {now.pid}: {steps} became {now.steps}")
        for place in range(len(steps), len(now.steps)):
            self._stepped(now, now.steps[place - 1][0] if place else None, now.steps[place])
        if now.state != (now.steps[-1][0] if now.steps else ""):
            self.finds(f"{party}: the {kind} {now.pid} is {now.state}, its history ends with {now.steps[-1:]}")
        if before and before.agreement and before.agreement != now.agreement and kind == "negotiation":
            self.finds(f"{party}: the negotiation {now.pid} had the agreement {before.agreement}, now {now.agreement}")
        self.processes[party, now.pid] = now
        if len(now.steps) > len(steps):
            self._moved(now)

    def _stepped(self, process: Seen, before: str | None, step: Step) -> None:
        table, _, states = TABLES[process.kind]
        state, _at, by = step
        role = Role(by)
        party, about = (
            (process.party, process.pid) if by == process.role else (_other(process.party), process.their_pid)
        )
        self._note(process.party, f"{process.kind} {process.pid}: {before} -> {state} by {by}")
        self.counted[f"{process.kind} {state}"] += 1
        for message in self.queued.get((party, about or ""), ()):
            following = table.get((states(before) if before else None, message.step, role))
            fresh = (process.kind, before, message.step, role) == FRESH_ADDRESS
            if message.id not in process.used and (following == state or (fresh and state == before)):
                process.used.add(message.id)
                return
        first = self.queued.get((process.party, process.pid), [])[:1]
        if before is None and state == "TERMINATED" and by == process.role and first and first[0].id in self._refused:
            return  # what was refused at the first word never began
        self.finds(
            f"{process.party}: the {process.kind} {process.pid} went from {before} to {state} by the {by}, "
            "and no message of theirs says so"
        )

    # --- answers -----------------------------------------------------------------------------------------------------

    def answered(
        self, party: str, raw: sqlite3.Connection, sender: str, message: Mapping[str, Any], answer: Answer
    ) -> None:
        """A party answers a message: what it says yes to is on its disk, and it says the same every time."""
        id = str(message.get("@id"))
        self._note(party, f"answers {answer.status} to {id}{_code(answer)}")
        self.counted[f"status {answer.status}"] += 1
        given = self._given.get((party, sender, id))
        if given is not None and given != (answer.status, answer.body):
            self.finds(f"{party} answered {id} with {given}, and now with {(answer.status, answer.body)}")
        if not answer.ok:
            self._refused.add(id)
        kept = _received(raw, sender, id)
        if answer.ok and not kept:
            self.finds(f"{party} said yes to {id} before that was on its disk")
        if answer.ok or kept:
            self._given[party, sender, id] = (answer.status, answer.body)

    def read(self, party: str, raw: sqlite3.Connection) -> None:
        """Take a file as it is, where nobody watched how it came to be so."""
        for kind in TABLES:
            for (pid,) in raw.execute(f"select pid from {kind}").fetchall():
                if (seen := _read(raw, party, kind, pid)) is not None:
                    self.processes[party, pid] = seen

    # --- the end -----------------------------------------------------------------------------------------------------

    def quiet(self, files: Mapping[str, sqlite3.Connection]) -> None:
        """Nothing is under way any more: both sides say the same."""
        for party, raw in files.items():
            for problem in self._left_over(party, raw):
                self.finds(problem)
        for seen in self.processes.values():
            for problem in self._differs(seen):
                self.finds(problem)
        agreements = {party: _agreements(raw) for party, raw in files.items()}
        for party, theirs in agreements.items():
            for problem in self._disagreements(party, theirs, agreements[_other(party)]):
                self.finds(problem)

    def waiting(self, raw: sqlite3.Connection) -> list[tuple[str, str | None, int, str]]:
        """Messages that still stand in an outbox: id, since when given up, attempts, what went wrong last."""
        return raw.execute(
            "select id, dead_at, attempts, error from outbox_message where standing = 'waiting'"
        ).fetchall()

    def _left_over(self, party: str, raw: sqlite3.Connection) -> Iterator[str]:
        for kind in TABLES:
            for pid, parting in raw.execute(f"select pid, parting from {kind} where parting is not null"):
                yield f"{party}: the {kind} {pid} still waits to end: {parting}"
            for theirs, count in raw.execute(
                f"select their_pid, count(*) from {kind} where their_pid is not null group by their_pid"
            ):
                if count > 1:
                    yield f"{party} made {count} processes of the one {kind} {theirs}"

    def _differs(self, seen: Seen) -> Iterator[str]:
        if seen.their_pid is None:
            if seen.state != "TERMINATED":
                yield f"{seen.party}: the {seen.kind} {seen.pid} is {seen.state} and unknown to the other side"
            return
        theirs = self.processes.get((_other(seen.party), seen.their_pid))
        if theirs is None:
            yield f"{seen.party}: the {seen.kind} {seen.pid} has a counterpart {seen.their_pid} that does not exist"
        elif theirs.their_pid not in (seen.pid, None) or theirs.role == seen.role:
            yield f"{seen.party}: the {seen.kind} {seen.pid} and its counterpart are not each other's"
        elif theirs.state != seen.state:
            yield (
                f"the {seen.kind} is {seen.state} at {seen.party} ({seen.role} {seen.pid}) and {theirs.state} "
                f"at {theirs.party} ({theirs.pid})"
            )

    def _disagreements(self, party: str, mine: list[Any], theirs: list[Any]) -> Iterator[str]:
        known = {id: (digest, standing) for id, _negotiation, digest, standing in theirs}
        negotiations = [one[1] for one in mine]
        for id, own, digest, standing in mine:
            process = self.processes.get((party, own))
            if negotiations.count(own) > 1:
                yield f"{party} has {negotiations.count(own)} agreements of the negotiation {own}"
            if (standing == "active") != (process is not None and process.state == "FINALIZED"):
                yield f"{party}: the agreement {id} is {standing}, its negotiation {process and process.state}"
            if standing == "active" and known.get(id) != (digest, "active"):
                yield f"the agreement {id} is active at {party} and {known.get(id)} at the other side"


def _read(raw: sqlite3.Connection, party: str, kind: str, pid: str) -> Seen | None:
    row = raw.execute(
        f"select role, their_pid, state, revision, agreement, steps from {kind} where pid = ?", (pid,)
    ).fetchone()
    if row is None:
        return None
    *facts, steps = row
    return Seen(party, kind, pid, *facts, (json.loads(steps) if steps else {}).get("steps", []))


def _received(raw: sqlite3.Connection, sender: str, id: str) -> bool:
    found = raw.execute("select 1 from inbox_message where sender = ? and message_id = ?", (sender, id)).fetchone()
    return found is not None


def _agreements(raw: sqlite3.Connection) -> list[Any]:
    return raw.execute("select id, negotiation, digest, standing from agreement").fetchall()


def _code(answer: Answer) -> str:
    return "" if answer.ok else f" ({orjson.loads(answer.body).get('code')})"


def _other(party: str) -> str:
    return "B" if party == "A" else "A"
