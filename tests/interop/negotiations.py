"""Contracts between EDC and us, in both directions: made, refused, ended, and refused for saying something else."""

from __future__ import annotations

from connector.records import Agreement, Dataset, Negotiation
from connector.services.processes.moves import Terminate, Verify
from contracts.agreement import same_terms
from policy.odrl import vocabulary as v
from tests.interop.scenario import scenario
from tests.interop.stage import FREE, OTHER_PURPOSE, REWRITTEN, TIED, Stage
from tests.two_party import story
from tests.two_party.space import Party, until


@scenario("EDC is refused until our steward has accepted it by name, since it cannot prove erasure")
async def edc_is_refused_before_it_is_accepted(stage: Stage) -> None:
    pid = await stage.consumer.management.negotiate(stage.ours, await stage.terms())
    await stage.consumer.management.negotiated(pid, "TERMINATED")
    ours = await stage.negotiation_of(pid)
    assert ours.state == "TERMINATED"
    assert "eras" in str(ours.reason).lower(), ours.reason
    await stage.accept()


@scenario("EDC negotiates a contract with us, and both sides hold the same terms")
async def edc_negotiates_with_us(stage: Stage) -> None:
    agreement = await stage.hospital.get(Agreement, await stage.contract_of_edc())
    assert agreement is not None
    assert (agreement.standing, agreement.counterparty) == ("active", stage.consumer.id)
    assert agreement.study == stage.study
    theirs = await stage.consumer.management.ask("GET", f"/v3/contractagreements/{agreement.id}")
    assert (theirs["providerId"], theirs["consumerId"]) == (stage.hospital.id, stage.consumer.id)


@scenario("EDC is refused by us for a purpose we do not offer, and gets no agreement")
async def edc_is_refused_for_its_purpose(stage: Stage) -> None:
    pid = await stage.consumer.management.negotiate(stage.ours, await stage.terms(OTHER_PURPOSE))
    await stage.consumer.management.negotiated(pid, "TERMINATED")
    ours = await stage.negotiation_of(pid)
    assert "purpose" in str(ours.reason).lower(), ours.reason
    assert ours.agreement is None


@scenario("EDC is refused by us for an offer we never made")
async def edc_is_refused_for_an_unknown_offer(stage: Stage) -> None:
    terms = await stage.terms() | {"@id": story.urn()}
    pid = await stage.consumer.management.negotiate(stage.ours, terms)
    await stage.consumer.management.negotiated(pid, "TERMINATED")
    assert not await stage.hospital.find(Negotiation, their_pid=pid)


@scenario("we negotiate a contract with EDC, and both sides hold the same terms")
async def we_negotiate_with_edc(stage: Stage) -> None:
    agreement = await stage.contract_of_ours(TIED)
    assert (agreement.standing, agreement.counterparty) == ("active", stage.provider.id)
    theirs = await stage.provider.management.ask("GET", f"/v3/contractagreements/{agreement.id}")
    assert (theirs["assetId"], theirs["consumerId"]) == (TIED, stage.research.id)
    offered = await stage.offered(TIED)
    assert same_terms(offered | {"assigner": stage.provider.id}, dict(agreement.policy or {})) is None


@scenario("we are refused by EDC for an offer it never made")
async def we_are_refused_by_edc(stage: Stage) -> None:
    pid = await stage.ask(FREE, **{"@id": "bm9uZQ==:ZWRjLWZpbGU=:bm9uZQ=="})
    ended = await story.outcome(stage.research, pid)
    assert (ended.state, ended.agreement) == ("TERMINATED", None)
    assert "404" in str(ended.reason) or "40" in str(ended.reason), ended.reason


@scenario("EDC answers with a policy of its own, and we refuse the agreement")
async def edcs_agreement_differs(stage: Stage) -> None:
    narrower = [{"action": "use", "constraint": [
        {"leftOperand": "odrl:purpose", "operator": "eq", "rightOperand": story.RESEARCH},
        {"leftOperand": "odrl:dateTime", "operator": "lteq", "rightOperand": "2030-01-01T00:00:00Z"}]}]  # fmt: skip
    before = {one.id for one in await stage.research.find(Agreement)}
    pid = await stage.ask(TIED, permission=narrower)
    ended = await story.outcome(stage.research, pid)
    assert (ended.state, ended.agreement) == ("TERMINATED", None), ended.reason
    assert {one.id for one in await stage.research.find(Agreement)} == before
    theirs = await stage.theirs_of(pid)
    assert (await stage.provider.management.negotiated(theirs, "TERMINATED")).get("contractAgreementId") is None


