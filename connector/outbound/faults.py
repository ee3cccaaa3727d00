"""Why a request was not sent, or brought no answer.

Two exceptions, because they ask for opposite acts: `OutboundRefused` is final (our own guard said no), `Unreachable`
may be tried again. Neither ever carries an address, a header or a byte of a body: an address can name a person.
"""

from enum import StrEnum


class Refusal(StrEnum):
    """What the guard objected to."""

    ADDRESS = "address-not-understood"
    SCHEME = "scheme-not-https-or-http"
    USERINFO = "address-names-a-user"
    FRAGMENT = "address-has-a-fragment"
    BACKSLASH = "address-has-a-backslash"
    PORT = "port-not-understood"
    HOST = "host-not-understood"
    PLAIN_HTTP = "plain-http-not-allowed-here"
    NOT_NAMED = "origin-not-named-by-the-operator"
    NOT_PUBLIC = "host-is-not-public"
    NEVER = "host-is-an-address-nobody-may-name"


class Why(StrEnum):
    """What kept an answer from us."""

    NAME = "name-does-not-resolve"
    CONNECT = "cannot-connect"
    CONNECTION = "connection-broke"
    TIME = "took-too-long"
    PROTOCOL = "answer-is-not-http"
    TOO_LARGE = "answer-too-large"
    ENCODED = "answer-is-compressed"


class OutboundRefused(Exception):
    """Our guard refuses the destination; trying again changes nothing. `reason` says which rule."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Unreachable(Exception):
    """No usable answer came; the request may or may not have arrived. Safe to send again with the same `@id`."""

    def __init__(self, reason: Why) -> None:
        super().__init__(reason.value)
        self.reason = reason
