"""The space that stays up: its sign-in links, the command line beside it, and its end."""

import asyncio
import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from connector.demo.bundles import people, shipped
from connector.outbound.browse import Browser
from connector.outbound.client import Outbound
from connector.outbound.origins import NamedOrigin
from tests.demo.conftest import CONCORD, surroundings

pytestmark = pytest.mark.slow


@dataclass
class Standing:
    """A space that is up, and what it printed."""

    space: Path
    lines: list[str]

    def concord(self, who: str, *arguments: str) -> tuple[int, object]:
        """Call a verb on one participant; returns exit code and what `--json` printed."""
        done = subprocess.run(
            [*CONCORD, *arguments, "--directory", str(self.space / who), "--json"],
            capture_output=True, text=True, env=surroundings(), timeout=120, check=False,
        )  # fmt: skip
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


@pytest.fixture(scope="module")
def standing(tmp_path_factory, three_bundles) -> Iterator[Standing]:
    space = tmp_path_factory.mktemp("standing") / "space"
    command = [*CONCORD, "demo", "--directory", str(space), "--bundles", str(three_bundles)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=surroundings(), start_new_session=True)
    try:
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if "Ctrl-C" in line:
                break
        pids = [json.loads(file.read_text())["pid"] for file in space.glob("*/process.json")]
        assert len(pids) == 4, lines
        yield Standing(space, lines)
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(30)
        process.stdout.close()
    assert code == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_every_sign_in_link_leads_to_the_home_of_its_role(standing):
    links = [line for line in standing.lines if "/sign-in?as=" in line]
    homes = {asyncio.run(_signed_in(link)).rpartition("/")[2] for link in links}
    assert homes == {"me", "research", "steward", "dpo"}


async def _signed_in(link: str) -> str:
    """Sign in as the account this link suggests; returns where one lands."""
    async with Outbound() as outbound, Browser(outbound, [NamedOrigin.parse(link, allow_http=True)]) as browser:
        page = await browser.get(link)
        page = await browser.submit(page, page.form(), value=link.partition("?as=")[2])
        assert page.status == 200
        return page.url


def test_the_command_line_negotiates_transfers_and_stops_beside_the_portal(standing):
    _, studies = standing.concord("research", "study", "list")
    study = studies[0]["id"]
    _, entries = standing.concord("research", "catalog", "Elisabeth")
    dataset = next(one["dataset"] for one in entries if one["title"] == "Hospital records")
    other = next(one["dataset"] for one in entries if one["title"] == "Heart and laboratory results")

    code, refused = standing.concord("research", "negotiate", "Elisabeth", other, "--study", study)
    assert (code, refused["state"]) == (1, "terminated")
    code, contract = standing.concord("research", "negotiate", "Elisabeth", dataset, "--study", study)
    assert (code, contract["state"]) == (0, "finalized")

    hero = next(one for one in people(shipped()) if f"{one.given} {one.family}" in " ".join(standing.lines))
    name = f"{hero.given} {hero.family}"
    code, row = standing.concord("research", "transfer", contract["agreement"])
    assert (code, row["manifest_verified"], row["resources"]) == (0, True, 0)
    give = ("consent", "grant", study, "--data", f"{dataset}=conditions", "--account")
    code, _ = standing.concord("wallet", *give, name)
    assert code == 2  # who runs the wallet turns nobody's own no into a yes
    assert _answer(standing, name) == "withdrawn"


def _answer(standing: Standing, name: str) -> str:
    code, rows = standing.concord("wallet", "consent", "list", "--account", name)
    assert code == 0
    return rows[0]["state"]


def test_every_participant_knows_the_other_three_and_its_log_holds(standing):
    for who in ("hospital", "vendor", "wallet", "research"):
        _, members = standing.concord(who, "trust", "list")
        assert len(members) == 3
        code, verdict = standing.concord(who, "audit", "verify")
        assert (code, verdict["ok"]) == (0, True)


def test_a_second_demonstration_does_not_touch_a_running_one(standing):
    before = [file.read_text() for file in sorted(standing.space.glob("*/concord.toml"))]
    done = subprocess.run(
        [*CONCORD, "demo", "--once", "--directory", str(standing.space)],
        capture_output=True, text=True, env=surroundings(), timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "running in" in done.stderr
    assert [file.read_text() for file in sorted(standing.space.glob("*/concord.toml"))] == before
