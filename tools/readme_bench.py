#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Fills the table between <!-- bench --> and <!-- /bench --> in README.md from measured results.

    tools/readme_bench.py [results.csv]
    tools/readme_bench.py --check

Without a file it takes the newest of benchmarks/results/*.csv, by the date at the end of the name.
--check writes nothing and ends with 1 when the README does not say what the file says that it
names.
"""

import argparse
import csv
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "README.md"
RESULTS = ROOT / "benchmarks/results"
BEGIN, END = "<!-- bench -->\n", "<!-- /bench -->"
NOTHING = """\
No results are kept in `benchmarks/results/` yet. `make bench` measures, and
`tools/readme_bench.py` fills this place.
"""


def number(text: str) -> str:
    value = float(text)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def lines_of(rows: list[dict]) -> list[str]:
    lines = []
    for row in rows:
        ratio = f"{number(row['ratio'])} x" if row["ratio"] else ""
        lines.append(f"| {row['name']} | {number(row['ours'])} | {number(row['peer'])} | "
                     f"{row['unit']} | {ratio} | {row['peer_name']} |")
    return lines


def table(path: Path) -> str:
    """Dask's rows first. A row of several parts is in `name` and `name:part`: parts stay out."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file)
                if ":" not in row["name"] and row["ours"] and row["peer"]]
    if not rows:
        sys.exit(f"readme_bench: {path} has no row with a peer")
    rows.sort(key=lambda row: "dask" not in row["peer_name"].lower())  # stable
    name = path.resolve().relative_to(ROOT)
    lines = [f"From `{name}`; `benchmarks/README.md` says what each row is.", "",
             "| row | tilegraph | peer | unit | ratio | peer is |",
             "| --- | ---: | ---: | --- | ---: | --- |", *lines_of(rows)]
    return "\n".join(lines) + "\n"


def newest() -> Path | None:
    dated = [(match[0], path) for path in RESULTS.glob("*.csv")
             if (match := re.search(r"\d{4}-\d\d-\d\d", path.name))]
    return max(dated)[1] if dated else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, nargs="?")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    old = PAGE.read_text(encoding="utf-8")
    head, rest = old.split(BEGIN)
    body, tail = rest[:rest.index(END)], rest[rest.index(END):]
    path = args.results or newest()
    if args.check:
        named = re.match(r"From `([^`]+)`", body)
        path = ROOT / named[1] if named else None
    new = head + BEGIN + (table(path) if path else NOTHING) + tail
    if args.check and new != old:
        print("the table in README.md is not what its file says: run tools/readme_bench.py")
        return 1
    if not args.check and new != old:
        PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
