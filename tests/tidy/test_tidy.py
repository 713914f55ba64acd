# SPDX-License-Identifier: BSD-3-Clause
"""tools/tidy.py finds what it should: each rule has violations planted in a tree of its own."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "tidy.py"


def load():
    spec = importlib.util.spec_from_file_location("tidy", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules["tidy"] = module
    spec.loader.exec_module(module)
    return module


tidy = load()

HEADER = """/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_{guard}_H
#define TG_{guard}_H
/*
 * What:      a thing.
 * Ownership: nobody's.
 * Threads:   any.
 * Errors:    none.
 */
{body}
#endif
"""


def header(guard, body=""):
    return HEADER.format(guard=guard, body=body)


# A small tree in which all is well; every case below changes one thing of it.
CLEAN = {
    "include/tilegraph/base.h": header("TILEGRAPH_BASE", "int tg_version(void);"),
    "core/base/status.h": header("BASE_STATUS", "#include <tilegraph/base.h>"),
    "core/base/status.c": '#include "core/base/status.h"\n#include <string.h>\n',
    "core/mem/alloc.c": "#include <jemalloc/jemalloc.h>\nvoid *a(void) { return malloc(1); }\n",
    "core/wire/pack.c": '#include <msgpack.h>\n#include "core/base/status.h"\n',
    "ops/op.def": "TG_OP(add)\n",
    "ops/op.h": header("OPS_OP", '#include "core/base/status.h"'),
    "ops/registry.c": '#include "ops/op.h"\n#define TG_OP(x)\n#include "ops/op.def"\n',
    "ops/elementwise/add.c": "#include <math.h>\nconst tg_op tg_op_add = { 0 };\n",
    "ops/kernel/sin.isa.c": "#include <sleef.h>\n#include <immintrin.h>\n",
    "io/codec/codec_gzip.c": "#include <zlib.h>\n#include <isa-l/igzip_lib.h>\n",
    "io/codec/codec_crc32c.c": "#include <isa-l/crc.h>\n",
    "io/format/tiff.c": '#include <tiffio.h>\n#include "core/base/status.h"\n',
    "worker/exec/pool.c": '#include <pthread.h>\n#include "ops/op.h"\n',
    "worker/exec/clock.c": "#include <time.h>\nlong t(void) { return time(0); }\n",
    "worker/session/env.c": 'const char *e(void) { return getenv("TG_X"); }\n',
    "scheduler/state/state.c": '#include "core/base/status.h"\n',
    "scheduler/net/shell.c": "#include <uv.h>\n#include <zmq.h>\n#include <time.h>\n",
    "tests/ops/elementwise/test_add.c": (
        "#include <cmocka.h>\nint main(void) { free(0); tg_add(); }\n"
    ),
    "examples/hello.c": (
        "#include <stdio.h>\n#include <tilegraph/base.h>\nint m(void) { exit(1); }\n"
    ),
}


def findings(tmp_path, changes):
    for name, text in {**CLEAN, **changes}.items():
        if text is None:
            continue
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return [(rule, f.path, f.line) for rule, f in tidy.check(tmp_path)]


def test_clean_tree_has_no_findings(tmp_path):
    assert findings(tmp_path, {}) == []


def include(name):
    return f"#include {name}\n"


MARK = "TO" + "DO"
STATUS = include('"core/base/status.h"')

# (rule, file, its text, line of the one finding)
PLANTED = [
    # --- layers: each upward or sideways include
    ("layer", "core/base/up.c", include('"ops/op.h"'), 1),
    ("layer", "ops/elementwise/side.c", STATUS + include('"io/side.h"'), 2),
    ("layer", "io/codec/side.c", include('"ops/op.h"'), 1),
    ("layer", "io/codec/up.c", include('"worker/up.h"'), 1),
    ("layer", "scheduler/state/side.c", include('"ops/op.h"'), 1),
    ("layer", "scheduler/state/shell.c", include('"scheduler/net/s.h"'), 1),
    ("layer", "scheduler/net/other.c", include('"worker/net/w.h"'), 1),
    ("layer", "worker/exec/up.c", include('"worker/net/w.h"'), 1),
    ("layer", "worker/exec/up.c", include('"worker/cli/c.h"'), 1),
    ("layer", "worker/net/insides.c", include('"worker/cli/c.h"'), 1),
    ("layer", "worker/agent/up.c", include('"worker/exec/e.h"'), 1),
    ("layer", "examples/inside.c", STATUS, 1),
    ("layer", "tests/install/inside.c", STATUS, 1),
    ("layer", "include/tilegraph/up.h", header("TILEGRAPH_UP", STATUS), 10),
    # --- how an include is spelled
    ("include-path", "core/base/near.c", include('"status.h"'), 1),
    # --- fences
    ("fence", "core/mem/pool.c", include("<jemalloc/jemalloc.h>"), 1),
    ("fence", "core/base/bytes.c", include("<msgpack.h>"), 1),
    ("fence", "core/base/bytes.c", include("<msgpack/pack.h>"), 1),
    ("fence", "io/format/ome.c", include("<tiffio.h>"), 1),
    ("fence", "io/format/zarr.c", include("<jansson.h>"), 1),
    ("fence", "io/format/zarr.c", include("<png.h>"), 1),
    ("fence", "io/format/zarr.c", include("<blosc.h>"), 1),
    ("fence", "io/format/zarr.c", include("<zstd.h>"), 1),
    ("fence", "io/store/zip.c", include("<lz4.h>"), 1),
    ("fence", "io/store/zip.c", include("<zlib.h>"), 1),
    ("fence", "io/codec/codec_zlib.c", include("<zlib.h>"), 1),  # codec_gzip.c has it already
    ("fence", "io/codec/codec_isal.c", include("<isa-l.h>"), 1),
    ("fence", "io/format/x.c", include("<isa-l/crc.h>"), 1),
    ("fence", "io/format/x.c", include("<curl/curl.h>"), 1),
    ("fence", "ops/elementwise/sin.c", include("<sleef.h>"), 1),
    ("fence", "ops/reduce/dot.c", include("<cblas.h>"), 1),
    ("fence", "worker/exec/loop.c", include("<uv.h>"), 1),
    ("fence", "scheduler/state/x.c", include("<zmq.h>"), 1),
    ("fence", "core/base/x.c", include("<pthread.h>"), 1),
    ("fence", "scheduler/state/x.c", include("<time.h>"), 1),
    ("fence", "worker/exec/x.c", include("<sys/socket.h>"), 1),
    ("fence", "ops/create/x.c", include("<fcntl.h>"), 1),
    ("fence", "worker/exec/x.c", include("<immintrin.h>"), 1),
    ("fence", "worker/exec/x.c", include("<cmocka.h>"), 1),
    ("fence", "worker/exec/x.c", include("<boost.h>"), 1),
    ("fence", "examples/inside.c", include("<jansson.h>"), 1),
    # --- constructs
    ("op-switch", "core/plan/x.c", "switch (k) {\ncase TG_OP_ADD:\n}", 2),
    ("op-switch", "core/plan/x.c", "switch (node->op_id) {\n}", 1),
    ("constructor", "ops/x.c", "static void r(void) __attribute__((constructor));", 1),
    ("dead-code", "core/base/x.c", "int a;\n#if 0\nint b;\n#endif", 2),
    ("dead-code", "tests/ops/test_x.c", "# if 1 \n#endif", 1),
    ("todo", "core/base/x.c", f"/* {MARK}: later */", 1),
    ("todo", "core/base/x.c", "// FIX" + "ME(#3)", 1),
    ("todo", "python/x.py", f"# {MARK} later", 1),
    # --- form
    ("file-length", "core/base/x.c", "int a;\n" * 1201, 1202),
    ("line-length", "core/base/x.c", "/* " + "x" * 98 + " */", 1),
    ("headings", "include/tilegraph/x.h", "#ifndef TG_X_H\n#define TG_X_H\nint a;\n#endif", 1),
    (
        "headings",  # one is missing
        "include/tilegraph/x.h",
        header("TILEGRAPH_X").replace("Threads:", "Treads:"),
        1,
    ),
    (
        "headings",  # after the declarations
        "include/tilegraph/x.h",
        header("TILEGRAPH_X").replace("/*\n", "int a;\n/*\n", 1),
        1,
    ),
    ("guard", "include/tilegraph/x.h", header("TILEGRAPH_Y"), 1),
    ("guard", "include/tilegraph/x.h", header("x").replace("#ifndef", "#ifdef"), 1),
    ("guard", "include/tilegraph/more/base.h", header("TILEGRAPH_BASE"), 1),
    # --- build
    ("unbuilt", "tests/ops/add.c", "int a;", 1),
    ("unbuilt", "benchmarks/micro/add.c", "int a;", 1),
    ("unbuilt", "core/base/alone.h", header("BASE_ALONE"), 1),
    ("unbuilt", "ops/kernel/alone.tmpl.h", "int a;", 1),
    ("op-unlisted", "ops/elementwise/sub.c", "const tg_op tg_op_sub = { 0 };", 1),
    ("op-untested", "ops/op.def", "TG_OP(add)\nTG_OP(mul)\n", 2),
] + [
    ("banned-call", "core/base/x.c", f"void f(void)\n{{\n    {name} (0);\n}}", 3)
    for name in tidy.BANNED
]


@pytest.mark.parametrize(
    "rule, path, text, line", PLANTED, ids=[f"{p[0]}-{i}" for i, p in enumerate(PLANTED)]
)
def test_planted_violation_is_found(tmp_path, rule, path, text, line):
    assert findings(tmp_path, {path: text}) == [(rule, path, line)]


def test_every_rule_has_a_planted_violation():
    assert {p[0] for p in PLANTED} == set(tidy.RULES)


INNOCENT = [
    ("core/base/x.c", "/* malloc(1) and free(x) */ // exit(1)"),
    ("core/base/x.c", 'const char *s = "malloc(1) // " "exit(1)"; char c = \'"\'; int a;'),
    ("core/base/x.c", "void f(void) { a->free(p); a.alloc(1); tg_free(p); my_malloc(1); }"),
    ("core/base/x.c", "struct a { void (*free)(void *ctx, void *ptr); };"),
    ("core/base/x.c", "free(x); /* tidy: allow banned-call: given by a library from malloc */"),
    ("core/base/x.c", "/*\n#include <boost.h>\n*/"),
    ("core/base/x.c", f"/* {MARK}(#12): measured later */"),
    ("core/base/x.c", "switch (node->op_class) {\ncase TG_OP_CLASS_VIEW: break;\n}"),
    ("core/base/x.c", "/* @generated by tools/x.py */\n" + "int a;\n" * 1300),
    ("benchmarks/micro/bench_x.c", "#include <sleef.h>\nint f(void) { free(malloc(1)); }"),
    ("build/x/y.c", "#if 0\n#endif"),
    ("tests/fuzz/corpus/x/y.c", "#if 0\n#endif"),
]


@pytest.mark.parametrize("path, text", INNOCENT)
def test_innocent_text_is_left_alone(tmp_path, path, text):
    assert findings(tmp_path, {path: text}) == []


def test_allowance_needs_a_reason(tmp_path):
    # The comment's own end is none.
    text = "free(x); /* tidy: allow banned-call: */"
    assert findings(tmp_path, {"core/base/x.c": text}) == [("banned-call", "core/base/x.c", 1)]


@pytest.mark.parametrize(
    "module, found", [("_", []), ("ndimage", [("op-untested", "ops/op.def", 3)])]
)
def test_op_may_be_internal_or_tested_in_python(tmp_path, module, found):
    ops = {"ops/op.def": "TG_OP(add)\nTG_OP(mul)\nTG_OP(sub)\n"}
    python = {"python/tests/test_ops.py": "def test_mul():\n    x.mul(1)\n"}
    sub = {"ops/map/sub.c": f'const tg_op tg_op_sub = {{\n    .module = "{module}",\n}};\n'}
    assert findings(tmp_path, {**ops, **python, **sub}) == found


def run(*arguments):
    return subprocess.run([sys.executable, TOOL, *arguments], capture_output=True, text=True)


def test_command_line(tmp_path):
    findings(tmp_path, {"core/base/x.c": "#if 0\n#endif\n"})
    done = run("--root", tmp_path)
    assert done.returncode == 1
    assert done.stdout == "core/base/x.c:1: dead-code: #if 0\n"


def test_notes_fail_only_when_strict(tmp_path):
    findings(tmp_path, {"ops/op.def": "TG_OP(add)\nTG_OP(mul)\n"})
    done = run("--root", tmp_path)
    assert done.returncode == 0 and "note: op-untested" in done.stdout
    assert run("--root", tmp_path, "--strict").returncode == 1
