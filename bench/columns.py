"""Observations as Parquet beside pyarrow's own JSON reader and DuckDB: `python -m bench.columns`.

The Observations of the published Synthea bundles, twenty times over, on one thread, in turns, by CPU time. DuckDB makes
ten of our columns and the raw text; pyarrow keeps the nesting and has neither. Printed, not asserted.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from statistics import median
from time import process_time

import duckdb
import orjson
import pyarrow
from pyarrow import json as nested
from pyarrow import parquet as files

from connector.dataplane.columns import parquet, rows_of

BUNDLES = Path(__file__).resolve().parents[2] / "shared/data/fhir/synthea-r4"
TIMES, ROUNDS = 20, 3
_PATHS = (
    "resourceType", "id", "subject.reference", "effectiveDateTime", "code.coding[0].system", "code.coding[0].code",
    "code.coding[0].display", "valueQuantity.value", "valueQuantity.unit",
)  # fmt: skip


def observations() -> list[bytes]:
    """Their lines."""
    found = []
    for file in sorted(BUNDLES.glob("*.json.gz")):
        entries = orjson.loads(gzip.decompress(file.read_bytes()))["entry"]
        found += [one["resource"] for one in entries if one["resource"]["resourceType"] == "Observation"]
    return [orjson.dumps(one) + b"\n" for one in found] * TIMES


def by_pyarrow(whole: bytes) -> bytes:
    """Nested, as pyarrow reads it."""
    options = nested.ReadOptions(use_threads=False, block_size=8 << 20)
    made = BytesIO()
    files.write_table(nested.read_json(BytesIO(whole), read_options=options), made, compression="zstd")
    return made.getvalue()


def by_duckdb(file: Path) -> None:
    """Ten columns by path, and the raw text."""
    columns = ", ".join(f"json->>'$.{path}' AS c{place}" for place, path in enumerate(_PATHS))
    number = "try_cast(json->>'$.valueQuantity.value' AS DOUBLE) AS number"
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        read = connection.query(f"FROM read_ndjson_objects('{file}')").project(f"{columns}, {number}, json AS raw")
        read.write_parquet(str(file.with_suffix(".parquet")), compression="zstd")


def main() -> None:
    """Measure and print."""
    if not BUNDLES.is_dir():
        sys.exit("the Synthea bundles are not here")
    lines = observations()
    whole = b"".join(lines)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "observations.ndjson"
        file.write_bytes(whole)
        ways: dict[str, Callable[[], object]] = {
            "our rows alone": lambda: sum(1 for _ in rows_of(lines)),
            "our columns to Parquet": lambda: parquet(lines),
            "pyarrow, nested": lambda: by_pyarrow(whole),
            "duckdb, ten paths": lambda: by_duckdb(file),
        }
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, act in ways.items():
                begun = process_time()
                act()
                taken[name].append(process_time() - begun)
    print(f"{len(lines):,} Observations, {len(whole) / 1e6:.1f} MB, pyarrow {pyarrow.__version__}")
    for name, seconds in taken.items():
        print(f"{name:<28}{len(lines) / median(seconds):>12,.0f} resources/s")


if __name__ == "__main__":
    main()
