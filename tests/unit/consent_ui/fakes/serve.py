"""Serve every kind of portal, for looking at pages: `python -m tests.unit.consent_ui.fakes.serve`."""

from __future__ import annotations

import asyncio

import uvicorn

from tests.unit.consent_ui.fakes.space import portal

PORTS = {
    "wallet": 9101,
    "hospital": 9102,
    "research": 9103,
    "wallet-empty": 9104,
    "hospital-empty": 9105,
    "research-empty": 9106,
}


async def main() -> None:
    servers = []
    for name, port in PORTS.items():
        app = portal(name.removesuffix("-empty"), name.endswith("-empty"))
        app.state.participant.settings.public_url = f"http://127.0.0.1:{port}"
        servers.append(uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning")))
    await asyncio.gather(*(server.serve() for server in servers))


if __name__ == "__main__":
    asyncio.run(main())
