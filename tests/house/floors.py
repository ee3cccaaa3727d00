"""Floors, rooms and doors: who may import whom, and through which door each library comes in (docs/map.md)."""

import ast
import sys
from collections.abc import Iterator

from tests.house.tree import FLOORS, PURE, Import, Module, find, within

# What of the connector the people's window may see, and what its own ASGI factory may see beyond that.
WINDOW_SEES = ("connector.services", "connector.ports", "connector.problems", "connector.records")
WINDOW_APP_SEES = ("connector.api.deferred", "connector.app", "connector.settings", "connector.wiring")
WINDOW_NAMES = ("connector.wiring",)  # only as a type

# Inside the connector. A room in no row is on top (app, settings, wiring, cli, demo): it may import anything below.
LANGUAGE = ("ports", "problems", "records")
ADAPTERS = ("storage", "vault", "identity", "outbound", "sources", "deidentify", "dataplane", "provenance")
ROOM_SEES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(LANGUAGE, LANGUAGE),
    **dict.fromkeys(ADAPTERS, LANGUAGE),
    "services": LANGUAGE,
    "api": ("services", *LANGUAGE),
    "jobs": ("services", *LANGUAGE),
}

# One door per library: the only places that may import it.
DOORS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("fastapi", "starlette"), ("connector.api", "connector.app", "consent_ui")),
    **dict.fromkeys(("httpx2", "httpx", "httpcore2", "httpcore", "aiohttp", "requests"), ("connector.outbound",)),
    **dict.fromkeys(("urllib.request", "http.client"), ("connector.outbound",)),
    **dict.fromkeys(("sqlmodel", "sqlalchemy", "sqlite3", "alembic", "psycopg", "asyncpg"), ("connector.storage",)),
    **dict.fromkeys(("celery", "redis"), ("connector.jobs",)),
    **dict.fromkeys(("authlib", "jwt", "joserfc"), ("connector.identity",)),
    # verify_export leaves the house with every export: it runs where nothing of ours is installed.
    "cryptography": ("connector.identity", "connector.vault", "connector.provenance.verify_export"),
    "botocore": ("connector.outbound.object_store",),
    "jinja2": ("consent_ui",),
    **dict.fromkeys(("prometheus_client", "opentelemetry"), ("connector.observe",)),
    "reportlab": ("connector.services.rights.typeset",),
    "yaml": ("connector.deidentify.foreign.reading",),
    "regex": ("connector.deidentify.foreign.functions",),
    # Measuring the risk of a release; asking what was received, which runs in a process of its own.
    "duckdb": (
        "connector.services.releasing.risk_figures",
        "connector.dataplane.querying",
        "connector.dataplane.asking",
    ),
    "pyarrow": (
        "connector.dataplane.columns",
        "connector.services.releasing.risk_figures",
        "connector.dataplane.querying",
        "connector.dataplane.asking",
    ),
}

# The pure floors: what they may import beside the standard library and the floors below, and what they may not do.
PURE_LIBRARIES = ("pydantic", "pydantic_core", "jsonschema", "referencing", "rdflib")  # two with their own lower halves
PURE_EXTRA = {"catalog": ("pyshacl",)}
COMPUTING = (  # what else a pure heart may use
    *("msgspec", "orjson", "rfc8785", "jsonschema_rs", "cryptography", "jwt", "yaml", "regex"),
    *("numpy", "pyarrow", "zstandard"),  # from bytes to bytes, as they are used here
)
CHANCE = ("random", "secrets")
IS_RANDOM = "is random"
IMPURE_MODULES = (
    *("asyncio", "threading", "concurrent", "multiprocessing", "subprocess", "signal"),
    *("os", "pathlib", "io", "tempfile", "shutil", "glob", "fileinput", "sqlite3"),
    *("socket", "ssl", "select", "selectors", "http", "urllib.request", "urllib.error", "ftplib", "smtplib", "imaplib"),
    *("time", *CHANCE),
)
IMPURE_CALLS = {
    "open": "reads a file",
    "input": "reads the keyboard",
    "print": "writes to the terminal",
    "now": "reads the clock",
    "utcnow": "reads the clock",
    "today": "reads the clock",
    "uuid1": "reads the clock",
    "uuid4": IS_RANDOM,
}


