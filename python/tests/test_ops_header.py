# SPDX-License-Identifier: BSD-3-Clause
"""The C functions of the ops: the committed header is what the table gives, it covers the table,
and C and C++ compile it without a warning."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tilegraph import _native, _optable

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(_native.__file__).resolve().parents[2]
HEADER = (ROOT / "include" / "tilegraph" / "ops.h").read_text()
COMPILERS = {
    "c11": (os.environ.get("CC") or shutil.which("cc"), "c"),
    "c++20": (os.environ.get("CXX") or shutil.which("c++"), "cpp"),
}
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")


def test_header_is_current():
    script = ROOT / "python" / "make_ops_header.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_op_has_its_function():
    declared = set(re.findall(r"\btg_(\w+)\(tg_scope \*scope", HEADER))
    for name in [*_optable.names(""), *_optable.names("ndimage"), "slice"]:
        assert name in declared, name
        line = _optable.op(name)
        struct = re.search(rf"^typedef struct tg_{name}_options {{\n(.*?)^}}", HEADER, re.M | re.S)
        members = re.findall(r"^    [^/ ].*?(\w+);$", struct[1], re.M) if struct else []
        assert [m.removesuffix("_") for m in members] == [p.name for p in line.params], name
    assert not [name for name in declared if name.startswith("_")]
    assert not declared & {"from_memory", "from_source", "scalar", "reshape_copy"}


# What C11 and C++20 have in common; C++ has no temporary to take the address of.
PROGRAM = """
#include <tilegraph/tilegraph.h>
#include <stdio.h>

int
main(void)
{
    tg_error err;
    tg_session *session = NULL;
    tg_result result;
    tg_target target;
    const int64_t count = 5;
    const double edges[] = { 0, 1, 3 };
    tg_zeros_options shape = { .shape = TG_SET(count, 4), .dtype = TG_DT_U16 };
    tg_sum_options first = { .axis = TG_SET(0), .keepdims = true };
    tg_histogram_options bins = { .bins = { .count = 3, .at = edges } };
    if (tg_session_open(NULL, &session, &err) != TG_OK) {
        return 1;
    }
    tg_scope *g = tg_scope_create(session);
    tg_array *ones = tg_add(g, tg_zeros(g, &shape), tg_scalar_int(g, 1));
    tg_array *sums = tg_sum(g, ones, &first);
    target.array = tg_histogram(g, tg_squeeze(g, sums, NULL), NULL, NULL);
    target.array = tg_multiply(g, tg_histogram(g, ones, NULL, &bins), tg_max(g, sums, NULL));
    target.sink = NULL;
    target.data = NULL;
    target.strides = NULL;
    if (tg_scope_error(g) != NULL || tg_compute(session, 1, &target, &result, &err) != TG_OK) {
        return 2;
    }
    const double *values = (const double *)result.data; /* of int64 and uint64, as in NumPy */
    printf("%g %g\\n", values[0], values[1]);
    tg_result_release(&result);
    tg_scope_destroy(g);
    tg_session_close(session);
    return 0;
}
"""


@pytest.mark.parametrize("standard", COMPILERS)
def test_a_program_of_either_language(standard, tmp_path):
    compiler, suffix = COMPILERS[standard]
    if compiler is None:
        pytest.skip("there is no compiler")
    source = tmp_path / f"program.{suffix}"
    source.write_text(PROGRAM)
    # g++ speaks of members that a designated initialiser leaves out, which is what they are for.
    quiet = ["-Wno-missing-field-initializers"] if suffix == "cpp" else []
    subprocess.run(
        [compiler, f"-std={standard}", *WARNINGS, *quiet, f"-I{ROOT}/include", str(source),
         f"-L{BUILD}", f"-Wl,-rpath,{BUILD}", "-ltilegraph", "-o", str(tmp_path / "program")],
        check=True)
    done = subprocess.run([str(tmp_path / "program")], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "0 100\n")


@pytest.mark.parametrize("standard", COMPILERS)
def test_the_header_alone_has_no_warning(standard, tmp_path):
    compiler, suffix = COMPILERS[standard]
    if compiler is None:
        pytest.skip("there is no compiler")
    source = tmp_path / f"alone.{suffix}"
    source.write_text("#include <tilegraph/ops.h>\n")
    subprocess.run([compiler, f"-std={standard}", *WARNINGS, "-fsyntax-only",
                    f"-I{ROOT}/include", str(source)], check=True)
