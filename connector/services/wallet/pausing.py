"""Less for a while, or less for good: pausing and going on, and limiting what is shared. Nothing received is deleted.

A limit is a narrower version of a yes. It reaches no recipient: they keep what they have, under the same code, and get
less from now on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from connector.ports import Transaction
from connector.problems import Problem, conflict, invalid
from connector.records import WalletConsent, WalletLink
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.wallet import views
from connector.services.wallet.answering import shown_study
from connector.services.wallet.speaking import (
    GIVING,
    Speaker,
    check_no,
    check_own_no,
    check_yes,
    disagreement,
    speaker_in,
)
from connector.services.wallet.versions import Versions
from contracts.study import StudyRequest
from policy.categories import CATEGORIES, words

_RESUMED = ("data", "window", "valid_until", "linkage")
"""What a consent says again once its pause is over."""
_PAUSED = "suspended"


@dataclass(frozen=True, slots=True)
class Limit:
    """What stays: datasets with their categories (None: all, as before), clinical days, the permission's last day."""

    datasets: dict[str, list[str] | None] | None = None
    window_start: date | None = None
    window_end: date | None = None
    until: date | None = None


class Pauses:
    """Pauses, resumes and limits consents on behalf of the person who is signed in, or of one they act for."""

    def __init__(self, context: Context, versions: Versions) -> None:
        self._context = context
        self._versions = versions

    async def pause(self, actor: Actor, study_id: str, *, account: str | None = None) -> None:
        """Nothing is sent to a study, nor used there, until the person goes on. Raises Problem 403, 409."""
        await self._context.store.write(lambda tx: self._pause(tx, actor, account, [study_id]))

    async def pause_everything(self, actor: Actor, *, account: str | None = None) -> list[str]:
        """Every study at once, in one transaction; returns which. Raises Problem 403, 409."""

        def command(tx: Transaction) -> list[str]:
            studies = _studies(tx, account or actor.account, GIVING)
            return self._pause(tx, actor, account, studies)

        return await self._context.store.write(command)

    async def resume(self, actor: Actor, study_id: str, *, account: str | None = None) -> None:
        """Go on as it was before the pause. Raises Problem 403, 409."""
        await self._context.store.write(lambda tx: self._resume(tx, actor, account, [study_id]))

    async def resume_everything(self, actor: Actor, *, account: str | None = None) -> list[str]:
        """Every study that is paused goes on; returns which. Raises Problem 403, 409."""

        def command(tx: Transaction) -> list[str]:
            studies = _studies(tx, account or actor.account, {_PAUSED})
            return self._resume(tx, actor, account, studies)

        return await self._context.store.write(command)

    async def limit(self, actor: Actor, study_id: str, limit: Limit, *, account: str | None = None) -> None:
        """Share less with a study from now on: whoever may say no may. Raises Problem 400, 403, 409."""
        require(actor, *_may(account))

        def command(tx: Transaction) -> None:
            speaker = self._speaker(tx, actor, study_id, account)
            check_no(tx, speaker, self._context.clock())
            study = shown_study(tx, study_id)
            mine = _current(tx, speaker.account, study_id, GIVING)
            if not mine:
                raise conflict("You are not sharing anything with this study")
            _check_known(mine, limit)
            changed = [self._limited(tx, speaker, study, one, limit) for one in mine]
            if not any(changed):
                raise conflict("Nothing of this is less than what you share now", accepted="less data, or fewer dates")

        await self._context.store.write(command)

    async def shared(self, actor: Actor, study_id: str) -> list[views.SharedData]:
        """What of the person's is shared with a study now. Raises Problem 404."""
        require(actor, "patient", "operator")

        def query(tx: Transaction) -> list[views.SharedData]:
            asked = {one.dataset: one.title for one in shown_study(tx, study_id).data}
            return [
                self._shown(one, scope, asked)
                for one in _current(tx, actor.account, study_id, GIVING)
                for scope in (one.record or {})["data"]
            ]

        return await self._context.store.read(query)

    def _shown(self, one: WalletConsent, scope: Mapping[str, Any], titles: Mapping[str, str]) -> views.SharedData:
        record = one.record or {}
        window, kinds = record["window"], scope["categories"]
        return views.SharedData(
            scope["dataset"], self._context.members.name_of(one.holder), titles.get(scope["dataset"], ""),
            [(key, words(key)) for key in (kinds if kinds is not None else CATEGORIES)],
            (_day(window["start"]), _day(window["end"])) if window else None,
            datetime.fromisoformat(record["valid_until"]),
        )  # fmt: skip

    def _pause(self, tx: Transaction, actor: Actor, account: str | None, studies: list[str]) -> list[str]:
        require(actor, *_may(account))
        done = [one for one in studies if self._paused(tx, actor, account, one)]
        if not done:
            raise conflict("You are not sharing anything that could be paused")
        return done

    def _paused(self, tx: Transaction, actor: Actor, account: str | None, study_id: str) -> bool:
        speaker = self._speaker(tx, actor, study_id, account)
        check_no(tx, speaker, self._context.clock())
        study, given = shown_study(tx, study_id), _current(tx, speaker.account, study_id, GIVING)
        for one in given:
            link = _link(tx, one)
            claims = self._versions.claims(study, link, _PAUSED, speaker, one)
            self._versions.keep(tx, speaker, link, claims, one, wish="no")
        return bool(given)

    def _resume(self, tx: Transaction, actor: Actor, account: str | None, studies: list[str]) -> list[str]:
        require(actor, *_may(account))
        done = [one for one in studies if self._resumed(tx, actor, account, one)]
        if not done:
            raise conflict("Nothing of yours is paused that could go on", accepted="a study that you paused")
        return done

    def _resumed(self, tx: Transaction, actor: Actor, account: str | None, study_id: str) -> bool:
        speaker, now = self._speaker(tx, actor, study_id, account), self._context.clock()
        check_yes(tx, speaker, study_id, now)
        study, goes_on = shown_study(tx, study_id), False
        for one in _current(tx, speaker.account, study_id, {_PAUSED}):
            given = _given_before(tx, one)
            until = datetime.fromisoformat(given["valid_until"]) if given else None
            if given is None or until is None or until <= now:
                continue
            link = _link(tx, one)
            check_own_no(tx, link, speaker, study_id)
            rests = disagreement(tx, speaker, link, study_id, "yes", now)
            says = {} if rests else {name: given[name] for name in _RESUMED if name in given}
            claims = self._versions.claims(study, link, _PAUSED if rests else "given", speaker, one, **says)
            self._versions.keep(tx, speaker, link, claims, one, wish="yes")
            goes_on = True
        return goes_on

    def _limited(
        self, tx: Transaction, speaker: Speaker, study: StudyRequest, one: WalletConsent, limit: Limit
    ) -> bool:
        """One holder's part; False when nothing of it changes. Where nothing stays it is stopped, without deletion."""
        record, link = one.record or {}, _link(tx, one)
        data = [narrow for scope in record["data"] if (narrow := _narrower(scope, limit)) is not None]
        window = _window(record["window"], limit)
        until = _until(record["valid_until"], limit)
        if (data, window, until) == (record["data"], record["window"], record["valid_until"]):
            return False
        if data:
            says: dict[str, Any] = {"data": data, "window": window, "valid_until": until}
            says["linkage"] = record.get("linkage", False)
            if not self._may_allow(tx, speaker, study.id):
                says["signer"] = record["signer"]  # what is left still stands on the word of whoever allowed it
            claims = self._versions.claims(study, link, one.state, speaker, one, **says)
        else:
            claims = self._versions.claims(study, link, "withdrawn", speaker, one, on_withdrawal="stop")
        self._versions.keep(tx, speaker, link, claims, one, wish="yes" if data else "no")
        return True

    def _may_allow(self, tx: Transaction, speaker: Speaker, study: str) -> bool:
        """Whether this speaker could have said yes as well: a child and a weak sign-in may only share less."""
        try:
            check_yes(tx, speaker, study, self._context.clock())
        except Problem:
            return False
        return True

    def _speaker(self, tx: Transaction, actor: Actor, study_id: str, account: str | None) -> Speaker:
        return speaker_in(tx, actor, self._context.clock(), study_id, account)


