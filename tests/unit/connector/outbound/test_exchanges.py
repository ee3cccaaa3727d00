"""What comes back from a peer, however it behaves."""

import asyncio
import gzip
import json
import logging

import pytest

from connector.outbound.answer import Caps
from connector.outbound.client import Outbound
from connector.outbound.faults import OutboundRefused, Unreachable, Why
from connector.outbound.guard import Destination
from connector.outbound.lanes import PoolSizes
from connector.outbound.origins import NamedOrigin


def to(peer) -> Destination:
    return Destination.of_operator(NamedOrigin.parse(peer.origin, allow_http=True))


async def test_a_message_is_posted_with_a_token_made_over_exactly_its_bytes(serving, reply) -> None:
    async def script(peer, head, body):
        return reply(b'{"a":1}', "201 Created", "X-Thing: yes")

    peer = await serving(script)
    async with Outbound() as outbound:
        answer = await outbound.post_json(
            f"{peer.origin}/dsp/x?y=1", b'{"m": 1}', to=to(peer), authorization=lambda body: f"Bearer {body.hex()}"
        )
    assert (answer.status, answer.ok, answer.body, answer.headers["x-thing"]) == (201, True, b'{"a":1}', "yes")
    head = peer.heads[0].lower()
    assert head.startswith(b"post /dsp/x?y=1 http/1.1\r\n")
    assert b"\r\nauthorization: bearer " + b'{"m": 1}'.hex().encode() + b"\r\n" in head
    assert b"\r\naccept-encoding: identity\r\n" in head
    assert b"\r\ncontent-type: application/json\r\n" in head
    assert peer.bodies == [b'{"m": 1}']


@pytest.mark.parametrize("parallel", [1, 100])
async def test_a_hundred_requests_to_one_peer_open_at_most_the_pools_connections(serving, reply, parallel) -> None:
    async def script(peer, head, body):
        await asyncio.sleep(0)
        return reply()

    peer = await serving(script)
    async with Outbound(sizes=PoolSizes(messages=5)) as outbound:
        for _ in range(100 // parallel):
            calls = [outbound.post_json(f"{peer.origin}/m", b"{}", to=to(peer)) for _ in range(parallel)]
            assert all(answer.ok for answer in await asyncio.gather(*calls))
        assert outbound.open_connections() <= 5
    assert len(peer.heads) == 100
    assert peer.connections == 1 if parallel == 1 else peer.connections <= 5


async def test_a_redirect_is_an_answer_and_is_not_followed(serving, reply) -> None:
    async def script(peer, head, body):
        return reply(b"", "307 Temporary Redirect", f"location: {peer.origin}/elsewhere")

    peer = await serving(script)
    async with Outbound() as outbound:
        answer = await outbound.get(f"{peer.origin}/here", to=to(peer))
    assert (answer.status, answer.ok, len(peer.heads)) == (307, False, 1)


async def test_a_cookie_of_a_peer_is_not_kept(serving, reply) -> None:
    async def script(peer, head, body):
        return reply(b"{}", "200 OK", "set-cookie: track=1; Path=/")

    peer = await serving(script)
    async with Outbound() as outbound:
        for _ in range(2):
            await outbound.get(f"{peer.origin}/", to=to(peer))
    assert all(b"\r\ncookie:" not in head.lower() for head in peer.heads)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3000000\r\n\r\n" + b"x" * 3_000_000, Why.TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + b"x" * 3_000_000, Why.TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: y\r\n" % n for n in range(300)) + b"\r\n", Why.TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300_000 + b"\r\n\r\n", Why.PROTOCOL),
        (b"<html>not http</html>\r\n\r\n", Why.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", Why.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd", Why.PROTOCOL),
    ],
)
async def test_an_answer_that_is_too_much_or_nonsense_is_not_read(serving, answer: bytes, reason: Why) -> None:
    async def script(peer, head, body):
        return answer

    peer = await serving(script)
    async with Outbound() as outbound:
        with pytest.raises(Unreachable) as caught:
            await outbound.get(f"{peer.origin}/", to=to(peer))
    assert caught.value.reason is reason


