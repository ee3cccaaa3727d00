"""The CDS Hook `patient-consent-consult`: may this actor have this patient's data, by what the patient said?

The consents are those this holder knows for the patient; those in the request are used in their place only where the
operator allows it. What cannot be understood is a no. Each answer is in the evidence log before it is given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connector.ports import Transaction
from connector.problems import forbidden, invalid
from connector.services.context import Context
from connector.services.hooks.content import Answered, answer_content
from connector.services.hooks.known import KnownHere, Sent, known_here
from policy.decision import Action, Outcome
from policy.directives.asking import ACTIONS, Asking
from policy.directives.hook import USE_CONTENT, Consented, Consult, HookError, Obligation, card, checked, read_hook
from policy.directives.model import Directive
from policy.directives.obligations import narrowed, obligations_of
from policy.directives.reading import DirectiveError, read_directive
from policy.directives.several import ask_directives
from policy.gate import Answer
from policy.purposes import ACT_REASON, covers, purpose
from policy.residual import Residual

SERVICES: Mapping[str, Any] = {
    "services": [
        {
            "hook": "patient-consent-consult",
            "id": "patient-consent-consult",
            "title": "What the patient allows",
            "description": "Says whether the patient's consents let this actor have their data for this purpose, "
            "what has to be taken out, and, where content is sent, which resources of it may be seen.",
            "usageRequirements": "A token of this participant, given by its operator.",
        }
    ]
}
_PARTLY = (
    "The patient allows part of the data only, and security labels cannot say which. Send the content to have it "
    "answered resource by resource."
)
_OTHER = "Nothing the patient said is about this request."


class Consulting:
    """Answers consults."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def answer(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The response to a request. Raises Problem 400 for what is not of the form, 403 for consents sent along."""
        try:
            consult = await asyncio.to_thread(read_hook, body)
        except HookError as fault:
            raise invalid("The request is not of the hook's form", fault.pointer, fault.accepted) from None
        if consult.consents is not None and self._context.settings.cds_consents != "sent":
            raise forbidden("Consents in a request are not taken here: the operator has not allowed it")
        now = self._context.clock()
        sent = None if consult.consents is None else await asyncio.to_thread(_sent, consult.consents)
        known = await self._context.store.read(lambda tx: known_here(tx, self._context, consult, sent, now))
        said = await asyncio.to_thread(self._said, consult, known, self._asking(consult, known, now))
        await self._context.store.write(lambda tx: self._log(tx, consult, known, said))
        return checked({"cards": [said]})

    def _asking(self, consult: Consult, known: KnownHere, now: datetime) -> Asking:
        treats = bool(consult.purposes) and all(covers(f"{ACT_REASON}TREAT", one) is True for one in consult.purposes)
        return Asking(
            now=now, subjects=known.subjects, requester=known.requester, purposes=consult.purposes,
            action=ACTIONS[Action.RELEASE], known_actors=known.known_actors, categories=consult.categories,
            care=treats, zone=self._context.settings.time_zone,
        )  # fmt: skip

    def _said(self, consult: Consult, known: KnownHere, asking: Asking) -> dict[str, Any]:
        said = ask_directives(asking, known.directives, known.unreadable)
        source = (self._context.me.name, self._context.settings.public_url)
        if said.outcome is Outcome.NOT_APPLICABLE:
            return card(Consented.NONE, _OTHER, source)
        words = " ".join(dict.fromkeys(one.text for one in said.because))
        if said.outcome is not Outcome.PERMIT:
            return card(Consented.DENY, words, source)
        rules = narrowed(said.rules, consult.classes)
        obligations = None if said.scopes else obligations_of(rules)
        if consult.bundle is not None:
            found = self._answered(consult, known, said)
            more = {"content": found.bundle, "resources": found.lines}
            told = obligations if obligations is not None else (Obligation(id=USE_CONTENT),)
            return card(Consented.PERMIT, f"{words} {_counted(found)}", source, told, more)
        if obligations is None:
            return card(Consented.DENY, _PARTLY, source)
        return card(Consented.PERMIT, words, source, obligations)

    def _answered(self, consult: Consult, known: KnownHere, said: Answer) -> Answered:
        bundle: Mapping[str, Any] = consult.bundle or {"entry": []}
        residual = Residual.of(said.scopes, said.rules)
        return answer_content(bundle, residual, known.subjects, self._context.data.labeller())

    def _log(self, tx: Transaction, consult: Consult, known: KnownHere, said: Mapping[str, Any]) -> None:
        """Who asked and what was said; the person by our own id, as everywhere in the log.

        Of purposes those that a vocabulary knows: anything else may be a text about somebody.
        """
        known_of = [one for one in consult.purposes if purpose(one) is not None]
        self._context.log(
            tx, "consent.consulted", known.people[0] if len(known.people) == 1 else "nobody-known",
            {"decision": said["summary"], "purposes": sorted(known_of),
             "other_purposes": len(consult.purposes) - len(known_of), "consents": len(known.directives),
             "sent": consult.consents is not None, "resources": len(consult.content)},
        )  # fmt: skip


def _sent(consents: Sequence[Any]) -> Sent:
    """Read the consents of a request; one that cannot be read is counted, and then nobody can tell."""
    directives, unreadable = list[Directive](), 0
    for number, one in enumerate(consents):
        try:
            directives.append(read_directive(one, id=f"request/{number}"))
        except (DirectiveError, ValueError, TypeError, KeyError, RecursionError):
            unreadable += 1
    return Sent(tuple(directives), unreadable)


def _counted(found: Answered) -> str:
    withheld = sum(found.withheld.values())
    return "Everything that was sent may be seen." if not withheld else f"{withheld} resources were taken out."