def _may(account: str | None) -> tuple[str, ...]:
    return ("operator",) if account else ("patient", "operator")


def _studies(tx: Transaction, account: str, states: set[str] | frozenset[str]) -> list[str]:
    mine = tx.find(WalletConsent, account=account, current=True, state=sorted(states), order="decided_at")
    return list(dict.fromkeys(one.study for one in mine))


def _current(tx: Transaction, account: str, study: str, states: set[str] | frozenset[str]) -> list[WalletConsent]:
    """What stands at holders one is linked to; a link that has ended carries nothing any more."""
    mine = tx.find(WalletConsent, account=account, study=study, current=True, state=sorted(states), order="id")
    return [one for one in mine if tx.get(WalletLink, one.link) is not None]


def _link(tx: Transaction, one: WalletConsent) -> WalletLink:
    found = tx.get(WalletLink, one.link)
    if found is None:
        raise conflict("This place is not linked any more")
    return found


def _given_before(tx: Transaction, paused: WalletConsent) -> dict[str, Any] | None:
    """The last version that allowed something, before the pause."""
    versions = tx.find(WalletConsent, id=paused.id, version__lt=paused.version, order="-version")
    return next((one.record for one in versions if one.state in GIVING), None)


def _check_known(mine: list[WalletConsent], limit: Limit) -> None:
    """What is named must be shared now: a limit never adds anything. Raises Problem 400."""
    shared = {scope["dataset"]: scope["categories"] for one in mine for scope in (one.record or {})["data"]}
    for dataset, kinds in (limit.datasets or {}).items():
        if dataset not in shared:
            raise invalid("You do not share this now", "datasets", "only what you share already, or an answer anew")
        have = set(shared[dataset] if shared[dataset] is not None else CATEGORIES)
        if kinds is not None and (not kinds or not set(kinds) <= have):
            raise invalid("This would share more than now", "datasets", "kinds of data that you share already")


def _narrower(scope: Mapping[str, Any], limit: Limit) -> dict[str, Any] | None:
    """What of one dataset stays; None when nothing of it does."""
    if limit.datasets is None:
        return dict(scope)
    if scope["dataset"] not in limit.datasets:
        return None
    chosen = limit.datasets[scope["dataset"]]
    return {"dataset": scope["dataset"], "categories": scope["categories"] if chosen is None else sorted(set(chosen))}


def _window(before: Mapping[str, Any] | None, limit: Limit) -> dict[str, Any] | None:
    """The narrower of the days before and those wanted now. Raises Problem 400 where none is left."""
    had = before or {"start": None, "end": None}
    starts = [day for day in (had["start"], _text(limit.window_start)) if day]
    ends = [day for day in (had["end"], _text(limit.window_end)) if day]
    start, end = max(starts, default=None), min(ends, default=None)
    if start and end and start > end:
        raise invalid("The dates leave nothing to share", "window", "dates within those that you share now")
    return {"start": start, "end": end} if start or end else None


def _until(before: str, limit: Limit) -> Any:
    if limit.until is None:
        return before
    ends = datetime.combine(limit.until + timedelta(days=1), time(), UTC)
    return ends if ends < datetime.fromisoformat(before) else before


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _text(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None
