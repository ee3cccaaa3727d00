"""How a verb reaches its participant: through the running process, or inside this one when nobody serves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from connector.lock import running
from connector.outbound.answer import Answer
from connector.outbound.management import ManagementClient, ManagementRefused
from connector.problems import Problem
from connector.settings import load


class _Process(Protocol):
    def call(
        self, method: str, path: str, body: bytes | None = None, *, params: Mapping[str, str] | None = None
    ) -> Answer: ...

    def lines(self, method: str, path: str, body: bytes | None = None) -> Iterator[str]: ...


class Desk:
    """The management API of one participant, in JSON. Every refusal is raised as the Problem it is."""

    def __init__(self, process: _Process, *, serving: bool) -> None:
        self._process = process
        self.serving = serving

    def get(self, path: str, **params: object) -> Any:
        """Read something."""
        given = {name: str(value) for name, value in params.items() if value is not None}
        return _value(self._process.call("GET", path, params=given))

    def fetch(self, path: str, **params: object) -> bytes:
        """Read a file, as its bytes."""
        given = {name: str(value) for name, value in params.items() if value is not None}
        answer = self._process.call("GET", path, params=given)
        if not answer.ok:
            raise problem_of(answer)
        return bytes(answer.body)

    def post(self, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Do something."""
        return _value(self._process.call("POST", path, _bytes(body or {})))

    def delete(self, path: str) -> Any:
        """Take something away."""
        return _value(self._process.call("DELETE", path))

    def lines(self, path: str, body: Mapping[str, object]) -> Iterator[Any]:
        """Do something long, and hear how it goes, value by value."""
        try:
            for line in self._process.lines("POST", path, _bytes(body)):
                if line.strip():
                    yield json.loads(line)
        except ManagementRefused as refused:
            raise problem_of(refused.answer) from None


@contextmanager
def desk(directory: Path, *, needs_server: bool = False) -> Iterator[Desk]:
    """The participant of a directory. Raises Problem when there is none, or when it must be serving and is not."""
    settings = load(directory)
    found = running(directory)
    if found is not None:
        with ManagementClient(found.url, found.token, patience=None, tls=_own_tls(settings)) as client:
            yield Desk(client, serving=True)
        return
    if needs_server:
        raise Problem(
            409, "not-serving", "Other participants must be able to answer us while this runs",
            accepted=f"a running `concord serve --directory {directory}`",
        )  # fmt: skip
    from connector.cli.inside import InsideProcess

    with InsideProcess(directory) as inside:
        yield Desk(inside, serving=False)


def problem_of(answer: Answer) -> Problem:
    """The problem document of an answer; one made up from the status when there is none."""
    try:
        return problem_in(json.loads(answer.body))
    except (ValueError, KeyError, TypeError):
        return Problem(answer.status, f"status-{answer.status}", f"The process answered with status {answer.status}")


def problem_in(told: Mapping[str, Any]) -> Problem:
    """A problem document as the Problem it was made of. Raises KeyError when it is none."""
    return Problem(
        int(told["status"]), str(told["type"]).rpartition(":")[2], str(told["title"]), str(told.get("detail", "")),
        told.get("where"), told.get("accepted"),
    )  # fmt: skip


def _value(answer: Answer) -> Any:
    if not answer.ok:
        raise problem_of(answer)
    return json.loads(answer.body) if answer.body else None


def _bytes(body: Mapping[str, object]) -> bytes:
    return json.dumps(body, default=str).encode()


def _own_tls(settings: Any) -> Any:
    """Over loopback the certificate of the public name says nothing; that it is the one configured does."""
    if settings.tls_certificate is None:
        return None
    import ssl

    context = ssl.create_default_context(cafile=str(_beside(settings.directory, settings.tls_certificate)))
    context.check_hostname = False
    return context


def _beside(directory: Path, file: Path) -> Path:
    return file if file.is_absolute() else directory / file
