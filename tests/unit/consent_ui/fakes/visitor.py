"""A visitor without JavaScript: opens pages, reads them, fills in forms by the words on their buttons."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

from fastapi import FastAPI
from starlette.testclient import TestClient

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "path", "rect", "circle", "ellipse"}
ORIGIN = "http://testserver"


@dataclass
class FormOnPage:
    method: str
    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    said: dict[str, tuple[str, str]] = field(default_factory=dict)
    """What a button itself says, as name and value, by its words."""


class Page(HTMLParser):
    """What a page holds, read strictly: tags must nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.forms: list[FormOnPage] = []
        self.links: dict[str, str] = {}
        self.words: list[str] = []
        self._link = self._button = None
        self._named = ("", "")
        self._select = ""
        self.feed(html)
        self.close()
        assert self.open == [], f"left open: {self.open}"

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "form":
            self.forms.append(FormOnPage(found.get("method") or "get", found.get("action") or ""))
        elif tag in ("input", "select", "textarea") and self.forms and "form" in self.open:
            self._field(tag, found)
        elif tag == "option" and "selected" in found:
            self.forms[-1].fields.append((self._select, found.get("value") or ""))
        elif tag == "a":
            self._link = (found.get("href") or "", [])
        elif tag == "button":
            self._button, self._named = [], (found.get("name") or "", found.get("value") or "")

    def _field(self, tag, found):
        name, kind = found.get("name") or "", found.get("type")
        self.forms[-1].names.add(name)
        if tag == "select":
            self._select = name
        elif kind not in ("radio", "checkbox") or "checked" in found:
            self.forms[-1].fields.append((name, found.get("value") or ""))

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> inside <{self.open[-1]}>"
        self.open.pop()
        if tag == "a" and self._link:
            self.links[tidy("".join(self._link[1]))] = self._link[0]
            self._link = None
        elif tag == "button" and self._button is not None:
            self.forms[-1].buttons.append(tidy("".join(self._button)))
            if self._named[0]:
                self.forms[-1].said[self.forms[-1].buttons[-1]] = self._named
            self._button = None

    def handle_data(self, data):
        self.words.append(data)
        if self._link:
            self._link[1].append(data)
        if self._button is not None:
            self._button.append(data)
        if self.open and self.open[-1] == "textarea":
            name, typed = self.forms[-1].fields[-1]
            self.forms[-1].fields[-1] = (name, typed + data)

    @property
    def text(self) -> str:
        return tidy(" ".join(self.words))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def tidy(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


class Visitor:
    """One browser at one portal."""

    def __init__(self, app: FastAPI, role: str | None = None) -> None:
        self.client = TestClient(app, base_url=ORIGIN)
        self.path = "/"
        self.status = 0
        if role:
            self.open(f"/sign-in?as={role}")

    def open(self, path: str) -> Page:
        return self._land(self.client.get(path))

    def follow(self, words: str) -> Page:
        """Click the link whose words begin so."""
        return self.open(next(href for label, href in self.page.links.items() if label.startswith(words)))

    def send(self, button: str, **filled: str | list[str]) -> Page:
        """Fill in the form that has this button and press it. `__` in a field's name stands for a dash."""
        form = next(form for form in self.page.forms if any(b.startswith(button) for b in form.buttons))
        given = {name.replace("__", "-"): value for name, value in filled.items()}
        assert set(given) <= form.names, f"no such field: {set(given) - form.names}"
        data: dict[str, list[str]] = {}
        for name, value in form.fields:
            if name not in given:
                data.setdefault(name, []).append(value)
        data |= {name: value if isinstance(value, list) else [value] for name, value in given.items()}
        for name, value in (said for words, said in form.said.items() if words.startswith(button)):
            data[name] = [value]
        target = urljoin(self.path, form.action or self.path)
        return self._land(self.client.post(target, data=data, headers={"Origin": ORIGIN}))

    def _land(self, response) -> Page:
        self.response = response
        self.status, self.path = response.status_code, str(response.url).removeprefix(ORIGIN)
        self.page = Page(response.text if "html" in response.headers.get("content-type", "") else "")
        return self.page
