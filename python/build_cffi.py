#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes _native.c, the C source of the extension module tilegraph._native.

The declarations are not kept by hand: the public headers are preprocessed and handed to cffi as
they are, but for the functions of the ops, which Python makes from their table itself.
python/cffi/bridge.h adds what only Python needs, and bridge.c holds its few functions.

    python python/build_cffi.py --out DIR --include INCLUDE
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
# cffi knows the types of these headers itself, and their real text would only confuse it.
KNOWN_TO_CFFI = ("stdbool.h", "stddef.h", "stdint.h")


def declarations(include: Path) -> str:
    """The public headers and the bridge as plain C declarations."""
    with tempfile.TemporaryDirectory() as empty:
        for name in KNOWN_TO_CFFI:
            Path(empty, name).touch()
        command = [
            *shlex.split(os.environ.get("CC") or "cc"),
            "-E", "-P", "-nostdinc", "-DTG_NO_VISIBILITY", "-DTG_TILEGRAPH_OPS_H", f"-I{empty}",
            f"-I{include}", "-x", "c", str(include / "tilegraph" / "tilegraph.h"),
        ]
        headers = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    # Attributes beyond the two macros: a header may mark a printf-like function.
    headers = re.sub(r"__attribute__\s*\(\(.*?\)\)", "", headers)
    return headers + (HERE / "cffi" / "bridge.h").read_text()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for _native.c")
    parser.add_argument("--include", type=Path, required=True, help="folder of tilegraph/*.h")
    options = parser.parse_args()

    from cffi import FFI

    ffi = FFI()
    ffi.cdef(declarations(options.include.resolve()))
    ffi.set_source("tilegraph._native", (HERE / "cffi" / "bridge.c").read_text())
    options.out.mkdir(parents=True, exist_ok=True)
    # Leaves the file alone when its text is the same, so that nothing is compiled again.
    ffi.emit_c_code(str(options.out / "_native.c"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
