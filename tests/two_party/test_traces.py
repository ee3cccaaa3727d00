"""One negotiation is one trace, across both connectors, taken by a real OTLP receiver; nothing where it is off."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from connector.observe import traces
from connector.records import Job, Negotiation, OutboxMessage
from connector.services import tracing
from tests.two_party import story
from tests.two_party.collector import Collector
from tests.two_party.conftest import Trio
from tests.two_party.puppet import Heard, Puppet
from tests.two_party.space import Space, make_empty_store, opened, until
from tests.two_party.test_withdrawals import told_by_hand


@pytest.fixture
def collector() -> AsyncIterator[Collector]:
    with Collector() as made:
        yield made


@pytest.fixture
async def traced(tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Space]:
    monkeypatch.setenv("CONCORD_TRACES", "on")
    monkeypatch.setenv("CONCORD_TRACES_ENDPOINT", collector.url)
    monkeypatch.setattr("connector.observe.traces.SECONDS", 0.05)
    async with opened(tmp_path, make_empty_store(tmp_path)) as made:
        await made.add("hospital", "hospital")
        await made.add("research", "research")
        await made.introduce()
        yield made


async def negotiated(space: Space) -> Negotiation:
    """A contract, asked for as somebody at the research group does."""
    hospital, research = space.parties["hospital"], space.parties["research"]
    offer = await story.offer_dataset(hospital)
    study = await story.approved_study(research, hospital)
    with research.context.traces.span("ask", begins=True):
        pid = await story.ask(research, hospital, offer, study)
    done = await story.outcome(research, pid)
    assert done.state == "FINALIZED"
    await story.counterpart(hospital, pid)
    await hospital.quiet()
    await research.quiet()
    return done


async def test_a_negotiation_is_one_trace_across_both_parties(traced: Space, collector: Collector):
    hospital, research = traced.parties["hospital"], traced.parties["research"]
    done = await negotiated(traced)

    def whole() -> list:
        roots = [span for span in collector.named("ask") if not span.parent]
        trace = [span for span in collector.spans if roots and span.trace == roots[-1].trace]
        names = {(span.participant, span.name) for span in trace}
        wanted = {(one.id, name) for one in (hospital, research) for name in ("commit", "deliver", "receive")}
        linked = {span.parent for span in trace} <= {span.id for span in trace} | {""}  # a span comes once it has ended
        return trace if linked and wanted | {(hospital.id, "decide")} <= names and len(trace) >= 12 else []

    trace = await until(whole, "the whole trace")
    known = {span.id: span for span in trace}
    crossings = [span for span in trace if span.parent and known[span.parent].participant != span.participant]
    assert len(crossings) >= 3
    for span in crossings:
        assert (known[span.parent].name, span.name) == ("deliver", "receive")
    [decided] = [span for span in trace if span.name == "decide"]
    assert decided.words["concord.outcome"] == "permit"
    everything = b"".join(collector.raw)
    for told in (done.pid, done.their_pid, str(done.agreement), done.study, story.RECORDS, "Heart study"):
        assert str(told).encode() not in everything, "a span names a process, a dataset or a person"


async def test_a_message_that_has_to_wait_stays_in_its_trace_across_a_restart(traced: Space, collector: Collector):
    hospital, research = traced.parties["hospital"], traced.parties["research"]
    offer = await story.offer_dataset(hospital)
    study = await story.approved_study(research, hospital)
    await hospital.stop()
    with research.context.traces.span("ask", begins=True):
        asked = tracing.current()
        pid = await story.ask(research, hospital, offer, study)
    [waiting] = await until(lambda: research.find(OutboxMessage, standing="waiting", about=pid), "the request to wait")
    assert waiting.trace.split("-")[1] == asked.split("-")[1]
    await research.stop()
    await hospital.start()
    await research.start()
    assert (await story.outcome(research, pid)).state == "FINALIZED"
    trace = asked.split("-")[1]
    await until(
        lambda: {hospital.id, research.id} <= {one.participant for one in collector.spans
                                               if one.trace == trace and one.name == "receive"},
        "both to have received in this trace",
    )  # fmt: skip


async def test_a_job_belongs_to_the_trace_of_who_asked_for_it(traced: Space, collector: Collector):
    context = traced.parties["hospital"].context

    async def work(_job: Job) -> dict[str, Any]:
        return {"at": tracing.current()}

    context.jobs.on("test", work)
    with context.traces.span("ask", begins=True):
        asked = tracing.current()
        id = await context.store.write(lambda tx: context.jobs.ask(tx, "test", "urn:uuid:1", {}))
    done = await traced.parties["hospital"].eventually(Job, id, where=lambda job: job.standing == "done")
    assert done.outcome["at"].split("-")[1] == asked.split("-")[1]
    [seen] = await until(lambda: collector.named("job"), "the span of the job")
    assert (seen.trace, seen.words) == (asked.split("-")[1], {"concord.kind": "test"})


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/dsp/2025-1/negotiations/urn:uuid:1/agreement/verification",
         ("receive", "dsp/negotiations/-/agreement/verification")),
        ("/consent/erasures/notice/object", ("receive", "consent/erasures/-/-")),
        ("/data/releases/urn:uuid:1/segments/abc", ("release", "data/releases/-/segments/-")),
        ("/api/people/Jane Doe", ("ask", "api/-/-")),
        ("/health/ready", None),
        ("/", None),
    ],
    ids=["dsp", "consent", "data", "api", "health", "root"],
)  # fmt: skip
def test_a_door_is_named_without_what_stands_in_its_path(path, named):
    assert traces._named({"path": path}) == named


async def test_strangers_write_no_traces_and_a_malformed_place_begins_a_new_one(traced: Space, collector: Collector):
    hospital, research = traced.parties["hospital"], traced.parties["research"]
    theirs = {tracing.TRACEPARENT: "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}
    answers = []
    async with httpx2.AsyncClient(base_url=hospital.url, headers=theirs) as client:
        for method, path in (
            ("POST", "/dsp/2025-1/catalog/request"), ("GET", "/dsp/2025-1/nothing"),
            ("POST", "/dsp/2025-1/negotiations/request"), ("DELETE", "/dsp/2025-1/catalog/request"), ("GET", "/data/x"),
            ("GET", "/data/releases/urn:uuid:1"), ("GET", "/api/x"), ("GET", "/api/people"),
            ("GET", "/consent/nothing"),
        ):  # fmt: skip
            answers.append((await client.request(method, path, content=b"{" if method == "POST" else b"")).status_code)
    assert min(answers) >= 400
    assert len({401, 404, 405} & set(answers)) == 3
    with tracing.within("00-nonsense-00-01"):
        url = f"{hospital.url}/dsp/2025-1/catalog/datasets/urn:uuid:secret"
        await research.context.members.fetch(hospital.id, url, traced=True)
    [seen] = await until(lambda: collector.named("receive"), "a span")
    assert not seen.parent
    assert seen.words == {"concord.door": "dsp/catalog/datasets/-", "concord.method": "GET", "concord.status": 404}
    assert {span.name for span in collector.spans if span.participant == hospital.id} <= {"receive"}
    assert b"a" * 32 not in b"".join(collector.raw)
    assert bytes.fromhex("aa" * 16) not in b"".join(collector.raw)


async def test_who_is_known_stays_in_its_trace_with_messages_of_the_protocol_only(traced: Space, collector: Collector):
    hospital, research = traced.parties["hospital"], traced.parties["research"]
    with research.context.traces.span("ask", begins=True):
        asked = tracing.current().split("-")[1]
        for path in ("/dsp/2025-1/catalog/datasets/urn:uuid:1", "/consent/profiles?agreement=urn:uuid:1"):
            await research.context.members.fetch(hospital.id, hospital.url + path, traced=True)
    seen = await until(lambda: found if len(found := collector.named("receive")) == 2 else [], "both requests")
    assert {(span.words["concord.door"], span.trace == asked) for span in seen} == {
        ("dsp/catalog/datasets/-", True), ("consent/profiles", False),
    }  # fmt: skip
    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {hospital.app.state.running.token}"}) as client:
        await client.get(f"{hospital.url}/api/keys")
    await until(lambda: [one for one in collector.named("ask") if one.participant == hospital.id], "the operator's own")


async def test_the_notices_of_one_person_cannot_be_joined_by_their_traces(traced: Space, collector: Collector):
    hospital = traced.parties["hospital"]
    trio = Trio(hospital, traced.parties["research"], await traced.add("wallet", "wallet"), traced)
    await traced.introduce()
    puppet = await Puppet.raised(traced.client)
    try:
        await puppet.join(hospital)
        told = await told_by_hand(trio, puppet)
        told.agreement = story.urn()
        await told.hand_over()  # the same person under a second contract
        with trio.wallet.context.traces.span("ask", begins=True):
            await told.withdraw()
        await until(lambda: len(_withdrawals(puppet)) >= 2, "both notices")
        assert {one.traceparent for one in puppet.heard} == {""}, "a trace goes with it"
    finally:
        await puppet.close()
    queued = await hospital.find(OutboxMessage) + await trio.wallet.find(OutboxMessage)
    assert {row.trace for row in queued if row.kind.startswith("exchange.")} == {""}

    def delivered() -> list[Any]:
        told = [one for one in collector.named("deliver") if one.words["concord.kind"] == "exchange.withdrawal"]
        return told if len(told) >= 2 else []

    spans = await until(delivered, "the spans of both notices")
    assert len({span.trace for span in spans}) == len(spans)
    assert not [span for span in spans if span.parent]


def _withdrawals(puppet: Puppet) -> list[Heard]:
    return [one for one in puppet.heard if one.path == "/consent/withdrawals"]


async def test_a_collector_that_takes_nothing_costs_nothing_but_spans(traced: Space, collector: Collector):
    collector.status = 503
    assert (await negotiated(traced)).state == "FINALIZED"
    assert not collector.spans


@pytest.mark.parametrize(
    "text",
    ["", "00-" + "0" * 32 + "-" + "b" * 16 + "-01", "00-" + "a" * 32 + "-" + "0" * 16 + "-01", "01-x",
     "00-" + "A" * 32 + "-" + "b" * 16 + "-01", "00-" + "a" * 32 + "-" + "b" * 16 + "-01-x", None],
    ids=["empty", "no trace", "no span", "another version", "capitals", "more", "none"],
)  # fmt: skip
def test_what_is_no_traceparent_is_read_as_none(text):
    assert tracing.read(text) == ""


async def test_where_traces_are_off_nothing_is_kept_loaded_or_sent(tmp_path: Path):
    async with opened(tmp_path, make_empty_store(tmp_path)) as space:
        hospital = await space.add("hospital", "hospital")
        research = await space.add("research", "research")
        await space.introduce()
        with research.context.traces.span("ask", begins=True):
            assert tracing.current() == ""
            assert tracing.headers() == {}
        await negotiated(space)
        assert {row.trace for one in (hospital, research) for row in await one.find(OutboxMessage)} == {""}
        assert type(hospital.context.store) is type(hospital.running.store)


def test_the_start_of_a_process_loads_nothing_of_it():
    script = "import sys, connector.app, consent_ui.app; print('opentelemetry.sdk' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