def upward_imports(module: Module) -> Iterator[str]:
    """Imports that climb: a floor may import itself and the floors below it."""
    height = FLOORS.index(module.floor)
    for found in module.imports:
        if found.root in FLOORS[:height]:
            yield (
                f"{_at(module, found)} imports `{found.name}`, a floor above: move what both need down to "
                f"`{module.floor}` or lower, or hand it in as an argument"
            )


def window_imports(module: Module) -> Iterator[str]:
    """Imports of the people's window past the services."""
    sees = WINDOW_SEES + (WINDOW_APP_SEES if module.name == "consent_ui.app" else ())
    for found in module.imports:
        open_doors = sees + WINDOW_NAMES if found.typing_only else sees
        if found.root == "connector" and not any(within(found.name, door) for door in open_doors):
            yield (
                f"{_at(module, found)} imports `{found.name}`: the people's window calls connector.services only; "
                "add the use case there and call that"
            )


def room_imports(module: Module) -> Iterator[str]:
    """Imports inside the connector that bypass the ports. What only computes, and a name only for types, are open."""
    room = _room(module.name)
    sees = ROOM_SEES.get(room)
    for found in module.imports:
        other = _room(found.name)
        if sees is None or found.root != "connector" or other in {"", room, *sees} or found.typing_only:
            continue
        if why := worldly(find(module.root, found.name)):
            yield (
                f"{_at(module, found)} imports `{found.name}`: connector.{room} may see {', '.join(sees)} and what "
                f"only computes, but {why}; say what it needs as a protocol in connector.ports, wiring hands it in"
            )


def worldly(module: Module | None, seen: frozenset[str] = frozenset()) -> str | None:
    """What input, output or clock a module of the connector reaches, itself or by an import; chance is excused."""
    if module is None:
        return "it is no module"
    if module.name in seen or module.floor in PURE:
        return None
    for found in _impure_imports(module, PURE_LIBRARIES + COMPUTING):
        if found.name not in CHANCE:
            return f"{module.name} imports `{found.name}`"
    for call, why in _impure_calls(module):
        if why != IS_RANDOM:
            return f"{module.name} calls `{ast.unparse(call.func)}`, which {why}"
    ours = sorted({found.name for found in module.imports if found.root in FLOORS and not found.typing_only})
    reached = (worldly(find(module.root, name), seen | {module.name}) for name in ours)
    return next(filter(None, reached), None)


def door_imports(module: Module) -> Iterator[str]:
    """Libraries that come in beside their door."""
    for found in module.imports:
        for library, doors in DOORS.items():
            if within(found.name, library) and not any(within(module.name, door) for door in doors):
                yield (
                    f"{_at(module, found)} imports `{found.name}`, which comes in through {' or '.join(doors)} only: "
                    "call what that room offers, or add a port to it"
                )


def impurities(module: Module) -> Iterator[str]:
    """What makes a pure floor impure: other libraries, the clock, chance, files and the network."""
    if module.floor not in PURE:
        return
    for found in _impure_imports(module, PURE_LIBRARIES + PURE_EXTRA.get(module.floor, ())):
        yield (
            f"{_at(module, found)} imports `{found.name}`: `{module.floor}` is pure; take the value as an argument "
            "(`now`, bytes, an id) and let the connector fetch it"
        )
    for node, why in _impure_calls(module):
        yield (
            f"{module.place}:{node.lineno} calls `{ast.unparse(node.func)}`, which {why}: "
            f"`{module.floor}` is pure; take the value as an argument"
        )


def _impure_imports(module: Module, libraries: tuple[str, ...]) -> Iterator[Import]:
    allowed = {*libraries, *FLOORS, *sys.stdlib_module_names}
    for found in module.imports:
        foreign = found.root not in allowed or any(within(found.name, barred) for barred in IMPURE_MODULES)
        if foreign and (not found.typing_only or module.floor in PURE):
            yield found


def _impure_calls(module: Module) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and (why := _impure_call(node)):
            yield node, why


def _impure_call(node: ast.Call) -> str | None:
    function = node.func
    if isinstance(function, ast.Name):
        return IMPURE_CALLS.get(function.id) if function.id in {"open", "input", "print", "uuid1", "uuid4"} else None
    if isinstance(function, ast.Attribute) and function.attr in {"now", "utcnow", "today", "uuid1", "uuid4"}:
        owner = ast.unparse(function.value).rpartition(".")[2]
        return IMPURE_CALLS[function.attr] if owner in {"datetime", "date", "uuid"} else None
    return None


def _room(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "connector" else ""


def _at(module: Module, found: Import) -> str:
    return f"{module.place}:{found.line}"
