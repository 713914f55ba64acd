#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes timeline_html.c from timeline.html, timeline.css and timeline_*.js.

    python3 worker/profile/embed_page.py            writes timeline_html.c
    python3 worker/profile/embed_page.py --check    fails when it is not up to date

The page names the SHA-256 of its style and its script in its content security policy, so that a
browser runs these and nothing else, whatever the data says.
"""
import base64
import hashlib
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
SCRIPTS = ["timeline_data.js", "timeline_stream.js", "timeline_page.js"]
TARGET = HERE / "timeline_html.c"


def squeeze(text):
    """Drops what only readers of the source need: comments on lines of their own, indentation."""
    text = re.sub(r"^[ ]*/\*.*?\*/[ ]*\n", "", text, flags=re.DOTALL | re.MULTILINE)
    return "\n".join(line.strip() for line in text.splitlines() if line.strip()) + "\n"


def csp_hash(text):
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode()


def page_parts():
    """Gives the text before the data and the text after it."""
    style = "\n" + squeeze((HERE / "timeline.css").read_text())
    body = "".join(squeeze((HERE / name).read_text()) for name in SCRIPTS)
    script = '\n"use strict";\n(() => {\n' + body + "})();\n"
    if "</script" in script or "</style" in style:
        raise SystemExit("embed_page.py: the sources must not end their own element")
    page = (HERE / "timeline.html").read_text()
    for mark, text in [("@STYLE_HASH@", csp_hash(style)), ("@SCRIPT_HASH@", csp_hash(script)),
                       ("@STYLE@", style), ("@SCRIPT@", script)]:
        before, after = page.split(mark)
        page = before + text + after
    return page.split("@DATA@")


def escape(character):
    return {"\n": "\\n", '"': '\\"', "\\": "\\\\", "?": "\\?"}.get(character, character)


def c_array(name, text):
    """The text as C strings, simply joined by their reader. A string ends with a line of the text
    where it can, so that a change shows as a small difference, and has at most 90 columns."""
    pieces = [""]
    for character in text:
        if len(pieces[-1]) > 88 or (len(pieces[-1]) > 50 and pieces[-1].endswith("\\n")):
            pieces.append("")
        pieces[-1] += escape(character)
    lines = "".join(f'    "{piece}",\n' for piece in pieces)
    return f"const char *const {name}[] = {{\n{lines}    NULL,\n}};\n"


def generate():
    head, tail = page_parts()
    return ("/* SPDX-License-Identifier: BSD-3-Clause */\n"
            "/* Made by worker/profile/embed_page.py from timeline.html, timeline.css and "
            "timeline_*.js. */\n"
            "/* clang-format off */\n"
            "#include \"worker/profile/timeline_html.h\"\n\n#include <stddef.h>\n\n"
            + c_array("tg__timeline_html_head", head) + "\n"
            + c_array("tg__timeline_html_tail", tail))


def main():
    text = generate()
    if not text.isascii():
        raise SystemExit("embed_page.py: the sources must be ASCII")
    if "--check" in sys.argv[1:]:
        if not TARGET.exists() or TARGET.read_text() != text:
            raise SystemExit(f"{TARGET.name} is not up to date; run worker/profile/embed_page.py")
    else:
        TARGET.write_text(text)


if __name__ == "__main__":
    main()
