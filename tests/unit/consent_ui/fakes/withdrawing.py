"""In-memory withdrawals: at a wallet pauses and limits, at a holder what its officer follows up."""

from __future__ import annotations

from datetime import timedelta

from connector.problems import Problem
from connector.services.exchange.standings import HeldConsent
from connector.services.suspending import SuspendedContract
from connector.services.wallet.views import SharedData
from connector.services.withdrawals import Note, Withdrawal
from tests.unit.consent_ui.fakes.people import HEART, NOW, SLEEP
from tests.unit.consent_ui.fakes.staff import AGREEMENT

LATE, BY_HAND, WAITING = "urn:uuid:n-late", "urn:uuid:n-hand", "urn:uuid:n-wait"
CONSENT = "urn:uuid:c-held"


def row(notice: str, **changes) -> Withdrawal:
    facts = {
        "notice": notice, "agreement": AGREEMENT, "recipient": "urn:concord:ghent:1",
        "recipient_name": "Ghent University",
        "study": HEART, "kind": "erase", "standing": "waiting", "effective_at": NOW - timedelta(days=40),
        "due": NOW + timedelta(days=1), "stop_by": NOW - timedelta(days=39), "deadline": NOW - timedelta(days=10),
        "backups_by": NOW + timedelta(days=50), "told_at": NOW - timedelta(days=40), "received_at": None,
        "stopped_at": None, "erased_at": None, "exception": None, "remaining": [], "overdue_at": None,
        "reminded_at": None, "escalated_at": None, "suspended_at": None, "check": "", "checked_at": None, "objects": 0,
        "lines": 0, "bytes_after": 0, "by_hand": False, "code": None, "needs_officer": False,
    }  # fmt: skip
    return Withdrawal(**(facts | changes))


class Withdrawals:
    def __init__(self, empty: bool) -> None:
        day = timedelta(days=1)
        self.said: list[tuple] = []
        self.rows = [] if empty else [
            row(LATE, standing="overdue", due=NOW - 10 * day, overdue_at=NOW - 10 * day, reminded_at=NOW - 10 * day,
                escalated_at=NOW - 8 * day, suspended_at=NOW - 3 * day, stopped_at=NOW - 39 * day, needs_officer=True,
                check="here"),
            row(BY_HAND, by_hand=True, code="p-9c41d7e2a05b", told_at=None, needs_officer=True,
                notes=[Note(NOW - day, "dpo", "told", "", "A letter of yesterday.")]),
            row(WAITING),
        ]  # fmt: skip

    async def list(self, actor, *, open_only=False):
        return self.rows

    async def counted(self, actor):
        return sum(one.needs_officer for one in self.rows)

    async def one(self, actor, notice):
        found = next((one for one in self.rows if one.notice == notice), None)
        if found is None:
            raise Problem(404, "unknown", "There is no such withdrawal here")
        return found

    async def note(self, actor, notice, answer, evidence, ground=""):
        if "rumour" in evidence:
            raise Problem(400, "invalid", "The input cannot be accepted", "A rumour is no evidence", "evidence")
        self.said.append((notice, answer, evidence, ground))


class Suspending:
    def __init__(self, empty: bool) -> None:
        self.lifted: list[tuple[str, str]] = []
        self.rows = [] if empty else [
            SuspendedContract(AGREEMENT, "urn:concord:ghent:1", "Ghent University", "Records", "provider",
                              NOW - timedelta(days=3), "A withdrawal was not answered in time.", [LATE])
        ]  # fmt: skip

    async def list(self, actor):
        return self.rows

    async def lift(self, actor, agreement, reason):
        if "soon" in reason:
            raise Problem(409, "still-overdue", "1 withdrawals are still not answered by this recipient")
        self.lifted.append((agreement, reason))


class Standings:
    def __init__(self, empty: bool) -> None:
        self.ended: list[tuple[str, str, str]] = []
        self.rows = [] if empty else [
            HeldConsent(CONSENT, 2, HEART, "given", NOW, True),
            HeldConsent("urn:uuid:c-x", 3, HEART, "terminated", NOW, False)
        ]  # fmt: skip

    async def list(self, actor, study=None):
        return self.rows

    async def end(self, actor, consent, state, reason):
        self.ended.append((consent, state, reason))


class Pauses:
    """What the wallet does about pauses and limits; `done` is what it was asked to."""

    def __init__(self, wallet, empty: bool) -> None:
        self.wallet, self.empty, self.done = wallet, empty, []

    async def pause(self, actor, study):
        self.done.append(("pause", study))
        self.wallet.stopped[study] = "pause"
        return await self.wallet.progress(actor, study)

    async def pause_everything(self, actor):
        self.done.append(("pause-everything",))
        return [SLEEP]

    async def resume(self, actor, study):
        self.done.append(("resume", study))

    async def resume_everything(self, actor):
        self.done.append(("resume-everything",))
        return [SLEEP]

    async def shared(self, actor, study):
        kinds = [("vital-signs", "Vital signs"), ("laboratory", "Laboratory results")]
        return [] if self.empty else [SharedData("d1", "St Elisabeth Hospital", "Records", kinds, None, NOW)]

    async def limit(self, actor, study, limit):
        if limit.window_end is not None:
            raise Problem(400, "invalid", "The input cannot be accepted", "The dates leave nothing to share", "window")
        self.done.append(("limit", study, limit.datasets))


def add(services, empty: bool) -> None:
    services.withdrawals = Withdrawals(empty)
    services.suspending = Suspending(empty)
    services.standings = Standings(empty)
    services.pauses = pauses = Pauses(services.wallet, empty)
    for name in ("pause", "pause_everything", "resume", "resume_everything", "shared", "limit"):
        setattr(services.wallet, name, getattr(pauses, name))
