"""How the command line talks to the running process of its own directory: blocking, loopback only, bearer token.

The process writes its address and token where only its owner reads them (lock file); the command line hands both over.
"""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import httpx2

from connector.outbound.answer import Answer
from connector.outbound.faults import OutboundRefused, Refusal, Unreachable, Why
from connector.outbound.origins import Origin


class ManagementClient:
    """Calls the management API at `origin`, which must be this machine. Use as a context manager.

    `tls` is given when the process serves https with a certificate the system does not know. `patience` is the
    seconds without a byte after which an answer is given up; None waits as long as the work takes.
    Raises OutboundRefused when the origin is not loopback.
    """

    def __init__(
        self, origin: str, token: str, *, tls: ssl.SSLContext | None = None, patience: float | None = 30.0
    ) -> None:
        self._origin = Origin.parse(origin)
        if not self._origin.is_loopback:
            raise OutboundRefused(Refusal.NOT_NAMED)
        self._client = httpx2.Client(
            base_url=str(self._origin),
            headers={"authorization": f"Bearer {token}", "accept": "application/json", "accept-encoding": "identity"},
            verify=True if tls is None else tls,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx2.Timeout(patience, connect=3.0),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def call(
        self, method: str, path: str, body: bytes | None = None, *, params: Mapping[str, str] | None = None
    ) -> Answer:
        """One call; `path` begins with `/`. `body` is JSON bytes. Raises Unreachable when nothing answers there."""
        headers = {} if body is None else {"content-type": "application/json"}
        with _faults():
            response = self._client.request(method, _path(path), content=body, params=params, headers=headers)
        return Answer(response.status_code, response.headers, response.content)

    def lines(self, method: str, path: str, body: bytes | None = None) -> Iterator[str]:
        """One call whose answer is lines (NDJSON) as they come, for progress. Raises Unreachable, ManagementRefused."""
        headers = {} if body is None else {"content-type": "application/json"}
        with _faults(), self._client.stream(method, _path(path), content=body, headers=headers) as response:
            if not response.is_success:
                raise ManagementRefused(Answer(response.status_code, response.headers, response.read()))
            yield from response.iter_lines()


class ManagementRefused(Exception):
    """The process answered a streaming call with an error; `answer` holds its problem document."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"status {answer.status}")
        self.answer = answer


def _path(path: str) -> str:
    if not path.startswith("/") or path.startswith("//"):
        raise OutboundRefused(Refusal.ADDRESS)
    return path


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except httpx2.TimeoutException:
        raise Unreachable(Why.TIME) from None
    except httpx2.ConnectError:
        raise Unreachable(Why.CONNECT) from None
    except httpx2.TransportError:
        raise Unreachable(Why.CONNECTION) from None
