"""Every page of every role from a played demonstration: `python -m tests.browser.screenshots`.

Attaches to the data space in `--directory` (played first when there is none, started when it does not run), signs in
through the real provider as somebody of each role, follows every link, fills in the forms up to the last step that
changes nothing, and writes a picture of each page, light, dark and 390 pixels wide. Each page is checked with
axe-core; exit code 1 when anything is found. Then the same for a hospital and a research group that are deciding about
contracts (`tests.browser.negotiating`), played anew each time.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page

from connector.demo.crews import Crew
from connector.demo.space import CHARACTERS, prepare
from connector.lock import running
from connector.settings import load
from tests.browser.chromium import LOOKS, available, faults, launched, sign_in, visitor
from tests.browser.forms import FORMS
from tests.browser.negotiating import WITHOUT_FETCHING, played
from tests.browser.neighbourhood import settled

OF_A_SHAPE = 2
"""How many pages that differ only in the thing they show are visited."""
PEOPLE_TRIED = 14
"""How many people of the wallet are looked at to find one who stopped and one who was asked."""
IDENTIFIER = re.compile(r"urn:[^/?]+|[0-9a-f]{8}-[0-9a-f-]{27}|(?<=/)\d+")
SKIPPED = re.compile(r"\.(json|jws|pdf|zip|csv|html)$|[?&]watch=|^/sign|^/static")


@dataclass
class Album:
    """Where pictures of one look go, and what was found wrong on the way."""

    place: Path
    found: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    async def take(self, page: Page, name: str) -> None:
        """A picture of the whole page under this name, checked."""
        self.names.add(name)
        self.place.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=self.place / f"{name}.png", full_page=True)
        self.found += [f"{self.place.name}/{name}: {fault}" for fault in await faults(page)]


def shape(address: str) -> str:
    """The address without what it is about: pages of one shape show different things."""
    return IDENTIFIER.sub("x", urlsplit(address).path)


def named(address: str) -> str:
    """The file name of a page."""
    return shape(address).strip("/").replace("/", "-")


async def walk(page: Page, origin: str, home: str, album: Album) -> list[str]:
    """Every page that links lead to from a role's home; returns their addresses."""
    waiting, seen, shapes = [home], {home}, dict[str, int]()
    visited = []
    while waiting:
        address = waiting.pop(0)
        kind = shape(address)
        if shapes.get(kind, 0) >= OF_A_SHAPE:
            continue
        shapes[kind] = shapes.get(kind, 0) + 1
        answer = await page.goto(origin + address)
        if answer is None or answer.status != 200:
            album.found.append(f"{address}: status {answer.status if answer else 'none'}")
            continue
        visited.append(address)
        await album.take(page, named(address) + ("" if shapes[kind] == 1 else f"-{shapes[kind]}"))
        found = await page.eval_on_selector_all("a[href^='/']", "all => all.map(one => one.getAttribute('href'))")
        for link in found:
            plain = str(link).partition("#")[0]
            if plain not in seen and plain != "/" and not SKIPPED.search(plain):
                seen.add(plain)
                waiting.append(plain)
    return visited


async def roles_of(page: Page, origin: str, album: Album, done: set[str]) -> None:
    """One signed-in account: the pages and forms of each of its roles that is not among those done."""
    while True:
        await page.goto(origin + "/")
        role = {"me": "patient", "research": "researcher"}.get(urlsplit(page.url).path.strip("/"), "")
        role = role or urlsplit(page.url).path.strip("/") or "none"
        if role not in done:
            visited = await walk(page, origin, urlsplit(page.url).path, album)
            for name, fill in FORMS.get(role, {}).items():
                if await fill(page, origin, visited):
                    await album.take(page, f"{role}-{name}")
        done.add(role)
        await page.goto(origin + "/")
        others = page.locator("form[action='/role']")
        values = await others.locator("input[name='role']").evaluate_all("all => all.map(one => one.value)")
        onward = next((index for index, value in enumerate(values) if value not in done), None)
        if onward is None:
            return
        await page.locator("details.account > summary").click()
        await others.nth(onward).locator("button").click()
        await page.wait_for_load_state("domcontentloaded")


