#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs clang-tidy over the library's C files, as .clang-tidy says.

    tools/clang_tidy.py BUILD [-j JOBS] [PATH ...]

BUILD has the compile_commands.json; PATH are files or folders, and without one it is the library.
Each file is looked at once, though the build compiles some once per instruction set. Ends with 1 if
there is a finding, or a file that clang-tidy could not read.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ("core", "ops", "io", "scheduler", "worker")
CLANG_TIDY = ROOT / ".venv-tidy/bin/clang-tidy"


def sources(build: Path, paths: list[Path]) -> list[Path]:
    """What the build compiles below the paths; the largest first, to end together."""
    commands = json.loads((build / "compile_commands.json").read_text())
    compiled = {Path(entry["directory"], entry["file"]).resolve() for entry in commands}
    below = [path.resolve() for path in paths]
    chosen = [file for file in compiled if any(file.is_relative_to(path) for path in below)]
    return sorted(chosen, key=lambda file: (-file.stat().st_size, file))


def look(build: Path, file: Path) -> tuple[Path, float, int, str]:
    start = time.monotonic()
    done = subprocess.run(
        [CLANG_TIDY, "-quiet", f"-p={build}", file],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    # stderr counts the warnings of the system's headers, which nobody wants, unless all failed.
    text = done.stdout if done.stdout or not done.returncode else done.stderr
    return file, time.monotonic() - start, done.returncode, text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("-j", dest="jobs", type=int, default=os.cpu_count())
    parser.add_argument("paths", type=Path, nargs="*",
                        default=[ROOT / folder for folder in LIBRARY])
    options = parser.parse_intermixed_args()

    files = sources(options.build, options.paths)
    if not files:
        sys.exit(f"clang_tidy.py: {options.build}/compile_commands.json names none of these files")
    failed = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for file, seconds, code, text in pool.map(lambda file: look(options.build, file), files):
            if code:
                failed += 1
                print(f"{file.relative_to(ROOT)} ({seconds:.0f} s)\n{text}", flush=True)
    print(f"clang-tidy: {len(files)} files, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
