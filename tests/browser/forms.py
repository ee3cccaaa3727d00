"""Forms of each role, filled in up to the last step that changes nothing, for pictures of what no link leads to.

Each function gets the addresses a role's links lead to; it returns whether it found something to fill in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from playwright.async_api import Page

from tests.browser.chromium import press

Fill = Callable[[Page, str, list[str]], Awaitable[bool]]


def first(visited: list[str], begin: str, end: str = "") -> str | None:
    """The first address that begins and ends so, with something between."""
    fitting = (one for one in visited if one.startswith(begin) and one.endswith(end) and len(one) > len(begin + end))
    return next(fitting, None)


def study_of(visited: list[str]) -> str | None:
    """A study's own address among those of its pages."""
    found = first(visited, "/me/studies/")
    return "/".join(found.split("/")[:4]) if found else None


async def fill_day(page: Page, name: str, *parts: str) -> None:
    """A date typed into its three fields."""
    for suffix, value in zip(("", "-month", "-year"), parts, strict=True):
        await page.locator(f"#{name}{suffix}").fill(value)


async def choose_all(page: Page) -> None:
    """Only some kinds of the first dataset, all of the others."""
    groups = page.locator("fieldset:has(input[name^='data-'])")
    for place in range(await groups.count()):
        group = groups.nth(place)
        some = group.locator("input[type='radio'][value='some']")
        if place == 0 and await some.count():
            await some.check()
            await group.locator("input[type='checkbox']").first.check()
        else:
            await group.locator("input[type='radio'][value='all']").check()


async def study_unanswered(page: Page, origin: str, visited: list[str]) -> bool:
    study = study_of(visited)
    if study is None:
        return False
    await page.goto(origin + study)
    if not await page.get_by_role("button", name="Continue").count():
        return False
    await press(page, "Continue")
    return True


async def which_data(page: Page, origin: str, visited: list[str]) -> bool:
    study = study_of(visited)
    if study is None:
        return False
    await page.goto(f"{origin}{study}/which-data")
    if not await page.locator("input[name='data-1']").count():
        return False
    await choose_all(page)
    return True


async def dates(page: Page, origin: str, visited: list[str]) -> bool:
    if not await which_data(page, origin, visited):
        return False
    await press(page, "Continue")
    return True


async def dates_wrong(page: Page, origin: str, visited: list[str]) -> bool:
    if not await dates(page, origin, visited):
        return False
    await page.get_by_label("Only a time I choose").check()
    await fill_day(page, "from", "31", "2", "2020")
    await press(page, "Continue")
    return True


async def letter(page: Page, origin: str, visited: list[str]) -> bool:
    if not await dates(page, origin, visited):
        return False
    await page.get_by_label("All the time").check()
    await press(page, "Continue")
    return True


async def letter_no(page: Page, origin: str, visited: list[str]) -> bool:
    study = study_of(visited)
    if study:
        await page.goto(f"{origin}{study}/no")
    return study is not None


async def later(page: Page, origin: str, visited: list[str]) -> bool:
    study = study_of(visited)
    if study:
        await page.goto(f"{origin}{study}/later")
    return study is not None


async def stop_check(page: Page, origin: str, visited: list[str]) -> bool:
    study = study_of(visited)
    if study is None:
        return False
    await page.goto(f"{origin}{study}/stop")
    await page.get_by_label("Stop, and delete what they have").check()
    await press(page, "Continue")
    return True


async def link_wrong(page: Page, origin: str, visited: list[str]) -> bool:
    await page.goto(f"{origin}/me/links")
    if not await page.get_by_label("Link code").count():
        return False
    await press(page, "Link this place")
    return True


async def dataset_wrong(page: Page, origin: str, visited: list[str]) -> bool:
    await page.goto(f"{origin}/steward/datasets/new")
    if not await page.get_by_role("button", name="Check this dataset").count():
        return False
    await press(page, "Check this dataset")
    return True


async def dataset_check(page: Page, origin: str, visited: list[str]) -> bool:
    await page.goto(f"{origin}/steward/datasets/new")
    if not await page.get_by_role("button", name="Check this dataset").count():
        return False
    await page.locator("#title").fill("Vaccinations and travel")
    await page.locator("#description").fill("Adults who were advised before a journey, since 2018.")
    await page.locator("#keywords").fill("travel, vaccination")
    await page.locator("#source").select_option(index=1)
    await page.get_by_label("As a file of health records").check()
    await page.get_by_label("Vaccinations").check()
    await page.get_by_label("Scientific research in health and care").check()
    await fill_day(page, "until", "31", "12", "2035")
    await page.locator("#profile").select_option("research-standard")
    await page.locator("#duo").fill("IRB GS:EU")
    await page.locator("#report").select_option("report:P1Y")
    await page.locator("#delete").select_option("delete:P30D")
    await press(page, "Check this dataset")
    return True


async def people_found(page: Page, origin: str, visited: list[str]) -> bool:
    await page.goto(f"{origin}/steward/people")
    await page.get_by_label("Name or patient number").fill("a")
    await press(page, "Find")
    return True


async def study_wrong(page: Page, origin: str, visited: list[str]) -> bool:
    await page.goto(f"{origin}/research/studies/new")
    await press(page, "Check this request")
    return True


