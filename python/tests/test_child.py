# SPDX-License-Identifier: BSD-3-Clause
"""Functions of map_blocks in child processes: tg.config.set(isolate=True), and plans as bytes."""

import ctypes
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from support import same, values

import tilegraph as tg
from tilegraph import _build, _call, _children, _engine
from tilegraph._engine import check, ffi, lib

OFFSET = 3  # what a function of this module sees


class OwnError(Exception):
    """An exception that only this module has."""


@pytest.fixture
def pair():
    array = values((10, 12), "float32", special=False)
    return array, tg.from_array(array, (4, 5))


@pytest.fixture
def isolated(pair):
    with tg.config.set(isolate=True):
        yield pair


def module_function(block):
    return block + OFFSET


def runs(function, *args, **kwargs):
    """The same here and there."""
    with tg.config.set(isolate=False):
        here = tg.map_blocks(function, *args, **kwargs).compute()
    with tg.config.set(isolate=True):
        there = tg.map_blocks(function, *args, **kwargs).compute()
    assert here.dtype == there.dtype and here.shape == there.shape
    np.testing.assert_array_equal(here, there)
    return there


# --- results ---------------------------------------------------------------------------------


def test_results_are_those_of_this_process(pair):
    array, x = pair
    k = 5
    same(runs(module_function, x, dtype="float32"), array + OFFSET)
    same(runs(lambda b: b * k, x, dtype="float32"), array * k)
    same(runs(np.negative, x), -array)
    runs(np.add, x, x[0], dtype="float32")
    runs(lambda b, factor, offset=1: b * factor + offset, x, 2, offset=7, dtype="float32")
    runs(lambda b: b > 0, x)
    runs(lambda b: b.sum(axis=0), x, drop_axis=0, dtype="float32")
    runs(lambda b: b[..., None].repeat(2, -1), x[:8, :10], new_axis=2, chunks=(4, 5, 2),
         dtype="float32")
    runs(lambda b: b, x[:0], dtype="float32")
    runs(lambda: np.ones((2, 3)), chunks=((2, 2), (3,)), dtype="float64")
    runs(lambda b: b[()] * 2, tg.from_array(np.array(4.0)), dtype="float64")


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float16", "float64",
                                   "complex64", "complex128"])
def test_every_dtype(dtype):
    array = values((7, 9), dtype, special=False)
    same(runs(lambda b: b.copy(), tg.from_array(array, (3, 4)), dtype=dtype), array)


def test_overlap(isolated):
    array, x = isolated
    mean = tg.map_overlap(lambda b: b - b.mean(), x, depth=(1, 2), boundary="reflect",
                          dtype="float32")
    there = mean.compute()
    with tg.config.set(isolate=False):
        same(mean, there)


def test_block_id_and_block_info(pair):
    array, x = pair

    def look(a, b, block_id=None, block_info=None):
        text = repr((block_id, sorted((str(k), v) for k, v in block_info.items())))
        return np.full(a.shape, sum(text.encode()), "int64")

    runs(look, x, x[0], dtype="int64")

    def place(block, block_info):
        (lo, _), (left, _) = block_info[0]["array-location"]
        assert block_info[None]["dtype"] == np.dtype("int64")
        assert block_info[None]["chunk-shape"] == block.shape
        return np.full(block.shape, 100 * lo + left)

    got = runs(place, x, dtype="int64")
    assert got[9, 11] == 810 and got[0, 0] == 0


def test_functions_run_elsewhere_and_together(isolated):
    _, x = isolated
    pids = x.map_blocks(lambda b: np.full(b.shape, os.getpid()), dtype="int64").compute()
    assert os.getpid() not in pids
    # Two processes are inside at once: each waits for the other.
    with tg.config.set(threads=2):
        folder = os.environ["XDG_CONFIG_HOME"]
        mark = os.path.join(folder, f"meeting-{os.getpid()}")

        def meet(block, block_id):
            open(f"{mark}-{block_id[0]}", "w").close()
            until = time.monotonic() + 60
            while not os.path.exists(f"{mark}-{1 - block_id[0]}"):
                assert time.monotonic() < until
                time.sleep(0.005)
            return block

        y = tg.zeros((2, 3), chunks=(1, 3)).map_blocks(meet, dtype="float64")
        same(y, np.zeros((2, 3)))


