# SPDX-License-Identifier: BSD-3-Clause
"""What the documents say is true: their examples run, their links lead somewhere, what is generated
is up to date.

In README.md, CONTRIBUTING.md and docs/, by the word after the three backticks:

    python            runs, after the blocks before it in the same file, in an empty folder
    c                 compiles against include/; with a main, it is linked and run too
    c path/of/file    is an excerpt: its words stand so in that file of the tree
    anything else     is not looked at
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tilegraph import _native

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
BUILD = Path(_native.__file__).resolve().parents[2]
CC = os.environ.get("CC") or shutil.which("cc")


def _name(page):
    return str(page.relative_to(ROOT))


def _blocks(page, language):
    """(line, rest of the info string, text) of each fenced block of a language."""
    blocks = []
    begin = info = None
    lines = page.read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines):
        fence = re.match(r"\s*```(.*)", line)
        if fence and begin is None:
            begin, info = number + 1, fence[1].split()
        elif fence:
            if info and info[0] == language:
                blocks.append((begin + 1, " ".join(info[1:]), "\n".join(lines[begin:number])))
            begin = None
    assert begin is None, f"{_name(page)}: the block of line {begin} has no end"
    return blocks


def _pages_with(language, excerpts=False):
    return [page for page in PAGES
            if any(bool(info) == excerpts for _, info, _ in _blocks(page, language))]


@pytest.mark.parametrize("page", _pages_with("python"), ids=_name)
def test_python_examples_run(page, tmp_path):
    # Line numbers of a traceback are those of the page.
    program = [""] * (page.read_text(encoding="utf-8").count("\n") + 1)
    for line, _, text in _blocks(page, "python"):
        for offset, code in enumerate(text.split("\n")):
            program[line - 1 + offset] = code
    script = tmp_path / (page.stem + "_examples.py")
    script.write_text("\n".join(program), encoding="utf-8")
    work = tmp_path / "work"
    work.mkdir()
    done = subprocess.run([sys.executable, str(script)], cwd=work, capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 0, f"{_name(page)}:\n{done.stdout}\n{done.stderr}"


def _compile(text, tmp_path, *options):
    source = tmp_path / "example.c"
    source.write_text(text, encoding="utf-8")
    command = [CC, "-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}/include", str(source),
               *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(CC is None, reason="there is no C compiler")
@pytest.mark.parametrize("page", _pages_with("c"), ids=_name)
def test_c_examples_compile_and_run(page, tmp_path):
    for line, info, text in _blocks(page, "c"):
        if info:
            continue
        if re.search(r"^main\(", text, re.M) and (BUILD / "libtilegraph.so").exists():
            program = tmp_path / f"line{line}"
            _compile(text, tmp_path, f"-L{BUILD}", "-ltilegraph", f"-Wl,-rpath,{BUILD}", "-o",
                     str(program))
            done = subprocess.run([str(program)], cwd=tmp_path, capture_output=True, text=True,
                                  timeout=120)
            assert done.returncode == 0, f"{_name(page)}, line {line}: {done.stderr}"
        else:
            _compile(text, tmp_path, "-fsyntax-only", "-Wno-unused-function")


@pytest.mark.parametrize("page", _pages_with("c", excerpts=True), ids=_name)
def test_excerpts_stand_in_their_files(page):
    for line, path, text in _blocks(page, "c"):
        if path:
            found = (ROOT / path).read_text(encoding="utf-8")
            # Only words count: reformatting a file is no reason to touch its page.
            assert " ".join(text.split()) in " ".join(found.split()), (
                f"{_name(page)}, line {line}: {path} no longer reads like this")


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{_name(page)}: there is no {target}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_files_that_are_named_exist(page):
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^\s*```.*?^\s*```", "", text, flags=re.M | re.S)
    folders = "core|ops|io|worker|include|python|tests|tools|cmake|docs|licenses"
    for name in re.findall(rf"`((?:{folders})/[\w./-]+)`", text):
        assert (ROOT / name).exists(), f"{_name(page)}: there is no {name}"


@pytest.mark.parametrize("tool", ["limits_doc.py", "readme_bench.py"])
def test_generated_text_is_up_to_date(tool):
    done = subprocess.run([sys.executable, str(ROOT / "tools" / tool), "--check"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_wire_page_has_the_table_of_messages():
    """docs/wire.md gives core/wire/message.def in words: names, order, and fields."""
    table = (ROOT / "core/wire/message.def").read_text(encoding="utf-8")
    page = (ROOT / "docs/wire.md").read_text(encoding="utf-8")
    code = [(name, [] if fields == "0" else [f.strip()[2:].lower() for f in fields.split("|")])
            for name, fields in re.findall(r"^TG_MESSAGE\((\w+), ([^)]*)\)", table, re.M)]
    said = [(name, [f.strip() for f in fields.split(",") if f.strip()])
            for name, fields in re.findall(r"^\| ([A-Z]{3,}) \|([^|]*)\|", page, re.M)]
    assert said == code
