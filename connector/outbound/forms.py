"""Reading the forms and links of an HTML page, as far as a browser without JavaScript needs them (standard library).

A form is its action, its method, the fields it would send as it stands (hidden, filled in, ticked), the choices it
offers, and its buttons. Scripts are never looked at.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_UNSENT = {"submit", "button", "image", "reset", "file"}


@dataclass(slots=True)
class Form:
    """One form: where it goes, what it would send now, every value a named control offers, and its buttons."""

    action: str
    method: str
    id: str = ""
    fields: list[tuple[str, str]] = field(default_factory=list)
    choices: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)
    """Of each button: name, value, the words on it."""

    def filled(self, values: dict[str, str]) -> list[tuple[str, str]]:
        """The fields with `values` put in their places; a name the form does not have is added."""
        kept = [(name, value) for name, value in self.fields if name not in values]
        return kept + list(values.items())


@dataclass(slots=True)
class Document:
    """What a page holds: title, first heading, forms, and links as (address, words)."""

    title: str = ""
    heading: str = ""
    forms: list[Form] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)


def read_page(html: str) -> Document:
    """Parse a page; broken HTML gives what could be read of it."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.document


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.document = Document()
        self._form: Form | None = None
        self._words: list[str] | None = None
        self._open: dict[str, str] = {}
        self._select = ""
        self._select_set = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get").lower(), given.get("id", ""))
            self.document.forms.append(self._form)
        elif tag == "input":
            self._input(given, ticked=any(name == "checked" for name, _ in attrs))
        elif tag == "select":
            self._select, self._select_set = given.get("name", ""), False
        elif tag == "option" and self._form is not None and self._select:
            self._option(given.get("value", ""), chosen=any(name == "selected" for name, _ in attrs))
        elif tag in ("title", "h1", "a", "button", "textarea"):
            self._open, self._words = given, []

    def handle_endtag(self, tag: str) -> None:
        words = " ".join("".join(self._words or []).split())
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""
        elif self._words is not None and tag in ("title", "h1", "a", "button", "textarea"):
            self._close(tag, words)
            self._words = None

    def handle_data(self, data: str) -> None:
        if self._words is not None:
            self._words.append(data)

    def _close(self, tag: str, words: str) -> None:
        given = self._open
        if tag == "title":
            self.document.title = words
        elif tag == "h1":
            self.document.heading = self.document.heading or words
        elif tag == "a" and "href" in given:
            self.document.links.append((given["href"], words))
        elif tag == "button" and self._form is not None and given.get("type", "submit") == "submit":
            self._form.buttons.append((given.get("name", ""), given.get("value", ""), words))
        elif tag == "textarea" and self._form is not None and given.get("name"):
            self._form.fields.append((given["name"], "".join(self._words or []).removeprefix("\n")))

    def _input(self, given: dict[str, str], *, ticked: bool) -> None:
        name, kind = given.get("name", ""), given.get("type", "text").lower()
        if self._form is None:
            return
        if kind == "submit":
            self._form.buttons.append((name, given.get("value", ""), given.get("value", "")))
        elif name and kind in ("checkbox", "radio"):
            value = given.get("value", "on")
            self._form.choices.setdefault(name, []).append(value)
            if ticked:
                self._form.fields.append((name, value))
        elif name and kind not in _UNSENT:
            self._form.fields.append((name, given.get("value", "")))

    def _option(self, value: str, *, chosen: bool) -> None:
        form = self._form
        if form is None:
            return
        form.choices.setdefault(self._select, []).append(value)
        if chosen and self._select_set:
            form.fields = [pair for pair in form.fields if pair[0] != self._select]
        if chosen or not self._select_set:
            form.fields.append((self._select, value))
            self._select_set = True
