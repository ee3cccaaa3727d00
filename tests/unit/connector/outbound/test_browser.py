"""The demo's browser: forms as they stand, cookies, redirects, and nowhere else."""

from urllib.parse import parse_qsl

import pytest

from connector.outbound.browse import Browser, PageProblem
from connector.outbound.client import Outbound
from connector.outbound.faults import OutboundRefused
from connector.outbound.forms import read_page
from connector.outbound.origins import NamedOrigin

PAGE = """<!doctype html><title>Your  choice</title><h1>Share &amp; learn?</h1>
<form action="/search" method="get"><input name="q" value="heart"><button>Search</button></form>
<form action="/answer" method="post" id="answer">
<input type="hidden" name="csrf" value="t&quot;1"><input name="name" value="">
<input type="radio" name="say" value="yes"><input type="radio" name="say" value="no" checked>
<input type="checkbox" name="cat" value="steps" checked><input type="checkbox" name="cat" value="sleep">
<input type="submit" name="go" value="Later"><input type="file" name="f">
<select name="until"><option value="1">One</option><option value="2" selected>Two</option></select>
<textarea name="why">
Line one
line two</textarea>
<button name="go" value="now"><strong>Send</strong> my answer</button><button type="button">Help</button>
</form><p><a href="/more?x=1">Read  more</a> <input name="outside" value="x">"""


def named(peer) -> NamedOrigin:
    return NamedOrigin.parse(peer.origin, allow_http=True)


def path(head: bytes) -> str:
    return head.split(b" ")[1].decode()


def test_a_form_is_what_it_would_send_as_it_stands() -> None:
    page = read_page(PAGE)
    form = page.forms[1]
    assert (page.title, page.heading, len(page.forms)) == ("Your choice", "Share & learn?", 2)
    assert (form.action, form.method, form.id) == ("/answer", "post", "answer")
    assert form.fields == [
        ("csrf", 't"1'),
        ("name", ""),
        ("say", "no"),
        ("cat", "steps"),
        ("until", "2"),
        ("why", "Line one\nline two"),
    ]
    assert form.choices == {"say": ["yes", "no"], "cat": ["steps", "sleep"], "until": ["1", "2"]}
    assert form.buttons == [("go", "Later", "Later"), ("go", "now", "Send my answer")]
    assert page.links == [("/more?x=1", "Read more")]


def test_broken_html_gives_what_can_be_read() -> None:
    for html in ("", "<", "<form", "<form><input name=a value=1", "<button>x", "</form></h1>", "<a href=/x>y"):
        read_page(html)
    assert read_page("<form action=/x><input name=a value=1>").forms[0].fields == [("a", "1")]


async def test_an_answer_is_given_as_a_person_gives_it(serving, reply) -> None:
    async def script(peer, head, body):
        if head.startswith(b"GET /start"):
            return reply(PAGE.encode(), "200 OK", "set-cookie: __Host-s=1; Path=/; Secure; HttpOnly", "set-cookie: b=2")
        if head.startswith(b"POST"):
            return reply(b"", "303 See Other", "location: /done#top")
        return reply(b"<h1>Thank you</h1>")

    peer = await serving(script)
    async with Outbound() as outbound, Browser(outbound, [named(peer)]) as browser:
        page = await browser.get(f"{peer.origin}/start")
        form = page.form("/answer", button="Send my answer")
        end = await browser.submit(page, form, {"say": "yes", "name": "\u00e4 b"}, button="Send my answer")
        assert (end.status, end.url, end.document.heading) == (200, f"{peer.origin}/done", "Thank you")
        found = await browser.submit(page, page.form("/search"))
        assert found.url == f"{peer.origin}/search?q=heart"
        assert page.link("Read more") == f"{peer.origin}/more?x=1"
    sent = parse_qsl(peer.bodies[1].decode(), keep_blank_values=True)
    assert sorted(sent) == sorted(
        [
            ("csrf", 't"1'),
            ("cat", "steps"),
            ("until", "2"),
            ("why", "Line one\nline two"),
            ("say", "yes"),
            ("name", "\u00e4 b"),
            ("go", "now"),
        ]
    )
    post, after = peer.heads[1].lower(), peer.heads[2]
    assert f"\r\norigin: {peer.origin}\r\n".encode() in post
    assert b"__host-s=1" in post
    assert b"b=2" in post
    assert after.startswith(b"GET /done ")


async def test_a_button_can_be_pressed_by_its_value_and_must_be_there(serving, reply) -> None:
    async def script(peer, head, body):
        return reply(PAGE.encode())

    peer = await serving(script)
    async with Outbound() as outbound, Browser(outbound, [named(peer)]) as browser:
        page = await browser.get(f"{peer.origin}/start")
        await browser.submit(page, page.form("/answer"), value="now")
        assert ("go", "now") in parse_qsl(peer.bodies[1].decode())
        for wrong in ({"button": "Delete"}, {"value": "never"}):
            with pytest.raises(PageProblem):
                await browser.submit(page, page.form("/answer"), **wrong)
        for missing in ({"action": "/nothing"}, {"button": "Nothing"}):
            with pytest.raises(PageProblem):
                page.form(**missing)
        with pytest.raises(PageProblem):
            page.link("Nothing")


async def test_the_browser_does_not_leave_the_origins_it_was_given(serving, reply) -> None:
    async def script(peer, head, body):
        return reply(b"", "302 Found", "location: https://elsewhere.example/")

    peer = await serving(script)
    async with Outbound() as outbound, Browser(outbound, [named(peer)]) as browser:
        with pytest.raises(OutboundRefused):
            await browser.get(f"{peer.origin}/start")


async def test_redirects_in_a_circle_end(serving, reply) -> None:
    async def script(peer, head, body):
        return reply(b"", "307 Temporary Redirect", "location: /again")

    peer = await serving(script)
    async with Outbound() as outbound, Browser(outbound, [named(peer)]) as browser:
        with pytest.raises(PageProblem):
            await browser.get(f"{peer.origin}/start")
    assert len(peer.heads) == 10


async def test_two_people_do_not_share_cookies(serving, reply) -> None:
    async def script(peer, head, body):
        return reply(b"", "200 OK", "set-cookie: s=1; Path=/")

    peer = await serving(script)
    async with (
        Outbound() as outbound,
        Browser(outbound, [named(peer)]) as paula,
        Browser(outbound, [named(peer)]) as otto,
    ):
        await paula.get(f"{peer.origin}/a")
        await otto.get(f"{peer.origin}/b")
        await paula.get(f"{peer.origin}/c")
    cookies = {path(head): b"cookie: s=1" in head.lower() for head in peer.heads}
    assert cookies == {"/a": False, "/b": False, "/c": True}