def test_blocks_may_be_kept(isolated):
    array, x = isolated
    kept = []

    def remember(block):
        kept.append(block)
        return np.full(block.shape, sum(float(b.sum()) for b in kept))

    with tg.config.set(threads=1):
        got = x.map_blocks(remember, dtype="float64").compute()
        blocks = [x[4 * i:4 * i + 4, 5 * j:5 * j + 5].compute() for i in range(3) for j in range(3)]
    sums = np.cumsum([float(b.sum()) for b in blocks])
    assert kept == []
    np.testing.assert_allclose(sorted({*got.ravel()}), sorted({*sums}))

    def write(block):
        block[0] = 1
        return block

    with pytest.raises(ValueError, match="read-only"):
        x.map_blocks(write, dtype="float32").compute()


def test_a_function_that_computes(isolated):
    array, x = isolated

    def nested(block):
        import tilegraph

        y = tilegraph.from_array(block, (2, 2))
        return y.map_blocks(np.negative, dtype="float32").compute()

    same(x.map_blocks(nested, dtype="float32"), -array)


def test_store_stays_in_this_process(isolated):
    array, x = isolated
    target = np.zeros_like(array)
    tg.store(x, target)
    same(target, array)


# --- failures --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, args", [
    (ValueError, ("bad pixel",)), (KeyError, ("key",)), (OwnError, ("mine", 3)),
    (FileNotFoundError, (2, "gone", "a.txt")), (ZeroDivisionError, ()), (SystemExit, (3,)),
    (UnicodeDecodeError, ("utf-8", b"ab", 0, 1, "no")),
])
def test_exceptions_come_back_as_they_were(isolated, kind, args):
    error = kind(*args)

    def fail(block):
        def inside():
            raise kind(*args)  # and not `error`: distributed breaks the pickles of some

        inside()

    with pytest.raises(kind) as caught:
        isolated[1].map_blocks(fail, dtype="float32").compute()
    assert caught.value.args == error.args and str(caught.value) == str(error)
    there = str(caught.value.__cause__)
    assert "in inside" in there and "test_child.py" in there and "_call.py" not in there
    if hasattr(error, "add_note") and isinstance(error, Exception):
        assert "fail failed on block (" in caught.value.__notes__[0]
    same(isolated[1] + 1, isolated[0] + 1)


def test_exceptions_that_cannot_be_made_again(isolated):
    class Local(Exception):
        pass

    class LocalKeyError(KeyError):
        pass

    for error, kind, text in [
        (Local("only there"), tg.errors.TgUserError, "Local: only there"),
        (LocalKeyError("a"), KeyError, "LocalKeyError: 'a'"),
        (ValueError(object()), ValueError, "ValueError: <object"),
        (ValueError("x" * 200_000), ValueError, "ValueError: xxx"),
    ]:
        def fail(block, error=error):
            raise error

        with pytest.raises(kind) as caught:
            isolated[1].map_blocks(fail, dtype="float32").compute()
        assert text in str(caught.value) and len(str(caught.value)) < 70_000


def test_results_of_the_wrong_kind(isolated):
    _, x = isolated
    with pytest.raises(ValueError, match=r"returned shape \(\d, 5\) for block .*, expected"):
        x[:, :5].map_blocks(lambda b: b[:1].repeat(7, 0), dtype="float32").compute()
    with pytest.raises(TypeError, match="returned dtype float64 for block .*, expected float32"):
        x.map_blocks(lambda b: b.astype("float64"), dtype="float32").compute()
    with pytest.raises(TypeError, match="masked array"):
        x.map_blocks(lambda b: np.ma.masked_less(b, 0), dtype="float32").compute()