async def study_check(page: Page, origin: str, visited: list[str]) -> bool:
    await page.goto(f"{origin}/research/studies/new")
    if not await page.locator("input[name='data']").count():
        return False
    await page.locator("#title").fill("Sleep and high blood pressure")
    await page.locator("#summary").fill("We look for links between sleep and blood pressure.")
    for name in ("why", "who_sees", "stored_where", "if_you_say_no", "risks", "money"):
        await page.locator(f"#{name}").fill("Said plainly, in one or two sentences.")
    await page.get_by_label("Scientific research in health and care").check()
    await page.locator("input[name='data']").first.check()
    await fill_day(page, "answer_until", "31", "12", "2034")
    await fill_day(page, "valid_until", "31", "12", "2035")
    await page.locator("#contact_name").fill("Lies Van Damme")
    await page.locator("#contact_email").fill("sleep@northgate.example")
    await press(page, "Check this request")
    return True


async def contract_wrong(page: Page, origin: str, visited: list[str]) -> bool:
    found = next((one for one in visited if one.startswith("/research/catalogue/dataset?")), None)
    if found is None:
        return False
    await page.goto(origin + found)
    if not await page.get_by_role("button", name="Ask for this contract").count():
        return False
    await press(page, "Ask for this contract")
    return True


async def replay(page: Page, origin: str, visited: list[str]) -> bool:
    found = first(visited, "/dpo/decisions/")
    if found is None:
        return False
    await page.goto(origin + found)
    await press(page, "Replay this decision")
    return True


async def verify(page: Page, origin: str, visited: list[str]) -> bool:
    await page.goto(f"{origin}/dpo/log")
    await press(page, "Check the whole log now")
    return True


async def request_wrong(page: Page, origin: str, visited: list[str]) -> bool:
    return await asked_page(page, origin, visited, "/steward", "Record this answer")


async def offer_wrong(page: Page, origin: str, visited: list[str]) -> bool:
    return await asked_page(page, origin, visited, "/research", "Send this answer")


async def asked_page(page: Page, origin: str, visited: list[str], side: str, button: str) -> bool:
    """The first negotiation that waits for an answer here, answered with nothing."""
    for address in (one for one in visited if one.startswith(f"{side}/negotiations/urn:")):
        await page.goto(origin + address)
        if await page.get_by_role("button", name=button).count():
            await press(page, button)
            return True
    return False


async def counter_wrong(page: Page, origin: str, visited: list[str]) -> bool:
    side = "/steward" if "/steward" in visited else "/research"
    button = "Record this answer" if side == "/steward" else "Send this answer"
    if not await asked_page(page, origin, visited, side, button):
        return False
    await page.locator("input[name='decision'][value='counter']").check()
    await press(page, button)
    await fill_day(page, "until", "1", "1", "2099")
    await page.get_by_role("button", name="Check this").click()
    await page.wait_for_load_state("domcontentloaded")
    return True


async def counter_check(page: Page, origin: str, visited: list[str]) -> bool:
    if not await counter_wrong(page, origin, visited):
        return False
    await fill_day(page, "until", "", "", "")
    await fill_day(page, "records_from", "1", "1", "2021")
    await page.locator("input[name='categories']").first.check()
    await page.get_by_role("button", name="Check this").click()
    await page.wait_for_load_state("domcontentloaded")
    return True


async def rule_wrong(page: Page, origin: str, visited: list[str]) -> bool:
    await page.goto(f"{origin}/steward/negotiations/rules/new")
    await page.locator("#answer-4").check()
    await press(page, "Set this rule")
    return True


async def offer_terms(page: Page, origin: str, visited: list[str]) -> bool:
    await page.goto(f"{origin}/steward/negotiations/offer")
    if not await page.get_by_role("button", name="Go on to the terms").count():
        return False
    for field in ("consumer", "dataset"):
        await page.locator(f"#{field}").select_option(index=1)
    await page.locator("input[name='study']").first.check()
    await press(page, "Go on to the terms")
    return True


async def acceptance_wrong(page: Page, origin: str, visited: list[str]) -> bool:
    await page.goto(f"{origin}/steward/contracts/accepted")
    if not await page.get_by_role("button", name="Accept without proof").count():
        return False
    await press(page, "Accept without proof")
    return True


async def end_wrong(page: Page, origin: str, visited: list[str]) -> bool:
    found = next((one for one in visited if one.endswith("/end") and "/contracts/" in one), None)
    if found is None:
        return False
    await page.goto(origin + found)
    await press(page, "End this contract")
    return True


async def missing_page(page: Page, origin: str, visited: list[str]) -> bool:
    await page.goto(f"{origin}/nothing-here")
    return True


FORMS: dict[str, dict[str, Fill]] = {
    "patient": {
        "study-unanswered": study_unanswered, "which-data": which_data, "dates": dates, "dates-wrong": dates_wrong,
        "check-yes": letter, "check-no": letter_no, "later": later, "stop-check": stop_check, "link-wrong": link_wrong,
        "missing-page": missing_page,
    },
    "steward": {"dataset-wrong": dataset_wrong, "dataset-check": dataset_check, "people-found": people_found,
                "request-wrong": request_wrong, "counter-wrong": counter_wrong, "counter-check": counter_check,
                "rule-wrong": rule_wrong, "offer-terms": offer_terms, "acceptance-wrong": acceptance_wrong,
                "end-wrong": end_wrong},
    "researcher": {"study-wrong": study_wrong, "study-check": study_check, "contract-wrong": contract_wrong,
                   "offer-wrong": offer_wrong, "counter-wrong": counter_wrong, "counter-check": counter_check,
                   "end-wrong": end_wrong},
    "dpo": {"replay": replay, "verify": verify},
}  # fmt: skip
"""Role -> name of the picture -> what leads to the page."""