async def accounts(page: Page, origin: str, album: Album) -> list[str]:
    """Whom the sign-in provider offers."""
    await page.goto(origin + "/")
    await album.take(page, "welcome")
    await page.goto(f"{origin}/sign-in")
    offered = page.locator("button[name='account']")
    return list(dict.fromkeys(await offered.evaluate_all("all => all.map(one => one.value)")))


async def chosen(browser: Browser, origin: str, subjects: list[str]) -> list[str]:
    """Of a wallet's people: one who stopped and one who is asked, as far as there are such; else the first."""
    wanted = {"See how it stopped": "", "Read and answer": ""}
    for subject in subjects[:PEOPLE_TRIED]:
        context = await visitor(browser)
        page = await context.new_page()
        await sign_in(page, origin, subject)
        await page.goto(origin + "/me")
        for link, known in wanted.items():
            if not known and await page.get_by_role("link", name=link).count():
                wanted[link] = subject
        await context.close()
        if all(wanted.values()):
            break
    return list(dict.fromkeys(subject for subject in wanted.values() if subject)) or subjects[:1]


async def shoot(browser: Browser, origins: dict[str, str], look: str, place: Path) -> Album:
    """Pictures of every participant's pages in one look."""
    whole = Album(place / look)
    for folder, origin in origins.items():
        context = await visitor(browser, look, javascript=True)
        page = await context.new_page()
        album = Album(place / look)
        subjects = await accounts(page, origin, album)
        (album.place / "welcome.png").rename(album.place / f"{folder}-welcome.png")
        if folder == "wallet":
            subjects = await chosen(browser, origin, subjects)
        done: set[str] = set()
        for number, subject in enumerate(subjects, 1):
            done = set() if folder == "wallet" else done  # every person is another, staff of one role see the same
            await context.clear_cookies()
            await sign_in(page, origin, subject)
            mine = Album(place / look / folder if number == 1 else place / look / f"{folder}-{number}")
            await roles_of(page, origin, mine, done)
            album.found += mine.found
            album.names |= {f"{mine.place.name}/{name}" for name in mine.names}
        whole.found += album.found
        whole.names |= album.names
        await context.close()
    return whole


@asynccontextmanager
async def attended(space: Path) -> AsyncIterator[dict[str, str]]:
    """The origins of a played space's participants, each running; those that do not are started and stopped again."""
    if not (space / CHARACTERS[0].folder / "concord.toml").exists():
        command = [sys.executable, "-c", "from connector.cli import main; main()", "demo", "--once"]
        await asyncio.to_thread(subprocess.run, [*command, "--directory", str(space)], check=True)
    places = {one.folder: space / one.folder for one in CHARACTERS}
    if all(running(place) for place in places.values()):
        yield {folder: load(place).public_url for folder, place in places.items()}
        return
    async with AsyncExitStack() as stack:
        homes = await prepare(space)
        for home in homes:
            served = Crew(home)
            stack.push_async_callback(served.stop)
            await served.start()
        yield {home.character.folder: home.url for home in homes}


@asynccontextmanager
async def deciding() -> AsyncIterator[dict[str, str]]:
    """The origins of a hospital and a research group in the middle of negotiating, changing and ending contracts."""
    with TemporaryDirectory() as place:
        async with settled(Path(place), WITHOUT_FETCHING) as made:
            await played(made)
            yield {"hospital-deciding": made.hospital.url, "research-deciding": made.research.url}


async def main(space: Path, output: Path, looks: list[str]) -> int:
    """These looks; prints what is wrong and where the pictures are."""
    if available() is None:
        print("Chromium is not installed; no pictures were taken.", file=sys.stderr)
        return 2
    found: list[str] = []
    async with launched() as browser:
        for place in (attended(space), deciding()):
            async with place as origins:
                for look in looks:
                    album = await shoot(browser, origins, look, output)
                    print(f"{look}: {len(album.names)} pages of {', '.join(origins)}")
                    found += album.found
    for line in found:
        print(line, file=sys.stderr)
    print(f"Pictures in {output}; {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--directory", type=Path, default=Path("data-space"), help="the played data space")
    parser.add_argument("--output", type=Path, default=Path("screenshots"), help="where the pictures go")
    parser.add_argument("--look", choices=LOOKS, nargs="*", default=list(LOOKS), help="only some of the looks")
    given = parser.parse_args()
    sys.exit(asyncio.run(main(given.directory, given.output, given.look)))