@pytest.mark.parametrize("crash, ending", [
    (lambda: ctypes.string_at(0), r"killed by signal 11 \(segmentation fault\)"),
    (lambda: os.abort(), r"killed by signal 6 \(abort\)"),
    (lambda: os._exit(7), "ended with exit status 7"),
    (lambda: os.kill(os.getpid(), signal.SIGKILL), r"killed by signal 9 \(.*want of memory\)"),
    (lambda: os.close(3), "ended"),
])
def test_a_crash_kills_the_child_only(isolated, crash, ending):
    array, x = isolated

    def explode(block, block_id):
        if block_id == (1, 2):
            crash()
        return block

    lost = _children.stats()["lost"]
    with pytest.raises(tg.errors.TgUserError, match=r"explode on block \(1, 2\): .*" + ending):
        x.map_blocks(explode, dtype="float32").compute()
    assert _children.stats()["lost"] > lost
    same(x.map_blocks(np.negative, dtype="float32"), -array)


def test_the_line_that_crashed_is_named(isolated):
    def segfault(block):
        ctypes.string_at(0)

    with pytest.raises(tg.errors.TgUserError, match="(?s)Segmentation fault.*in segfault"):
        isolated[1].map_blocks(segfault, dtype="float32").compute()
    with pytest.raises(tg.errors.TgUserError, match="segmentation fault"):
        isolated[1].map_blocks(segfault)  # which tries it, for its dtype


def test_a_function_that_hangs(isolated):
    array, x = isolated

    def hang(block):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(1)

    with tg.config.set(function_timeout=0.3), pytest.raises(
            tg.errors.TgUserError, match="longer than the time limit for functions, 0.3 s"):
        x.map_blocks(hang, dtype="float32").compute()
    same(x.map_blocks(np.negative, dtype="float32"), -array)


def test_memory_limit_of_children(isolated):
    array, x = isolated

    def greedy(block):
        np.ones(6 << 30, "uint8")
        return block

    with tg.config.set(function_memory="4 GiB"):
        with pytest.raises(MemoryError):
            x.map_blocks(greedy, dtype="float32").compute()
        same(x.map_blocks(np.negative, dtype="float32"), -array)


def test_what_is_printed_goes_to_the_error_output(isolated, capfd):
    def talk(block):
        print("from inside")
        print("and wrong", end="", file=sys.stderr)
        return block

    isolated[1][:4, :5].map_blocks(talk, dtype="float32").compute()
    until = time.monotonic() + 20
    text = ""
    while "from inside\n" not in text and time.monotonic() < until:
        text += capfd.readouterr().err
        time.sleep(0.01)
    assert "tilegraph child " in text and "from inside\n" in text


def test_functions_that_cannot_be_sent(isolated):
    lock = threading.Lock()
    with pytest.raises(tg.errors.TgUnsupportedError, match="cannot be sent to another process"):
        isolated[1].map_blocks(lambda b: b if lock else b, dtype="float32").compute()


