"""Who here said yes to changed terms, and how many have to: the provider's standing rules hold for amendments too.

An amendment is asked about as a negotiation is (`connector.services.contracting`): a rule may refuse it, or want one or
two persons. Their verdicts are kept under the amendment's id and the digest of exactly its terms.
"""

from __future__ import annotations

from connector.ports import Transaction
from connector.problems import conflict, forbidden
from connector.records import Agreement, Amendment, Approval
from connector.services.actors import Actor
from connector.services.context import Context
from connector.services.contracting.questions import offer_digest
from connector.services.contracting.rules import NEEDED, rule_for
from contracts.names import Role

_REFUSED = "Changes of this kind are not accepted here."


def refused_by_rule(tx: Transaction, agreement: Agreement) -> str | None:
    """Provider: why our rule for this dataset and counterparty takes no changed terms; None where it does."""
    if agreement.role != Role.PROVIDER:
        return None
    rule = rule_for(tx, agreement.dataset, agreement.counterparty)
    return (rule.reason or _REFUSED) if rule.answer == "refuse" else None


def check_rule(tx: Transaction, agreement: Agreement) -> None:
    """Raises Problem 409 where our rule refuses changed terms."""
    if (refusal := refused_by_rule(tx, agreement)) is not None:
        raise conflict(refusal, "refused-by-rule", "once the rule for this dataset and participant allows it")


def needed(tx: Transaction, agreement: Agreement) -> int:
    """How many persons here have to say yes before we, as provider, agree; none where we are the consumer."""
    if agreement.role != Role.PROVIDER:
        return 0
    return NEEDED.get(rule_for(tx, agreement.dataset, agreement.counterparty).answer, 0)


def approved(tx: Transaction, amendment: Amendment) -> list[Approval]:
    """What persons here said yes to exactly these terms, each of another account; the proposer's word is one."""
    said = tx.find(Approval, negotiation=amendment.id, order="at")
    if not said:
        return []  # nearly always: then nothing needs to be hashed
    about = offer_digest(amendment.policy, amendment.selection)
    return [one for one in said if one.digest == about and one.verdict != "refuse"]


def enough(tx: Transaction, agreement: Agreement, amendment: Amendment) -> bool:
    """Whether as many persons said yes as our rule wants."""
    return len(approved(tx, amendment)) >= needed(tx, agreement)


def vote(tx: Transaction, context: Context, agreement: Agreement, amendment: Amendment, actor: Actor) -> bool:
    """One person's yes at the provider, kept and logged; returns whether it is enough.

    The proposer's own is kept as `offer`. Raises Problem 403 for a guest, 409 for one whose yes is there and who has to
    wait for another person's.
    """
    if agreement.counterparty == actor.participant:
        raise forbidden("Who asks never approves")
    about = offer_digest(amendment.policy, amendment.selection)
    if tx.get(Approval, amendment.id, about, actor.account) is None:
        verdict = "offer" if amendment.by == context.me.id and not approved(tx, amendment) else "approve"
        tx.add(
            Approval(
                negotiation=amendment.id, digest=about, account=actor.account, name=actor.name, verdict=verdict,
                at=context.clock(),
            )
        )  # fmt: skip
        body = {"agreement": agreement.id, "terms": about, "by": actor.entry}
        context.log(tx, f"amendment.verdict-{verdict}", amendment.id, body)
        tx.ring("agreements")
    elif not enough(tx, agreement, amendment):
        raise conflict("You have spoken on exactly these terms already", accepted="the answer of another person")
    return enough(tx, agreement, amendment)
