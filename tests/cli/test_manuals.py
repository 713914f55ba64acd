# SPDX-License-Identifier: BSD-3-Clause
"""Manual pages and units of the service manager: they say what the programs know."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "packaging"


def options_of(text):
    return set(re.findall(r"^  (--?[a-z][a-z-]*)(?: |$)", text, re.MULTILINE))


@pytest.mark.parametrize("program", ["tg", "tgscheduler", "tgworker"])
def test_pages_have_what_help_has(home, program):
    page = home.run(program, "--man").stdout
    plain = page.replace("\\-", "-")
    texts = [home.run(program, "--help").stdout]
    if program == "tg":
        commands = re.findall(r"^  (\w+)", texts[0], re.MULTILINE)
        assert {"info", "status", "ssh"} <= set(commands)
        for command in commands:
            assert f".SS {command}\n" in plain
        texts = [home.tg("help", command) for command in commands]
    for text in texts:
        for option in options_of(text):
            assert re.search(rf"^\.B {option}(?: |$)", plain, re.MULTILINE), option
        summary = text.split("\n")[2].rstrip(".")
        assert summary in plain


@pytest.mark.parametrize("program", ["tg", "tgscheduler", "tgworker"])
def test_pages_are_well_formed(home, program):
    page = home.run(program, "--man").stdout
    if shutil.which("groff") is None:
        pytest.skip("there is no groff")
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-rLL=100n"], input=page, text=True,
                          capture_output=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    shown = re.sub(r"\x1b\[[0-9;]*m|.\x08", "", done.stdout)
    for heading in ("NAME", "SYNOPSIS", "EXIT STATUS", "FILES", "SEE ALSO"):
        assert f"\n{heading}\n" in f"\n{shown}"


@pytest.mark.parametrize("name", ["tgscheduler.service", "tgworker@.service"])
def test_units(home, name):
    unit = (UNITS / f"{name}.in").read_text()
    command = re.search(r"^ExecStart=@CMAKE_INSTALL_FULL_BINDIR@/(\S+) (.*)$", unit, re.MULTILINE)
    known = options_of(home.run(command[1], "--help").stdout)
    assert set(re.findall(r"(?<!\S)--[a-z-]+", command[2])) <= known
    for line in ("DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes",
                 "LimitNOFILE=65536"):
        assert f"\n{line}\n" in unit
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze")
    path = home.path / name
    path.write_text(unit.replace("@CMAKE_INSTALL_FULL_BINDIR@", str(home.bin)))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True,
                          text=True, timeout=60)
    ours = [line for line in done.stderr.splitlines() if name.split(".")[0] in line]
    assert done.returncode == 0 and ours == [], done.stderr
