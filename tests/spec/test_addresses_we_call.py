"""Which addresses a connector calls (design 3.10), told as rules."""

import pytest

from connector.outbound.client import Outbound
from connector.outbound.faults import OutboundRefused, Unreachable
from connector.outbound.guard import Destination
from connector.outbound.origins import NamedOrigin

# Nobody listens on ports 1 and 2 of this machine: what the guard lets through ends there.
HOSPITAL = NamedOrigin.parse("http://127.0.0.1:1", allow_http=True)
VENDOR = NamedOrigin.parse("http://127.0.0.1:2", allow_http=True)


async def names(host: str, port: int) -> list[str]:
    """An internet in which some names lead inside."""
    inside = {"metadata.example": "169.254.169.254", "intranet.example": "10.0.0.7", "this.example": "127.0.0.1"}
    return [inside.get(host, "93.184.216.34")]


async def refused(address: str, to: Destination) -> bool:
    """Whether the guard stops a request before anything is dialled."""
    async with Outbound(resolver=names) as outbound:
        try:
            await outbound.post_json(address, b"{}", to=to)
        except OutboundRefused:
            return True
        except Unreachable:
            return False
        return False


@pytest.mark.parametrize(
    "callback",
    [
        "http://127.0.0.1:2/dsp/2025-1",
        "http://127.0.0.1:1@evil.example/dsp",
        "http://127.0.0.1:10/dsp",
        "http://elsewhere.example/dsp",
        "https://127.0.0.1:1/dsp",
        "https://localhost/dsp",
        "https://[::ffff:127.0.0.1]/dsp",
        "https://0x7f.1/dsp",
        "https://metadata.example/latest",
        "https://intranet.example/dsp",
        "https://this.example/dsp",
    ],
)
async def test_a_callback_to_a_private_address_that_is_not_its_senders_origin_is_refused(callback: str) -> None:
    async def local(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host == "localhost" else await names(host, port)

    async with Outbound(resolver=local) as outbound:
        with pytest.raises(OutboundRefused):
            await outbound.post_json(callback, b"{}", to=Destination.of_counterparty(HOSPITAL))


async def test_a_participant_may_name_its_own_registered_origin_and_nobody_elses() -> None:
    assert not await refused("http://127.0.0.1:1/dsp/2025-1/negotiations", Destination.of_counterparty(HOSPITAL))
    assert await refused("http://127.0.0.1:1/dsp/2025-1/negotiations", Destination.of_counterparty(VENDOR))


async def test_what_the_operator_named_is_all_an_operators_request_may_reach() -> None:
    assert not await refused("http://127.0.0.1:1/", Destination.of_operator(HOSPITAL))
    assert await refused("https://public.example/", Destination.of_operator(HOSPITAL))
