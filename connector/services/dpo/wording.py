"""Log entries, decisions and their limits in words a data protection officer reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from types import MappingProxyType

from policy.categories import words as category_words
from policy.decision import Decision
from policy.residual import Scope

_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "account.closed": "An account was closed",
        "account.opened": "An account was opened",
        "account.roles-granted": "An account was given further roles",
        "agreement.resumed": "A contract that rested goes on",
        "agreement.suspended": "A contract rests: nothing moves under it",
        "consent.acknowledged": "A holder confirmed a choice",
        "consent.crossed": "A stop crossed the end that we had made ourselves",
        "consent.invalidated": "A consent was struck out",
        "consent.invalidated-by-holder": "A holder struck a consent out",
        "consent.terminated": "A consent was ended by its controller",
        "consent.terminated-by-holder": "A holder ended a consent itself",
        "consent.given": "A person said yes",
        "consent.refused": "A person said no",
        "consent.refused-by-holder": "A holder did not take a choice",
        "consent.suspended": "A person paused their yes",
        "consent.withdrawn": "A person stopped sharing",
        "dataset.published": "A dataset was published with its offer",
        "dataset.withdrawn": "A dataset was taken out of the catalogue",
        "device.registered": "A person's device was registered",
        "duty.done": "What was owed under a contract was done",
        "duty.dropped": "Changed terms took the place of what was owed",
        "duty.overdue": "The time for a duty is over, and it is not known to be done",
        "duty.reminded": "Half of the time for a duty is over",
        "duty.reopened": "More arrived of what had been done with: it is owed again",
        "duty.telling": "We told the data holder what we owed to tell",
        "erasure.asked": "We were asked to delete what we received about a person",
        "erasure.erased": "We stated that a person's data is deleted",
        "erasure.exception": "We stated what had to be kept, and why",
        "erasure.reminded": "We were reminded of a withdrawal",
        "erasure.resumed": "We were told that a pause is over",
        "erasure.stopped": "We stated that a person's data is not used any more",
        "key.retired": "An earlier signing key of ours stopped counting",
        "key.rotated": "We sign with a new key",
        "link.code-made": "A link code was made at the desk",
        "link.made": "A record was linked to a wallet",
        "log.exported": "The log was written out",
        "member.acceptance-revoked": "The acceptance of a participant by name was taken back",
        "member.accepted": "A participant that cannot prove erasure was accepted by name",
        "member.activated": "A participant is listened to again",
        "member.added": "A participant was added to the register",
        "member.key-changed": "A participant shows a newer key",
        "member.removed": "A participant was removed from the register",
        "member.suspended": "A participant was suspended",
        "negotiation.accept-decided": "A person took an offer",
        "negotiation.accepted": "An offer was accepted",
        "negotiation.agreed": "Terms were agreed",
        "negotiation.asked": "A contract was asked for",
        "negotiation.end-asked": "The end of a negotiation was asked for",
        "negotiation.finalized": "A contract was made",
        "negotiation.makeoffer-decided": "A person made another offer",
        "negotiation.makerequest-decided": "A person asked for other terms",
        "negotiation.offered": "An offer was made",
        "negotiation.person-asked": "People were asked to decide about an offer",
        "negotiation.reminded": "Half of the time to decide is over",
        "negotiation.requested": "A contract was requested",
        "negotiation.terminate-decided": "The end of a negotiation was decided",
        "negotiation.terminated": "A negotiation ended without a contract",
        "negotiation.verdict-approve": "A person approved exactly these terms",
        "negotiation.verdict-offer": "A person spoke for the terms they offered",
        "negotiation.verdict-refuse": "A person refused these terms",
        "negotiation.verified": "The terms were verified",
        "person.exported": "A person took away everything kept about them",
        "person.file-opened": "A person's file was opened",
        "person.searched": "Somebody looked for a person's file",
        "register.exported": "The register of processing was written out",
        "release.assessed": "How easily somebody could be singled out was measured before a release",
        "release.begun": "A release began",
        "release.broken": "A release was broken off",
        "release.chunk": "Records left",
        "release.complete": "A release was complete, and its list of contents signed",
        "release.decided": "Who may get what was decided for each person",
        "release.ended": "A release ended before it was complete",
        "source.consent-taken-in": "A consent that a source holds was taken in",
        "source.consent-set-aside": "A consent from a source was found to be none, and counts no more",
        "source.name-said": "Somebody said whom a source means by a reference",
        "source.name-taken-back": "Whom a source means by a reference is not known any more",
        "opt-out.taken": "A person opted out of secondary use",
        "opt-out.reversed": "A person took their opt-out back",
        "opt-out.stated": "One of our people opted out of secondary use",
        "opt-out.taken-back": "One of our people took their opt-out back",
        "opt-out.acknowledged": "A holder confirmed an opt-out, or its reversal",
        "emergency.declared": "Somebody looked at a person's records in an emergency",
        "emergency.looked": "The records of an emergency were looked at",
        "emergency.refused": "An emergency was declared and nothing was opened",
        "emergency.reviewed": "An emergency was reviewed",
        "vault.matched": "People of two sources were compared",
        "vault.locked": "The vault was locked: its key service did not confirm our key",
        "vault.unlocked": "The vault is open again",
        "reidentification.asked": "Somebody asked to find out whose code it is",
        "reidentification.approved": "Finding out whose code it is was approved",
        "reidentification.refused": "Finding out whose code it is was refused",
        "reidentification.opened": "A code was traced back to a person",
        "evidence.opened": "Somebody opened what was kept of how an answer was taken",
        "quarantine.cleared": "What was held back because of an identifier in it was destroyed",
        "quarantine.opened": "What was held back because of an identifier in it was looked at",
        "release.leak": "A record was held back because an identifier was found in it",
        "release.person-dropped": "A person was taken out of a running release",
        "release.planned": "A release was cut into the segments that it is fetched in",
        "release.refused": "A release was refused before anything was sent",
        "release.segment-gone": "A segment of a release was replaced, because what it was made of had changed",
        "risk.assessed": "How easily somebody could be singled out was tried, and nothing released",
        "rule.removed": "A rule about requests was taken away",
        "rule.set": "A rule about requests was set",
        "session.ended": "Somebody signed out",
        "session.opened": "Somebody signed in",
        "session.role-chosen": "Somebody acts in another of their roles",
        "source.imported": "Records were imported",
        "stream.decided": "Whose measurements may flow was decided for each person",
        "stream.person-dropped": "A person was taken out of a running stream",
        "study.approval-known": "A holder's approval of a study arrived",
        "study.approved": "A study request was approved",
        "study.published": "A study request was published",
        "study.received": "A study request arrived",
        "study.refused": "A study request was refused",
        "transfer.asked": "Data was asked for",
        "transfer.completed": "A transfer was completed",
        "transfer.end-asked": "The end of a transfer was asked for",
        "transfer.received": "What arrived was checked against its list of contents",
        "transfer.requested": "A transfer was requested",
        "transfer.started": "A transfer started",
        "transfer.suspended": "A transfer was paused",
        "transfer.terminated": "A transfer was broken off",
        "withdrawal.answer-unusable": "A receiver's answer to a withdrawal could not be used",
        "withdrawal.checked": "We looked whether what a receiver erased is gone",
        "withdrawal.erased": "A receiver stated that a person's data is deleted",
        "withdrawal.escalated": "The data protection officer was called in about a withdrawal",
        "withdrawal.exception": "A receiver stated what it keeps, and why",
        "withdrawal.lifted": "A receiver knows that a pause is over",
        "withdrawal.noted": "What a receiver answered was noted by hand",
        "withdrawal.overdue": "A receiver did not answer a withdrawal in time",
        "withdrawal.progress": "A receiver's statement reached the person's wallet",
        "withdrawal.received": "A receiver has a person's withdrawal",
        "withdrawal.resumed": "A person goes on, and a receiver is told",
        "withdrawal.secret-destroyed": "The secret behind a person's code was destroyed",
        "withdrawal.stopped": "A receiver stated that it stopped",
        "withdrawal.suspended": "Every contract with a receiver rests, for want of an answer",
        "withdrawal.told": "A receiver was told that a person stopped",
    }
)

_OWED: Mapping[str, str] = MappingProxyType(
    {
        "pseudonymise": "Replace names and other marks of the person before anything leaves",
        "erase-on-withdrawal": "Have it deleted when the person withdraws and asks for it",
        "stop-on-withdrawal": "Stop new use when the person withdraws",
        "anonymise": "Remove everything that points to the person",
        "assess-risk": "Measure how easily somebody could be singled out before anything leaves",
        "delete": "Have it deleted when its time is over",
        "inform": "Be told about each use",
        "log": "Have each transfer written down in the recipient's log",
        "report": "Get a report",
        "publish-results": "Have the results published",
    }
)

_WOULD_ALLOW: Mapping[str, str] = MappingProxyType(
    {
        "not-linked": "the person linked their record here to a wallet and said yes",
        "no-consent": "the person said yes to this study",
        "refused": "the person said yes to this study",
        "withdrawn": "the person said yes again",
        "suspended": "the person took up their yes again",
        "expired": "the person said yes again",
        "study-changed": "the person said yes to this version of the study",
        "recipient-not-agreed": "the person agreed to this recipient",
        "purpose-not-agreed": "the person agreed to every purpose asked for",
        "dataset-not-agreed": "the person agreed to share from this dataset",
        "wallet-silent": "the person's wallet had been heard from lately",
        "opted-out": "the person had not opted out",
        "no-contract": "there were a contract",
        "other-dataset": "the contract were about this dataset",
        "other-recipient": "the contract were with this recipient",
        "prohibited": "the contract did not forbid it",
        "purpose-missing": "a purpose were named",
        "purpose-not-offered": "the purpose lay within those on offer",
        "purpose-unknown-relation": "the purpose were known to lie within those on offer",
        "contract-ended": "the contract still ran",
        "contract-not-started": "the contract had begun",
        "study-not-named": "a study were named",
        "other-study": "it were for the study of the contract",
        "profile-not-agreed": "identities were removed in the way agreed",
        "selection-not-agreed": "the selection of data were the one agreed",
        "study-not-approved": "the steward had approved the study",
        "withdrawal-under-way": "the receiver had been told of the earlier withdrawal",
    }
)


def entry_words(kind: str) -> str:
    """What an entry of this kind says; a kind without a sentence is written out."""
    return _KINDS.get(kind) or kind.replace(".", ": ").replace("-", " ").capitalize()


def duty_words(keys: Iterable[str]) -> list[str]:
    """The duties that go with a yes."""
    return [_OWED.get(key, key.replace("-", " ").capitalize()) for key in keys]


def limits(decision: Decision) -> list[str]:
    """Within what a yes releases, one line per allowance; nothing for a no."""
    return [line for scope in decision.residual.scopes for line in _limit(scope)] if decision.permits else []


def would_change(decision: Decision) -> str | None:
    """The shortest thing that would turn the answer round; None where no single change is known to."""
    if decision.permits:
        return "The person withdrew their consent"
    conditions = [_WOULD_ALLOW.get(cause.code) for cause in decision.because]
    known = list(dict.fromkeys(condition for condition in conditions if condition))
    return " and ".join(known) if known and None not in conditions else None


def _limit(scope: Scope) -> Iterator[str]:
    kinds = "all kinds of data" if scope.categories is None else "; ".join(map(category_words, scope.categories))
    yield f"Only {kinds}" if scope.categories is not None else kinds.capitalize()
    if scope.start or scope.end:
        yield "Only what happened " + " ".join(_ends(scope.start, scope.end))


def _ends(start: date | None, end: date | None) -> Iterator[str]:
    if start:
        yield f"from {_day(start)}"
    yield f"up to {_day(end)}" if end else "on"


def _day(value: date) -> str:
    return f"{value.day} {value:%B} {value.year}"
