"""axe-core finds nothing, and nothing is wider than its window: every page, light, dark and on a phone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn

from tests.browser.chromium import LOOKS, faults, launched, sign_in, visitor
from tests.browser.negotiating import WITHOUT_FETCHING, played
from tests.browser.neighbourhood import settled
from tests.browser.screenshots import shoot
from tests.two_party.space import QuietServer, listening, until
from tests.unit.consent_ui.fakes.space import portal
from tests.unit.consent_ui.fakes.tour import EMPTY_TOUR, TOUR

pytestmark = pytest.mark.browser


@pytest.fixture
async def places() -> AsyncIterator[dict[tuple[str, bool], str]]:
    """(kind of participant, on its first day) -> origin of its portal over in-memory services."""
    servers, tasks, origins = [], [], {}
    for place in ("wallet", "hospital", "research"):
        for empty in (False, True):
            app, listener = portal(place, empty), listening()
            origins[place, empty] = origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
            app.state.participant.settings.public_url = origin
            servers.append(QuietServer(uvicorn.Config(app, log_config=None, lifespan="off")))
            tasks.append(asyncio.create_task(servers[-1].serve([listener])))
    await until(lambda: all(server.started for server in servers), "the portals to start")
    yield origins
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*tasks)


@pytest.mark.slow
@pytest.mark.parametrize("look", list(LOOKS))
async def test_no_page_of_any_role_has_a_fault(places, look: str):
    found: list[str] = []
    tours = [(False, TOUR), (True, EMPTY_TOUR)] if look == "light" else [(False, TOUR)]
    async with launched() as browser:
        for empty, tour in tours:
            for (place, role), paths in tour.items():
                context = await visitor(browser, look, javascript=True)
                page = await context.new_page()
                await page.goto(f"{places[place, empty]}/sign-in?as={role}")
                for path in paths:
                    await page.goto(places[place, empty] + path)
                    found += [f"{path}: {fault}" for fault in await faults(page)]
                await context.close()
    assert found == []


@pytest.mark.slow
async def test_every_page_of_a_real_space_can_be_pictured_without_a_fault(tmp_path: Path):
    space = tmp_path / "space"
    space.mkdir()
    async with settled(space, WITHOUT_FETCHING) as made, launched() as browser:
        await played(made)
        maria = await browser.new_context()
        page = await maria.new_page()
        await sign_in(page, made.wallet.url, "maria")
        await page.goto(f"{made.wallet.url}/me/links")
        await page.get_by_label("St. Elisabeth Hospital").check()
        await page.get_by_label("Link code").fill(await made.code_for("p1"))
        await page.get_by_role("button", name="Link this place").click()
        origins = {"hospital": made.hospital.url, "research": made.research.url, "wallet": made.wallet.url}
        album = await shoot(browser, origins, "phone", tmp_path / "pictures")
    assert album.found == []
    for name in ("wallet/me", "hospital/steward", "hospital/dpo-log", "research/research-catalogue",
                 "hospital/steward-negotiations-x", "hospital/steward-contracts-accepted", "hospital/dpo-unproven",
                 "research/research-contracts-proposals-x", "research/researcher-counter-check"):  # fmt: skip
        assert name in album.names, (name, sorted(album.names))