@scenario("EDC turns a list in its own offer into text: we take it word for word, and understand nothing by it")
async def edc_rewrites_a_list(stage: Stage) -> None:
    offered = await stage.offered(REWRITTEN)
    (constraint,) = offered["permission"][0]["constraint"]
    assert isinstance(constraint["rightOperand"], str)
    agreement = await stage.contract_of_ours(REWRITTEN)
    assert same_terms(offered | {"assigner": stage.provider.id}, dict(agreement.policy or {})) is None


@scenario("EDC ends a negotiation that waits for our decision")
async def edc_ends_a_negotiation(stage: Stage) -> None:
    pid, ours = await _waiting_at_us(stage)
    await stage.consumer.management.end_negotiation(pid, "no longer needed")
    await stage.steady.eventually(Negotiation, ours, where=_terminated)
    await stage.consumer.management.negotiated(pid, "TERMINATED")


@scenario("we end a negotiation that EDC began")
async def we_end_edcs_negotiation(stage: Stage) -> None:
    pid, ours = await _waiting_at_us(stage)
    await stage.steady.services.negotiations.move(ours, Terminate("not-wanted", ("we do not share this now",)))
    await stage.consumer.management.negotiated(pid, "TERMINATED")
    await stage.steady.eventually(Negotiation, ours, where=_terminated)


@scenario("we end a negotiation that we began with EDC, after its agreement has come")
async def we_end_our_negotiation(stage: Stage) -> None:
    pid = await _agreed_at_us(stage)
    await stage.steady.services.negotiations.move(pid, Terminate("changed-our-mind"))
    await stage.steady.eventually(Negotiation, pid, where=_terminated)
    await stage.provider.management.negotiated(await stage.theirs_of(pid), "TERMINATED")


@scenario("EDC ends a negotiation that we began")
async def edc_ends_our_negotiation(stage: Stage) -> None:
    pid = await _agreed_at_us(stage)
    theirs = await stage.theirs_of(pid)
    await stage.provider.management.negotiated(theirs, "AGREED")
    await stage.provider.management.end_negotiation(theirs, "withdrawn by the provider")
    ended = await stage.steady.eventually(Negotiation, pid, where=_terminated)
    assert "withdrawn by the provider" in str(ended.reason)


@scenario("we verify EDC's agreement by hand, and it finalizes")
async def we_verify_by_hand(stage: Stage) -> None:
    pid = await _agreed_at_us(stage)
    await stage.steady.services.negotiations.move(pid, Verify())
    done = await story.outcome(stage.steady, pid)
    assert done.state == "FINALIZED", done.reason


async def _waiting_at_us(stage: Stage) -> tuple[str, str]:
    """A request of EDC's that nobody here has decided: its pid there and here."""
    offer = await story.offer_dataset(stage.steady, f"urn:concord:dataset:{story.urn()[-12:]}")
    dataset = next(iter(await stage.steady.find(Dataset, offer_id=offer["@id"]))).id
    terms = {"@id": offer["@id"], "@type": "Offer", "assigner": stage.steady.id, "target": dataset,
             "permission": [{"action": "use", "constraint": [
                 {"leftOperand": v.PURPOSE, "operator": "isA", "rightOperand": story.RESEARCH}]}]}  # fmt: skip
    pid = await stage.consumer.management.negotiate(stage.concord(stage.steady), terms)
    ours = await _seen(stage.steady, pid)
    await stage.consumer.management.negotiated(pid, "REQUESTED")
    return pid, ours


async def _seen(party: Party, their_pid: str) -> str:
    """Our pid of a negotiation that EDC calls so, once it is here."""

    async def look() -> str | None:
        found = await party.find(Negotiation, their_pid=their_pid)
        return found[0].pid if found else None

    return str(await until(look, f"EDC's request {their_pid}"))


async def _agreed_at_us(stage: Stage) -> str:
    """A negotiation of ours with EDC that stands at AGREED: the agreement is here, and nobody has verified it."""
    pid = await stage.ask(FREE, party=stage.steady)
    await stage.steady.eventually(Negotiation, pid, where=lambda found: found.state == "AGREED")
    return pid


def _terminated(found: Negotiation) -> bool:
    return found.state == "TERMINATED"
