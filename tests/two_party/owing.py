"""Contracts that owe something, for two-party tests: made with these duties, looked at, and moved in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector.identity.statements import StatementType, read_statement
from connector.problems import Problem
from connector.records import Agreement, DutyOwed, ReceivedTransfer
from connector.services.duties.book import BELL
from connector.services.steward.views import DatasetDraft
from policy.odrl.duties import rule
from tests.two_party import story
from tests.two_party.releases import RECORD_KINDS, Stage, agree
from tests.two_party.space import Party, until

if TYPE_CHECKING:
    from tests.two_party.conftest import Trio


async def contract(trio: Trio, bundles: Path, *duties: str) -> Stage:
    """A contract about these people's records, all of whom said yes, that owes these duties (`delete:P30D`)."""
    steward = trio.hospital.acting("steward")
    report = await trio.hospital.services.importing.import_fhir(steward, bundles, "Records")
    stage = Stage(trio.hospital, trio.research, trio.wallet, "", report.source, space_client=trio.space.client)
    draft = DatasetDraft(
        title="All records", description="What we know.", keywords=["records"], source=stage.source, kind="records",
        categories=RECORD_KINDS, purposes=[story.RESEARCH], until=datetime.now(UTC).date() + timedelta(days=300),
        duties=[dict(rule(one)) for one in duties],
    )  # fmt: skip
    stage.dataset = await trio.hospital.services.steward.publish_dataset(steward, draft)
    stage.study = await story.approved_study(stage.research, stage.holder, stage.dataset, stage.wallet)
    await agree(stage)
    await stage.everybody_agrees()
    return stage


async def amend(stage: Stage, *duties: str) -> None:
    """Both sides agree that the contract owes these duties with a time, and none of those it owed before."""
    before = await stage.research.get(Agreement, stage.agreement)
    left = {key: value for key, value in before.policy.items() if key not in ("@id", "timestamp", "target")}
    kept = [one for one in before.policy["obligation"] if "constraint" not in one]
    policy = {**left, "@type": "Offer", "obligation": [*kept, *(dict(rule(one)) for one in duties)]}
    researcher, steward = stage.research.acting("researcher"), stage.holder.acting("steward")
    proposal = await stage.research.services.amendments.propose(researcher, stage.agreement, policy, None, "Other.")

    async def accepted() -> bool:
        try:
            await stage.holder.services.amendments.accept(steward, proposal)
        except Problem as problem:
            if problem.status != 404:
                raise
            return False
        return True

    await until(accepted, "the proposal to be accepted")


def at(moment: datetime, *parties: Party) -> None:
    """It is another time at these parties, and their jobs are woken as they would be."""
    for party in parties:
        ahead = moment - datetime.now(UTC)
        party.context.clock = lambda ahead=ahead: datetime.now(UTC) + ahead
        party.context.bells.ring(BELL)


def there(received: ReceivedTransfer) -> bool:
    return Path(received.path).exists()


async def row(party: Party, duty: str, standing: str = "done", occasion: str | None = None) -> DutyOwed:
    """The one duty of a kind, once it stands so."""

    async def look() -> DutyOwed | None:
        found = await party.find(DutyOwed, duty=duty, standing=standing)
        return next((one for one in found if occasion in (None, one.occasion)), None)

    found: DutyOwed = await until(look, f"a duty to {duty} that is {standing} at {party.founded.name}")
    return found


def stated(one: DutyOwed, signer: Party) -> dict[str, Any]:
    """The statement kept as evidence, verified with the signer's key."""
    return read_statement(one.evidence["statement"], StatementType.DUTY_DONE, [signer.context.signer.public_jwk])
