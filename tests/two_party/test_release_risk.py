"""The risk of a release is measured before its first byte: reported, held against the contract, tried beforehand."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from connector.dataplane.lines import code_of
from connector.problems import Problem
from connector.records import Agreement, DutyOwed, LogEntry, ReceivedTransfer, Release, RiskReport, Sealed
from connector.services.releasing.risk import refused_words
from connector.services.releasing.risk_columns import DEFAULT, kinds, row_of
from connector.services.rooms.names import sentences
from connector.services.steward.views import DatasetDraft
from tests.two_party import story
from tests.two_party.conftest import Trio
from tests.two_party.releases import RECORD_KINDS, Stage, agree, lines_of, smallest_bundles
from tests.two_party.space import until


async def staged(trio: Trio, folder: Path, count: int = 4, **risk: str) -> Stage:
    """A hospital with some people, and a contract that asks this of the risk."""
    some = smallest_bundles(folder / "bundles", count)
    steward = trio.hospital.acting("steward")
    report = await trio.hospital.services.importing.import_fhir(steward, some, "Records")
    assert not report.refused
    stage = Stage(trio.hospital, trio.research, trio.wallet, "", report.source, space_client=trio.space.client)
    stage.dataset = await trio.hospital.services.steward.publish_dataset(steward, drafted(stage, risk=risk))
    stage.study = await story.approved_study(stage.research, stage.holder, stage.dataset, stage.wallet)
    await agree(stage)
    return stage


def drafted(stage: Stage, **changes: object) -> DatasetDraft:
    given = {
        "title": "All records", "description": "What we know.", "keywords": ["records"], "source": stage.source,
        "kind": "records", "categories": RECORD_KINDS, "purposes": [story.RESEARCH],
        "until": datetime.now(UTC).date() + timedelta(days=300),
    } | changes  # fmt: skip
    return DatasetDraft(**given)


async def found(stage: Stage, kind: type[Any], **conditions: str) -> Any:
    """The first record of the contract that is so, as soon as there is one."""

    async def look() -> Any:
        rows = await stage.holder.find(kind, agreement=stage.agreement, **conditions)
        return rows[0] if rows else None

    return await until(look, f"a {kind.__name__}")


async def the_report(stage: Stage) -> RiskReport:
    [report] = await stage.holder.find(RiskReport, agreement=stage.agreement)
    return report


async def test_what_is_measured_is_what_the_recipient_gets(trio: Trio, tmp_path: Path):
    stage = await staged(trio, tmp_path, 6)
    await stage.everybody_agrees()
    row = await stage.received(await stage.transfer())
    assert row.verified, row.finding
    theirs = defaultdict(list)
    for line in lines_of(row.path):
        if line["resourceType"] in kinds(DEFAULT):
            body = orjson.dumps(line)
            theirs[code_of(body)].append(body)
    rows = [row_of(lines, DEFAULT) for lines in theirs.values()]
    classes = Counter(one[:-1] for one in rows)
    report = await the_report(stage)
    figures = report.figures
    assert (report.verdict, report.people) == ("reported", 6)
    assert (figures["k"], figures["classes"]) == (min(classes.values()), len(classes))
    assert figures["alone"] == sum(count == 1 for count in classes.values())
    own = defaultdict(set)
    for one in rows:
        own[one[:-1]].add(one[-1])
    assert figures["l"] == min(map(len, own.values()))
    assert [len(one) for one in rows] == [len(DEFAULT) + 1] * 6
    assert any(one[DEFAULT.index("birth")] for one in rows)


async def test_the_report_stands_in_the_log_before_anything_left_and_holds_figures_only(trio: Trio, tmp_path: Path):
    stage = await staged(trio, tmp_path)
    ann, ben, *_ = await stage.source_ids()
    await stage.answer(ann)
    await stage.answer(ben)
    await stage.received(await stage.transfer())
    report = await the_report(stage)
    [release] = await stage.holder.find(Release, agreement=stage.agreement)
    assert (release.risk, report.release, report.people) == (report.id, release.id, 2)
    logged = await stage.holder.find(LogEntry, subject=release.id, order="sequence")
    kept = [one.kind for one in logged]
    assert kept.index("release.decided") < kept.index("release.assessed") < kept.index("release.chunk")
    [entry] = [one for one in logged if one.kind == "release.assessed"]
    told = orjson.loads(entry.body)
    assert set(told) == {
        "report", "agreement", "dataset", "profile", "verdict", "people", "classes", "k", "alone", "asked", "release"
    }  # fmt: skip
    assert "handful" in report.figures["unsaid"]
    assert (report.figures["l"], report.figures["t"]) == (None, "")


async def test_below_what_the_contract_asks_nothing_leaves(trio: Trio, tmp_path: Path):
    stage = await staged(trio, tmp_path, min_k="2", min_l="2")
    await stage.everybody_agrees()
    pid = await stage.transfer()
    report = await found(stage, RiskReport)
    assert report.verdict == "refused"
    asked = {one["name"]: one["found"] for one in report.failed["failed"]}
    # Of four people nothing can be said about diagnoses, and what cannot be said is not met.
    assert asked == {"min_k": "1", "min_l": ""}
    [release] = await stage.holder.find(Release, agreement=stage.agreement)
    assert (release.bytes, release.chunks, release.people) == (0, 0, 0)
    assert [one.kind for one in await stage.holder.find(LogEntry, subject=release.id)].count("release.chunk") == 0
    held = await stage.research.get(ReceivedTransfer, pid)
    assert held is None or held.lines == 0
    words = refused_words(report)
    assert "At least 2 people share" in words
    assert "1" not in words


async def test_a_contract_whose_limits_are_kept_is_released_and_its_duty_done(trio: Trio, tmp_path: Path):
    stage = await staged(trio, tmp_path, min_k="1", max_unique="1")
    [ann, *_] = await stage.source_ids()
    await stage.answer(ann)
    row = await stage.received(await stage.transfer())
    assert row.verified
    report = await the_report(stage)
    assert (report.verdict, report.thresholds) == ("met", {"min_k": "1", "max_unique": "1"})
    done = await found(stage, DutyOwed, duty="assess-risk", standing="done")
    assert (done.standing, done.by, done.evidence["report"]) == ("done", "provider", report.id)
    agreement = await stage.research.get(Agreement, stage.agreement)
    assert any("At least 1 people must share" in one for one in sentences(agreement.policy))


async def test_a_trial_releases_nothing_and_makes_no_code_for_anybody(trio: Trio, tmp_path: Path):
    stage = await staged(trio, tmp_path, 6, min_k="2")
    for source_id in (await stage.source_ids())[:5]:
        await stage.answer(source_id)
    sealed = len(await stage.holder.find(Sealed))
    steward, desk = stage.holder.acting("steward"), stage.holder.services.risk
    tried = await desk.of_agreement(steward, stage.agreement)
    assert (tried.people, tried.verdict, tried.release) == (5, "refused", "")
    assert tried.missed == ["At least 2 people must share each combination of features; found: 1."]
    assert "birth" in " ".join(tried.features)
    assert any("is the only one" in one or "are the only one" in one for one in tried.sentences)
    whole = await desk.of_dataset(steward, stage.dataset)
    minimal = await desk.of_dataset(steward, stage.dataset, "research-minimal")
    assert (whole.people, minimal.people) == (6, 6)
    assert minimal.figures["k"] >= whole.figures["k"]
    assert minimal.figures["classes"] <= whole.figures["classes"]
    assert len(await stage.holder.find(Sealed)) == sealed
    assert await stage.holder.find(Release) == []
    rows = await desk.reports(stage.holder.acting("dpo"))
    assert {one.id for one in rows} == {tried.id, whole.id, minimal.id}
    assert (await desk.show(steward, tried.id)) == tried
    assert len(await stage.holder.find(LogEntry, kind="risk.assessed")) == 3


async def test_only_staff_of_the_provider_read_exact_figures(trio: Trio, tmp_path: Path):
    stage = await staged(trio, tmp_path)
    desk = stage.holder.services.risk
    for call in (desk.reports, lambda actor: desk.of_agreement(actor, stage.agreement)):
        with pytest.raises(Problem) as refused:
            await call(stage.holder.acting("patient"))
        assert refused.value.status == 403
    with pytest.raises(Problem) as unknown:
        await stage.research.services.risk.of_agreement(stage.research.acting("steward"), stage.agreement)
    assert unknown.value.status == 404


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"risk": {"min_k": "many"}}, "risk"), ({"risk": {"k": "5"}}, "risk"),
        ({"kind": "stream", "risk": {"min_k": "5"}}, "risk"),
    ],
)  # fmt: skip
async def test_limits_that_nobody_could_keep_are_not_offered(trio: Trio, changes: dict[str, object], where: str):
    hospital = trio.hospital
    steward = hospital.acting("steward")
    person, _ = await hospital.services.ingest.register_device_person(steward, "Bands", "Ann Example", "u-1")
    stage = Stage(hospital, trio.research, trio.wallet, "", person.source)
    kind = {"kind": "stream", "categories": ["heart-rate"]} | changes
    with pytest.raises(Problem) as refused:
        await hospital.services.steward.publish_dataset(steward, drafted(stage, **kind))
    assert (refused.value.status, refused.value.where) == (400, where)