def test_a_module_that_is_missing_there(isolated, tmp_path, monkeypatch):
    (tmp_path / "only_here_9.py").write_text("def f(block):\n    return block\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    isolated[1].map_blocks(np.negative, dtype="float32").compute()  # children know the old path
    import only_here_9

    with pytest.raises(ModuleNotFoundError, match="f: module only_here_9 is not installed on "):
        isolated[1].map_blocks(only_here_9.f, dtype="float32").compute()


def test_a_cancelled_computation_does_not_wait_for_its_function(isolated):
    script = """
        import _thread, threading, time
        import tilegraph as tg

        tg.config.set(isolate=True)

        def hang(block):
            time.sleep(600)

        threading.Timer(3, _thread.interrupt_main).start()
        start = time.monotonic()
        try:
            tg.zeros((2, 2)).map_blocks(hang, dtype="float64").compute()
        except KeyboardInterrupt:
            print("interrupted", time.monotonic() - start < 60)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], timeout=100,
                          capture_output=True, text=True)
    assert done.stdout == "interrupted True\n", done.stderr


def test_children_die_with_their_parent():
    script = """
        import ctypes, os, time
        import tilegraph as tg

        def hang(block):
            print("child", os.getpid(), flush=True)
            ctypes.PyDLL(None).sleep(600)     # holds the interpreter: no thread of Python's runs

        tg.config.set(isolate=True)
        tg.zeros((2, 2)).map_blocks(hang, dtype="float64").compute()
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], text=True,
                              stderr=subprocess.PIPE)
    line = parent.stderr.readline()
    assert " child " in line, line
    pid = int(line.split()[-1])
    os.kill(pid, 0)
    parent.kill()
    parent.wait()
    parent.stderr.close()
    until = time.monotonic() + 20
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < until:
        with open(f"/proc/{pid}/stat") as stat:
            if stat.read().rpartition(")")[2].split()[0] == "Z":
                break  # dead; whoever inherited it has not looked yet
        time.sleep(0.01)
    else:
        assert not os.path.exists(f"/proc/{pid}")


# --- settings --------------------------------------------------------------------------------


def test_settings(monkeypatch):
    assert tg.config.get("isolate") is False
    assert tg.config.get("function_timeout") is None
    with tg.config.set(isolate="yes", function_timeout=1.5, function_memory="1 GiB"):
        assert tg.config.get("isolate") is True and _children.enabled
        assert tg.config.get("function_timeout") == 1.5
        assert tg.config.get("function_memory") == 1 << 30
        assert "isolate=True (set)" in tg.config.show()
    assert tg.config.get("isolate") is False and not _children.enabled
    for wrong in ({"isolate": "perhaps"}, {"function_timeout": 0}, {"function_timeout": "soon"},
                  {"function_memory": "much"}, {"function_memory": -1}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))}.* "):
            tg.config.set(**wrong)
    script = "import tilegraph as tg; print(tg.config.get('isolate'), tg.config.show())"
    done = subprocess.run([sys.executable, "-c", script], text=True, capture_output=True,
                          env={**os.environ, "TG_ISOLATE": "1"})
    assert done.stdout.startswith("True ") and "isolate=True (TG_ISOLATE)" in done.stdout


# --- messages --------------------------------------------------------------------------------


def test_failure_fits_its_limit():
    try:
        module_function(None)
    except TypeError as error:
        for limit in (0, 10, 80, 200, 400, 10_000):
            data = _call.failure(error, "\N{GREEK SMALL LETTER ALPHA} failed", limit)
            assert len(data) <= limit
            data.decode()
        text = data.decode().split(_call.MARK)
        assert text[1] == "builtins:TypeError|builtins:TypeError"
        assert "return block + OFFSET" in text[3]


def test_nothing_is_imported_or_called_for_a_message():
    for kind, literal in [
        ("os:system", "('true',)"), ("builtins:print", "('x',)"), ("json.tool:main", "()"),
        ("builtins:ValueError", "(__import__('os'),)"), ("builtins:ValueError", ""),
        ("builtins:ValueError", "3"), ("", "()"), ("nowhere:Nothing", "()"),
        ("builtins:ValueError", "('another text',)"),
    ]:
        assert _call.rebuild(kind, literal, "failed: ValueError: text") is None
    for base in ("builtins:Exception", "builtins:print", "os:error2", ""):
        assert _call.rebuild(f"nowhere:Nothing|{base}", "()", "failed") is None
    assert type(_call.rebuild("nowhere:Nothing|builtins:KeyError", "()", "no")) is KeyError
    made = _call.rebuild("builtins:ValueError", "('text',)", "failed: ValueError: text\ntrace")
    assert type(made) is ValueError and "trace" in str(made.__cause__)


# --- plans as bytes --------------------------------------------------------------------------


