"""How the command line talks to its own process."""

import asyncio

import pytest

from connector.outbound.faults import OutboundRefused, Unreachable, Why
from connector.outbound.management import ManagementClient, ManagementRefused


@pytest.mark.parametrize(
    "origin", ["https://hospital.example", "http://10.0.0.5:8080", "http://127.0.0.1.evil.example"]
)
def test_the_token_goes_to_this_machine_only(origin: str) -> None:
    with pytest.raises(OutboundRefused):
        ManagementClient(origin, "secret")


@pytest.mark.parametrize("path", ["", "api", "//evil.example/api", "https://evil.example/api"])
def test_a_path_cannot_lead_elsewhere(path: str) -> None:
    with ManagementClient("http://127.0.0.1:1", "secret") as client, pytest.raises(OutboundRefused):
        client.call("GET", path)


def test_no_process_is_unreachable() -> None:
    with ManagementClient("http://127.0.0.1:1", "secret") as client:
        with pytest.raises(Unreachable) as caught:
            client.call("GET", "/api/status")
        assert caught.value.reason is Why.CONNECT
        with pytest.raises(Unreachable):
            list(client.lines("POST", "/api/import", b"{}"))


async def test_a_call_carries_the_token_and_brings_the_answer(serving, reply) -> None:
    async def script(peer, head, body):
        return reply(b'{"ok":true}', "201 Created")

    peer = await serving(script)

    def call() -> tuple[int, bytes]:
        with ManagementClient(peer.origin, "secret") as client:
            answer = client.call("POST", "/api/things", b'{"a":1}', params={"dry": "yes"})
            return answer.status, answer.body

    assert await asyncio.to_thread(call) == (201, b'{"ok":true}')
    head = peer.heads[0].lower()
    assert head.startswith(b"post /api/things?dry=yes ")
    assert b"\r\nauthorization: bearer secret\r\n" in head
    assert peer.bodies == [b'{"a":1}']


async def test_progress_comes_line_by_line_and_an_error_is_shown(serving, reply) -> None:
    async def script(peer, head, body):
        if b"/refused" in head:
            return reply(b'{"title":"No"}', "409 Conflict")
        return reply(b'{"done":1}\n{"done":2}\n')

    peer = await serving(script)

    def lines(path: str) -> list[str]:
        with ManagementClient(peer.origin, "secret") as client:
            return list(client.lines("POST", path))

    assert await asyncio.to_thread(lines, "/api/import") == ['{"done":1}', '{"done":2}']
    with pytest.raises(ManagementRefused) as caught:
        await asyncio.to_thread(lines, "/api/refused")
    assert (caught.value.answer.status, caught.value.answer.body) == (409, b'{"title":"No"}')


async def test_a_redirect_does_not_carry_the_token_away(serving, reply) -> None:
    async def script(peer, head, body):
        return reply(b"", "307 Temporary Redirect", "location: http://127.0.0.1:1/steal")

    peer = await serving(script)

    def call() -> int:
        with ManagementClient(peer.origin, "secret") as client:
            return client.call("GET", "/api/status").status

    assert await asyncio.to_thread(call) == 307
