#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Make a build usable from a virtual environment, without a wheel.

    tools/dev_install.py BUILD [--venv .venv]

It writes three things, each only if it differs from what is there:
  - tilegraph-dev.pth in site-packages, which names BUILD/python, where the package lies;
  - BUILD/python/tilegraph-<version>.dist-info, made from pyproject.toml, so that
    importlib.metadata knows the version and other packages see our entry points;
  - bin/tg, a link to the tool of this build.
"""

import argparse
import re
import sysconfig
from pathlib import Path

try:
    import tomllib
except ImportError:  # Python 3.10: pip brings its own
    from pip._vendor import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent


def write_if_changed(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def link_if_changed(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def project_version() -> str:
    text = (ROOT / "CMakeLists.txt").read_text()
    return re.search(r'set\(TG_VERSION "([^"]+)"\)', text)[1]


def entry_points(project: dict) -> str:
    groups = dict(project.get("entry-points", {}))
    if "scripts" in project:
        groups["console_scripts"] = project["scripts"]
    lines = []
    for group, entries in groups.items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in entries.items()), ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    args = parser.parse_args()
    build = args.build.resolve()
    venv = args.venv.resolve()
    tree = build / "python"

    names = {"base": str(venv), "platbase": str(venv)}
    site = Path(sysconfig.get_path("purelib", scheme="venv", vars=names))
    write_if_changed(site / "tilegraph-dev.pth", f"{tree}\n")

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    version = project_version()
    info = tree / f"tilegraph-{version}.dist-info"
    write_if_changed(
        info / "METADATA", f"Metadata-Version: 2.1\nName: tilegraph\nVersion: {version}\n"
    )
    write_if_changed(info / "entry_points.txt", entry_points(project))

    for program in ("tg", "tgscheduler", "tgworker"):
        if (build / program).exists():
            link_if_changed(venv / "bin" / program, build / program)


if __name__ == "__main__":
    main()
