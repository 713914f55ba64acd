# SPDX-License-Identifier: BSD-3-Clause
"""The package itself: import, signatures, stubs, errors, and that every op has a test."""

import ast
import importlib
import inspect
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import tilegraph as tg
from tilegraph import _engine, _optable, errors

HERE = pathlib.Path(__file__).parent


def test_every_op_is_tested():
    covered = set()
    for path in HERE.glob("test_*.py"):
        module = importlib.import_module(path.stem)
        covered |= set(getattr(module, "COVERS", ()))
    missing = [name for name in _optable.names()
               if name not in covered and _optable.op(name).module != "_"]
    assert not missing, f"ops without a test case: {missing}"


def test_import_is_light():
    script = (
        "import sys, numpy, time; start = time.process_time(); import tilegraph; "
        "print(time.process_time() - start); "
        "print(*[m for m in ('inspect', 'dataclasses', 'typing', 'tomllib', 'json', 'scipy', "
        "'dask', 'IPython', 'asyncio') if m in sys.modules])"
    )
    base = subprocess.run([sys.executable, "-c", script.replace("import tilegraph", "pass")],
                          capture_output=True, text=True, check=True).stdout.splitlines()
    times = []
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(5):
        out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                             check=True, env=environment).stdout.splitlines()
        times.append(float(out[0]))
    assert {*out[1].split()} <= {*base[1].split()}
    assert min(times) < 0.06  # the floor of 30 ms is measured by `make bench`, on a quiet machine


def test_import_starts_nothing():
    script = ("import threading, tilegraph; from tilegraph import _engine; "
              "assert not _engine.is_open(); assert threading.active_count() == 1")
    subprocess.run([sys.executable, "-c", script], check=True)


def test_version_and_names():
    assert tg.__version__.count(".") == 2
    for name in tg.__all__:
        assert getattr(tg, name) is not None or name == "newaxis"
    assert "gaussian_filter" in dir(tg.ndimage)
    assert "compute" in dir(tg)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        tg.nonsense
    with pytest.raises(AttributeError):
        tg.ndimage.nonsense


def test_signatures_and_documentation():
    for module, prefix in ((tg, ""), (tg.ndimage, "ndimage")):
        for name in _optable.names(prefix):
            function = getattr(module, name)
            inspect.signature(function)
            assert function.__doc__ and function.__name__ == name, name
    signature = inspect.signature(tg.ndimage.gaussian_filter)
    assert list(signature.parameters)[:3] == ["input", "sigma", "order"]
    assert signature.parameters["mode"].default == "reflect"
    assert "Standard deviation" in tg.ndimage.gaussian_filter.__doc__
    assert inspect.signature(tg.Array.squeeze).parameters["axis"].default is None


def test_signatures_are_scipys():
    ndi = pytest.importorskip("scipy.ndimage")
    for name in dir(tg.ndimage):
        if not hasattr(ndi, name):
            continue
        ours = [p for p in inspect.signature(getattr(tg.ndimage, name)).parameters]
        theirs = list(inspect.signature(getattr(ndi, name)).parameters)
        shared = [p for p in theirs if p in ours]
        order = [p for p in ours if p in theirs]
        assert order == shared, f"{name}: {ours} against {theirs}"


def test_stubs_are_current():
    script = HERE.parent / "make_stubs.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_stubs_name_what_is_there():
    package = HERE.parent / "tilegraph"
    tree = ast.parse((package / "_array.pyi").read_text())
    cls = next(n for n in tree.body if isinstance(n, ast.ClassDef))
    stubbed = {n.name for n in cls.body if isinstance(n, ast.FunctionDef)}
    public = {n for n in vars(tg.Array) if not n.startswith("_")}
    assert public <= stubbed, public - stubbed
    assert {n for n in stubbed if not n.startswith("_")} <= public


def test_errors_are_the_status_map():
    lib, text = _engine.lib, _engine.text
    seen = set()
    for code in range(1, 64):
        name = text(lib.tg_status_name(code))
        if name == "?":
            continue
        cls = errors.BY_STATUS[name]
        seen.add(name)
        builtin = text(lib.tg_status_python(code))
        base = np.exceptions.AxisError if builtin == "AxisError" else getattr(
            __import__("builtins"), builtin)
        assert issubclass(cls, base) and issubclass(cls, tg.TilegraphError), name
        assert str(cls("a message")).endswith("a message")
    assert seen == set(errors.BY_STATUS)


@pytest.mark.parametrize("call, kind, words", [
    (lambda: tg.ndimage.gaussian_filter(tg.zeros((4, 4)), -1), ValueError, ["sigma", "-1"]),
    (lambda: tg.ndimage.gaussian_filter(tg.zeros((4, 4)), (1, 2, 3)), ValueError, ["sigma"]),
    (lambda: tg.ndimage.gaussian_filter(tg.zeros((4, 4)), "a"), TypeError, ["sigma", "'a'"]),
    (lambda: tg.ndimage.gaussian_filter(tg.zeros((4, 4)), 1, mode="round"), ValueError,
     ["mode", "round", "reflect"]),
    (lambda: tg.ndimage.gaussian_filter(), TypeError, ["input"]),
    (lambda: tg.ndimage.gaussian_filter(tg.zeros((4,)), 1, nonsense=3), TypeError, ["nonsense"]),
    (lambda: tg.zeros((2, 3)) + tg.zeros((4,)), ValueError, ["broadcast", "(2,3)", "(4,)"]),
    (lambda: tg.zeros((2,)).astype("U3"), TypeError, ["dtype"]),
    (lambda: tg.expand_dims(tg.zeros((2,)), 5), np.exceptions.AxisError, ["5"]),
    (lambda: tg.zeros((3,)).rechunk((2, 2)), ValueError, ["chunks"]),
    (lambda: ~tg.zeros((3,)), TypeError, ["invert"]),
    (lambda: tg.from_array(object()), TypeError, ["object"]),
])
def test_bad_arguments_say_what_is_wrong(call, kind, words):
    with pytest.raises(kind) as caught:
        call()
    message = str(caught.value).replace(" ", "")
    for word in words:
        assert word.replace(" ", "") in message, f"{word!r} is not in {caught.value}"
