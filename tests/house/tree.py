"""What the house rules look at: the modules of a checkout, what each imports, and the files it tracks."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
FLOORS = ("consent_ui", "connector", "contracts", "catalog", "policy")  # top to bottom
PURE = ("contracts", "catalog", "policy")


@dataclass(frozen=True)
class Import:
    """One imported name, as far as it is a module: `from a import b` is `a.b` where that is a module, else `a`."""

    name: str
    line: int
    typing_only: bool = False

    @property
    def root(self) -> str:
        return self.name.partition(".")[0]


@dataclass(frozen=True)
class Module:
    """One Python file of a checkout at `root`; `name` is its dotted import name."""

    root: Path
    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=str(self.path))

    @property
    def place(self) -> str:
        return self.path.relative_to(self.root).as_posix()

    @property
    def name(self) -> str:
        parts = self.path.relative_to(self.root).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def floor(self) -> str:
        return self.name.partition(".")[0]

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        for_types = {
            inner
            for node in ast.walk(self.tree)
            if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
            for statement in node.body
            for inner in ast.walk(statement)
        }
        return tuple(
            Import(name, line, node in for_types) for node in ast.walk(self.tree) for name, line in self._named(node)
        )

    def _named(self, node: ast.AST) -> Iterator[tuple[str, int]]:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = self._absolute(node)
            yield from ((self._deepest(source, alias.name), node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            given = [argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant)]
            yield from ((name, node.lineno) for name in given if isinstance(name, str))

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.name.split(".") if self.path.name == "__init__.py" else self.name.split(".")[:-1]
        return ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])

    def _deepest(self, source: str, member: str) -> str:
        folder = self.root.joinpath(*source.split("."))
        inside = (folder / member).is_dir() or (folder / f"{member}.py").is_file()
        return f"{source}.{member}" if inside else source


def find(root: Path, name: str) -> Module | None:
    """The module of the checkout at `root` with the dotted `name`."""
    place = root.joinpath(*name.split("."))
    found = next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)
    return Module(root, found) if found else None


def within(name: str, package: str) -> bool:
    """Whether the dotted `name` is `package` or lies in it."""
    return name == package or name.startswith(package + ".")


def modules(root: Path, *folders: str) -> list[Module]:
    """Every Python file below `folders` of the checkout at `root`."""
    return [Module(root, path) for folder in folders for path in sorted((root / folder).rglob("*.py"))]


def tracked(root: Path) -> list[Path]:
    """Every file that is or is about to be under version control at `root`, as paths relative to it."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    names = [Path(name) for name in listing.stdout.decode().split("\0") if name]
    return sorted({name for name in names if (root / name).is_file()})


def text_of(path: Path) -> str:
    """The text of `path`, or nothing when it is not text."""
    data = path.read_bytes()
    return "" if b"\0" in data else data.decode("utf-8", errors="replace")


def third_party(path: Path) -> bool:
    """Whether `path` (relative to the checkout) holds what others wrote: vectors and packaged data."""
    return any(part in {"vectors", "data", "contexts", "schemas", "shapes", "vocabularies"} for part in path.parts)