async def test_a_compressed_answer_is_not_unpacked(serving, reply) -> None:
    bomb = gzip.compress(b"\0" * 20_000_000)

    async def script(peer, head, body):
        return reply(bomb, "200 OK", "content-encoding: gzip")

    peer = await serving(script)
    async with Outbound() as outbound:
        with pytest.raises(Unreachable) as caught:
            await outbound.get(f"{peer.origin}/", to=to(peer))
    assert caught.value.reason is Why.ENCODED


async def test_a_peer_that_hangs_up_is_unreachable_and_the_pool_recovers(serving, reply) -> None:
    answers = [None, b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", reply(b"ok")]

    async def script(peer, head, body):
        answer = answers.pop(0)
        if answer is not None and answer.endswith(b"abc"):
            peer.writer.write(answer)
            return None
        return answer

    peer = await serving(script)
    async with Outbound() as outbound:
        for _ in range(2):
            with pytest.raises(Unreachable):
                await outbound.get(f"{peer.origin}/", to=to(peer))
        assert (await outbound.get(f"{peer.origin}/", to=to(peer))).body == b"ok"


async def test_a_peer_that_sends_one_byte_at_a_time_runs_into_the_total(serving) -> None:
    async def script(peer, head, body):
        peer.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        for _ in range(200):
            peer.writer.write(b"x")
            await asyncio.sleep(0.005)

    peer = await serving(script)
    async with Outbound() as outbound:
        with pytest.raises(Unreachable) as caught:
            await outbound.get(f"{peer.origin}/", to=to(peer), caps=Caps(total=0.1))
        assert caught.value.reason is Why.TIME
        assert outbound.open_connections() == 0


async def test_nobody_listening_is_unreachable(serving, reply) -> None:
    named = NamedOrigin.parse("http://127.0.0.1:1", allow_http=True)
    async with Outbound() as outbound:
        with pytest.raises(Unreachable) as caught:
            await outbound.get("http://127.0.0.1:1/", to=Destination.of_operator(named))
    assert caught.value.reason is Why.CONNECT


async def test_a_stream_is_read_as_it_arrives_and_has_no_total(serving) -> None:
    more = asyncio.Event()

    async def script(peer, head, body):
        peer.writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await more.wait()
        return b"6\r\nsecond\r\n0\r\n\r\n"

    peer = await serving(script)
    async with Outbound() as outbound:
        caps = Caps(total=0.0, body=1)
        async with outbound.stream(
            f"{peer.origin}/", to=to(peer), headers={"authorization": "Bearer t"}, caps=caps
        ) as s:
            chunks = s.chunks()
            assert (s.status, await anext(chunks)) == (200, b"first")
            more.set()
            assert [chunk async for chunk in chunks] == [b"second"]
    assert b"\r\nauthorization: bearer t\r\n" in peer.heads[0].lower()


async def test_a_stream_that_falls_silent_is_given_up(serving) -> None:
    async def script(peer, head, body):
        peer.writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await peer.silence()

    peer = await serving(script)
    async with Outbound() as outbound, outbound.stream(f"{peer.origin}/", to=to(peer), caps=Caps(idle=0.05)) as stream:
        chunks = stream.chunks()
        await anext(chunks)
        with pytest.raises(Unreachable) as caught:
            await anext(chunks)
    assert caught.value.reason is Why.TIME


async def test_a_refused_stream_shows_its_status_and_a_bounded_body(serving, reply) -> None:
    async def script(peer, head, body):
        return reply(b'{"title":"consent withdrawn"}', "403 Forbidden")

    peer = await serving(script)
    async with Outbound() as outbound, outbound.stream(f"{peer.origin}/", to=to(peer)) as stream:
        assert (stream.ok, stream.status) == (False, 403)
        assert json.loads(await stream.read()) == {"title": "consent withdrawn"}


async def test_leaving_a_stream_early_closes_its_connection(serving) -> None:
    async def script(peer, head, body):
        peer.writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n")
        await peer.silence()

    peer = await serving(script)
    async with Outbound() as outbound:
        async with outbound.stream(f"{peer.origin}/", to=to(peer)) as stream:
            await anext(stream.chunks())
            assert outbound.open_connections() == 1
        assert outbound.open_connections() == 0


async def test_open_streams_never_use_up_the_connections_of_messages(serving, reply) -> None:
    async def script(peer, head, body):
        if b"/stream" in head:
            peer.writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n")
            await peer.silence()
        return reply()

    peer = await serving(script)
    async with (
        Outbound(sizes=PoolSizes(messages=1, streams=2)) as outbound,
        outbound.stream(f"{peer.origin}/stream", to=to(peer)),
        outbound.stream(f"{peer.origin}/stream", to=to(peer)),
    ):
        assert (await outbound.get(f"{peer.origin}/message", to=to(peer))).ok


async def test_uploads_that_nobody_takes_leave_room_for_streams_and_the_other_way_round(serving, reply) -> None:
    async def script(peer, head, body):
        if head.startswith(b"POST"):
            await peer.silence()
        peer.writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n")
        await peer.silence()
        return reply()

    asked = asyncio.Event()

    async def parts():
        asked.set()
        yield b"x"

    peer = await serving(script)
    async with Outbound(sizes=PoolSizes(streams=1, uploads=1)) as outbound:
        first = asyncio.ensure_future(outbound.upload(f"{peer.origin}/a", parts(), to=to(peer)))
        await asked.wait()
        async with outbound.stream(f"{peer.origin}/b", to=to(peer)) as incoming:
            assert incoming.status == 200
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            asked.clear()
            second = asyncio.ensure_future(outbound.upload(f"{peer.origin}/c", parts(), to=to(peer)))
            await asked.wait()
            second.cancel()
            await asyncio.gather(second, return_exceptions=True)


async def test_nothing_of_an_address_is_logged(serving, reply, caplog) -> None:
    async def script(peer, head, body):
        return reply()

    peer = await serving(script)
    caplog.set_level(logging.INFO)
    async with Outbound() as outbound:
        await outbound.get(f"{peer.origin}/people/paula-4711", to=to(peer))
    assert "4711" not in caplog.text


async def test_a_request_without_clearance_goes_nowhere(serving, reply) -> None:
    async def script(peer, head, body):
        return reply()

    peer = await serving(script)
    async with Outbound() as outbound:
        with pytest.raises(OutboundRefused):
            await outbound._client.get(peer.origin)
    assert peer.connections == 0


async def test_another_librarys_client_runs_over_the_handed_transport(serving, reply) -> None:
    import httpx2

    async def script(peer, head, body):
        return reply(b"{}", "200 OK", "set-cookie: a=1", "set-cookie: b=2")

    peer = await serving(script)
    async with Outbound() as outbound:
        async with httpx2.AsyncClient(transport=outbound.transport(to(peer)), trust_env=False) as client:
            answer = await client.post(f"{peer.origin}/token", data={"code": "x y"})
            assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
            with pytest.raises(OutboundRefused):
                await client.get("https://elsewhere.example/")
        assert (await outbound.get(f"{peer.origin}/", to=to(peer))).ok
    assert peer.bodies[0] == b"code=x+y"


@pytest.mark.parametrize(("sent", "taken"), [("zstd", True), ("identity", True), ("", True), ("gzip", False)])
async def test_a_stream_comes_in_the_encoding_that_was_asked_for_or_plain_and_is_handed_out_as_it_came(
    serving, reply, sent, taken
) -> None:
    async def script(peer, head, body):
        return reply(b"packed", "200 OK", *([f"content-encoding: {sent}"] if sent else []))

    async def streamed(peer, outbound: Outbound) -> tuple[str, bytes]:
        async with outbound.stream(f"{peer.origin}/d", to=to(peer), encoding="zstd") as incoming:
            return incoming.encoding, b"".join([part async for part in incoming.chunks()])

    peer = await serving(script)
    async with Outbound() as outbound:
        if taken:
            assert await streamed(peer, outbound) == (sent or "identity", b"packed")
        else:
            with pytest.raises(Unreachable) as caught:
                await streamed(peer, outbound)
            assert caught.value.reason is Why.ENCODED
    assert b"\r\naccept-encoding: zstd\r\n" in peer.heads[0].lower()
