#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes the table of docs/limits.md from core/base/limits.h.

    tools/limits_doc.py [--check]

--check writes nothing and ends with 1 when the table is not up to date; a test does that.
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = ROOT / "core/base/limits.h"
PAGE = ROOT / "docs/limits.md"
BEGIN, END = "<!-- limits -->\n", "<!-- /limits -->"

ENTRY = re.compile(r"^\s*(TG_\w+) = ([^,/]+?),?\s*/\*(.*?)\*/", re.M | re.S)
DEFINE = re.compile(r"/\*((?:(?!/\*).)*?)\*/\s*#define (TG_\w+_MAX) ([^\n]+)", re.S)
CAST = re.compile(r"\(\(?u?int\d+_t\)?")


def plain(text: str) -> str:
    return " ".join(text.replace("*", " ").split())


def number(text: str) -> str:
    """'((int64_t)16 << 20)' as '16 << 20', with its value."""
    expression = CAST.sub("", text).replace("(", "").replace(")", "").strip()
    shift = re.fullmatch(r"(\w+)(?: << (\w+))?", expression)
    first = int(re.sub(r"(?i)u$", "", shift[1]), 0)
    value = first << int(shift[2]) if shift[2] else first
    for power, unit in ((60, "Ei"), (30, "Gi"), (20, "Mi"), (10, "Ki")):
        if value >= 1 << 16 and value % (1 << power) == 0:
            return f"{value >> power} {unit}"
    return f"{value:,}"


def table() -> str:
    header = HEADER.read_text(encoding="utf-8")
    body = header[header.index("enum {"):]
    rows = [(m[1], m[2], m[3]) for m in ENTRY.finditer(body)]
    rows += [(m[2], m[3], m[1]) for m in DEFINE.finditer(body[body.index("};"):])]
    found = len(set(re.findall(r"\bTG_\w+_MAX\b|\bTG_COMBINE_FANIN\b", body)))
    if found != len(rows):
        sys.exit(f"limits_doc: {HEADER.name} has {found} names, {len(rows)} were understood")
    lines = ["| name | limit | why |", "| --- | ---: | --- |"]
    lines += [f"| `{name}` | {number(value)} | {plain(why)} |" for name, value, why in rows]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    old = PAGE.read_text(encoding="utf-8")
    head, rest = old.split(BEGIN)
    tail = rest[rest.index(END):]
    new = head + BEGIN + table() + tail
    if args.check and new != old:
        print("docs/limits.md is not up to date: run tools/limits_doc.py")
        return 1
    if not args.check and new != old:
        PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