def to_bytes(array):
    err, plan = ffi.new("tg_error *"), ffi.new("tg_plan **")
    target, data, size = ffi.new("tg_target[1]"), ffi.new("void **"), ffi.new("size_t *")
    target[0].array = array._ptr
    check(lib.tg_plan_create(_engine.session(), 1, target, plan, err), err)
    try:
        check(lib.tg_plan_to_bytes(plan[0], data, size, err), err)
        found = ffi.buffer(data[0], size[0])[:]
        lib.tg_plan_bytes_free(data[0], size[0])
        return found
    finally:
        lib.tg_plan_destroy(plan[0])


READER = """
    import os, sys
    import numpy as np
    from tilegraph import _children, _engine
    from tilegraph._engine import check, ffi, lib

    data = sys.stdin.buffer.read()
    err, plan, run = (ffi.new(t) for t in ("tg_error *", "tg_plan **", "tg_computation **"))
    if sys.argv[1] == "allowed":
        functions = ffi.new("tg_plan_functions *")
        functions.struct_size = ffi.sizeof("tg_plan_functions")
        functions.children = _children._open()
        check(lib.tg_session_set_plan_functions(_engine.session(), functions, err), err)
    check(lib.tg_plan_from_bytes(_engine.session(), data, len(data), 0, ffi.NULL, plan, err), err)
    check(lib.tg_plan_start(_engine.session(), plan[0], run, err), err)
    done, result = ffi.new("bool *"), ffi.new("tg_result *")
    check(lib.tg_computation_wait(run[0], -1, done, err), err)
    check(lib.tg_computation_result(run[0], 0, result, err), err)
    from tilegraph._run import Result
    print(Result(result).numpy().tolist())
"""


def read_elsewhere(data, how="allowed"):
    return subprocess.run([sys.executable, "-c", textwrap.dedent(READER), how], input=data,
                          capture_output=True, timeout=100)


def test_a_plan_with_a_function_runs_in_another_process():
    array = np.arange(12.0).reshape(3, 4)
    x = tg.from_array(array, (2, 3))
    factor = 2.5
    data = to_bytes(tg.map_overlap(lambda b, block_id: b * factor + block_id[0], x, depth=1,
                                   boundary="reflect", dtype="float64") + 1)
    done = read_elsewhere(data)
    want = array * factor + (np.arange(3) // 2)[:, None] + 1
    assert done.stdout.decode().strip() == str(want.tolist()), done.stderr.decode()
    assert b"is Python, which is not allowed here" in read_elsewhere(data, "not").stderr


def test_what_a_function_raises_there_arrives_here():
    def fail(block):
        raise LookupError("nothing in block", block.shape)

    done = read_elsewhere(to_bytes(tg.zeros((2, 3)).map_blocks(fail, dtype="float64")))
    text = done.stderr.decode()
    assert "LookupError: ('nothing in block', (2, 3))" in text
    assert "tilegraph._call.FailedThere" in text and "in fail" in text


def test_functions_without_a_form_say_so():
    lock = threading.Lock()
    with pytest.raises(tg.errors.TgUnsupportedError, match="function of 'map_blocks' cannot be sent"
                                                           ".*cannot pickle"):
        to_bytes(tg.zeros(3).map_blocks(lambda b: b if lock else b, dtype="float64"))
    with pytest.raises(tg.errors.TgLimitError, match="at most 16777216 can be sent"):
        large = np.zeros(17 << 20, "uint8")
        to_bytes(tg.zeros(3).map_blocks(lambda b: b + large[0], dtype="float64"))


def test_nothing_stays_on_loan(pair):
    import gc

    gc.collect()
    before = _engine.lent_count()
    with tg.config.set(isolate=True):
        y = pair[1].map_blocks(lambda b: b, dtype="float32")
        y.compute()
        to_bytes(tg.zeros(3).map_blocks(lambda b: b, dtype="float64"))
    del y
    gc.collect()
    assert _engine.lent_count() == before
    assert _build._array_class is tg.Array
