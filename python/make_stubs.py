#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the type stubs of the functions that are made from the table of ops.

    python python/make_stubs.py            writes tilegraph/_ops.pyi and _ndimage_ops.pyi
    python python/make_stubs.py --check    fails when they are not what they should be

Needs an importable tilegraph. python/tests/test_stubs.py runs the check.
"""

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# The sources beside this script have no extension module: the installed package is meant.
sys.path[:] = [folder for folder in sys.path if Path(folder or ".").resolve() != HERE]

from tilegraph import _optable, _params  # noqa: E402

PACKAGE = HERE / "tilegraph"
HEAD = """\
# SPDX-License-Identifier: BSD-3-Clause
# Written by python/make_stubs.py from the table of ops; not edited by hand.
from collections.abc import Callable, Sequence
from typing import Any, Literal

from numpy.typing import ArrayLike, DTypeLike

from ._array import Array

_ArrayLike = ArrayLike | Array
_Chunks = Literal["auto"] | int | Sequence[int | None | Sequence[int]] | dict[int, int] | None
"""
TYPES = {"bool": "bool", "int": "int", "float": "float", "dtype": "DTypeLike", "str": "str",
         "callable": "Callable[..., Any]"}


def type_of(param):
    """The annotation of a parameter."""
    if param.name == "chunks":
        return "_Chunks"
    kind = TYPES[_params.kind_name(param)]
    if param.choices:
        kind = "Literal[" + ", ".join(f'"{c}"' for c in param.choices.split("|")) + "]"
    if param.is_list:
        kind += f" | Sequence[{kind}] | Sequence[Sequence[{kind}]]"
    if not param.required and param.fallback == "None":
        kind += " | None"
    return kind


def stub(op):
    """One function."""
    params = {p.name: p for p in op.params}
    parts = []
    for name, default in op.signature():
        if name in params:
            kind = type_of(params[name])
        elif op.is_variadic and name == op.args[-1]:
            kind = "Sequence[_ArrayLike]"
        else:
            kind = "_ArrayLike" + ("" if default is None else " | None")
        parts.append(f"{name}: {kind}" + ("" if default is None else " = ..."))
    return f"def {op.name}({', '.join(parts)}) -> Array: ...\n"


def stubs(module, skip):
    """The text of one stub file."""
    names = sorted(n for n in _optable.names(module) if n not in skip)
    exported = "__all__ = [\n" + "".join(f'    "{name}",\n' for name in names) + "]\n\n"
    return HEAD + "\n" + exported + "".join(stub(_optable.op(name)) for name in names)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    options = parser.parse_args()

    import tilegraph
    from tilegraph import ndimage

    stale = []
    for name, text in (
        ("_ops.pyi", stubs("", tilegraph._HOME)),
        ("_ndimage_ops.pyi", stubs("ndimage", ndimage._COMPOSED)),
    ):
        path = PACKAGE / name
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if not options.check:
            path.write_text(text)
    if options.check and stale:
        print(f"not current: {', '.join(stale)}; run python/make_stubs.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
