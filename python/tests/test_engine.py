# SPDX-License-Identifier: BSD-3-Clause
"""The planner and the executor against NumPy and SciPy: random expressions over random shapes,
chunks, numbers of threads and memory limits, down to the smallest that the planner accepts.

Numbers are small integers (also where the dtype is float64), so that results do not depend on the
order of additions and are compared exactly; what is not exact says so with a tolerance.
"""

import re
import subprocess
import sys
import threading

import numpy as np
import pytest
import scipy.ndimage as ndi
import tilegraph as tg
from hypothesis import given, settings
from hypothesis import strategies as st
from support import same

STENCILS = {
    "uniform": "uniform_filter", "minimum": "minimum_filter", "maximum": "maximum_filter",
    "median": "median_filter", "gaussian": "gaussian_filter", "correlate": "correlate",
    "correlate1d": "correlate1d", "minimum1d": "minimum_filter1d", "maximum1d": "maximum_filter1d",
}
MODES = ("reflect", "nearest", "mirror", "constant", "wrap")
CELLS_MAX = 260_000
LIMIT_MIN = 1 << 20


def make_stores(folder):
    """Arrays in stores: a list of (NumPy array, path)."""
    random = np.random.default_rng(7)
    made = []
    for i, (shape, chunks, dtype) in enumerate([
        ((97, 101, 13), (16, 32, 13), "float64"),
        ((40, 50, 60), (10, 50, 16), "int32"),
        ((300, 400), (100, 64), "float64"),
        ((500, 257), (37, 257), "uint8"),
        ((64, 64, 64), (32, 32, 32), "float64"),
        ((70_001,), (9_000,), "int64"),
    ]):
        array = random.integers(0, 9, shape).astype(dtype)
        path = folder / f"{i}.zarr"
        tg.save(tg.from_array(array), path, chunks=chunks, codec="none")
        made.append((array, path))
    return made


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return make_stores(tmp_path_factory.mktemp("stores"))


class Draw:
    """Choices out of a random.Random: Hypothesis's own, which shrinks, or a plain one."""

    def __init__(self, random):
        self.random = random

    def pick(self, choices):
        return choices[self.random.randrange(len(choices))]

    def whole(self, low, high):
        return self.random.randint(low, high)

    def flip(self):
        return self.random.random() < 0.5

    def order(self, n):
        return self.random.sample(range(n), n)


class Pair:
    """The same values lazily and in NumPy, and how exact they are."""

    def __init__(self, lazy, plain, atol=0.0, text="?"):
        self.lazy, self.plain, self.atol, self.text = lazy, np.asarray(plain), atol, text

    def __repr__(self):
        return f"{self.text} {self.plain.dtype}{self.plain.shape}"


def _float(x):
    return Pair(x.lazy.astype("float64"), x.plain.astype("float64"), x.atol, f"f8({x.text})")


def _bounded(x, text, lazy, plain, atol=0.0):
    """Keeps values small, so that float64 stays exact."""
    plain = np.asarray(plain)
    if plain.dtype.kind == "b":
        lazy, plain = lazy.astype("int32"), plain.astype("int32")
    return Pair(lazy, plain, max(x.atol, atol), f"{text}({x.text})")


def unary(draw, x):
    kind = draw.pick(["neg", "abs", "add", "min", "mod", "cast"])
    if kind == "neg" and x.plain.dtype.kind in "if":
        return _bounded(x, "neg", -x.lazy, -x.plain, x.atol)
    if kind == "abs":
        return _bounded(x, "abs", tg.abs(x.lazy), np.abs(x.plain), x.atol)
    if kind == "mod":
        return _bounded(x, "min7", tg.minimum(x.lazy, 7), np.minimum(x.plain, 7), x.atol)
    if kind == "cast":
        return _float(x)
    return _bounded(x, "add3", x.lazy + 3, x.plain + 3, x.atol)


def binary(draw, x, pool):
    others = [y for y in pool if y.plain.ndim <= x.plain.ndim and all(
        n in (1, m) for n, m in zip(y.plain.shape[::-1], x.plain.shape[::-1]))]
    y = draw.pick(others)
    atol = 2 * max(x.atol, y.atol)
    name = draw.pick(["add", "subtract", "maximum", "where"])
    if name == "where" and not atol:
        lazy = tg.where(x.lazy > y.lazy, x.lazy, y.lazy * 2)
        plain = np.where(x.plain > y.plain, x.plain, y.plain * 2)
    else:
        name = "add" if name == "where" else name
        lazy = getattr(tg, name)(x.lazy, y.lazy)
        plain = getattr(np, name)(x.plain, y.plain)
    return _bounded(x, f"{name}[{y.text}]", lazy, plain, atol)


def slicing(draw, x):
    key = []
    for n in x.plain.shape:
        step = draw.pick([1, 1, 2, 3, -1, -2])
        lo = draw.whole(0, max(n // 3, 0))
        hi = draw.whole(min(n, max(lo + 1, n // 2)), n)
        key.append(slice(lo, hi, step) if step > 0 else slice(hi - 1, lo - 1 if lo else None, step))
    if x.plain.ndim > 1 and draw.whole(0, 5) == 0:
        axis = draw.whole(0, x.plain.ndim - 1)
        key[axis] = draw.whole(0, x.plain.shape[axis] - 1)
    key = tuple(key)
    return Pair(x.lazy[key], x.plain[key], x.atol, f"slice{key}({x.text})")


def shuffle(draw, x, pool):
    kind = draw.pick(
        ["transpose", "flip", "broadcast", "concatenate", "stack", "roll", "pad", "reshape", "take",
         "repeat"])
    n = x.plain.ndim
    axis = draw.whole(0, n - 1) if n else 0
    if kind == "transpose":
        axes = tuple(draw.order(n))
        return Pair(tg.transpose(x.lazy, axes), x.plain.transpose(axes),
                    x.atol, f"T{axes}({x.text})")
    if n == 0:
        return x
    if kind == "flip":
        return Pair(tg.flip(x.lazy, axis), np.flip(x.plain, axis), x.atol, f"flip{axis}({x.text})")
    if kind == "broadcast" and n < 4 and x.plain.size * 3 <= CELLS_MAX:
        shape = (3,) + x.plain.shape
        return Pair(tg.broadcast_to(x.lazy, shape), np.broadcast_to(x.plain, shape), x.atol,
                    f"broadcast{shape}({x.text})")
    if kind in ("concatenate", "stack"):
        others = [y for y in pool if y.plain.shape == x.plain.shape]
        y = draw.pick(others)
        if kind == "concatenate":
            part = draw.whole(1, x.plain.shape[axis])
            cut = (slice(None),) * axis + (slice(0, part),)
            return Pair(tg.concatenate([x.lazy, y.lazy[cut]], axis),
                        np.concatenate([x.plain, y.plain[cut]], axis), max(x.atol, y.atol),
                        f"concatenate{axis}[{y.text}[{cut}]]({x.text})")
        if n < 4:
            return Pair(tg.stack([x.lazy, y.lazy], axis), np.stack([x.plain, y.plain], axis),
                        max(x.atol, y.atol), f"stack{axis}[{y.text}]({x.text})")
    if kind == "roll":
        shift = draw.whole(-5, 50)
        return Pair(tg.roll(x.lazy, shift, axis), np.roll(x.plain, shift, axis), x.atol,
                    f"roll{shift, axis}({x.text})")
    if kind == "pad":
        width = [(draw.whole(0, 3), draw.whole(0, 3)) for _ in range(n)]
        mode = draw.pick(["constant", "edge", "wrap", "reflect", "symmetric"])
        if mode == "constant" or min(x.plain.shape) > 4:
            return Pair(tg.pad(x.lazy, width, mode=mode), np.pad(x.plain, width, mode=mode), x.atol,
                        f"pad{width, mode}({x.text})")
    if kind == "reshape":
        shape = (-1,) if n > 1 else (1, -1)
        return Pair(x.lazy.reshape(shape), x.plain.reshape(shape), x.atol,
                    f"reshape{shape}({x.text})")
    if kind == "take":
        seed = draw.whole(0, 99)
        at = np.random.default_rng(seed).integers(0, x.plain.shape[axis], 1 + seed)
        if x.plain.size // x.plain.shape[axis] * len(at) <= CELLS_MAX:
            return Pair(tg.take(x.lazy, at, axis=axis), np.take(x.plain, at, axis=axis), x.atol,
                        f"take{seed, axis}({x.text})")
    if kind == "repeat" and x.plain.size * 2 <= CELLS_MAX:
        return Pair(tg.repeat(x.lazy, 2, axis), np.repeat(x.plain, 2, axis), x.atol,
                    f"repeat{axis}({x.text})")
    return x


def stencil(draw, x):
    n = x.plain.ndim
    if n == 0 or x.plain.size == 0:
        return x
    x = _float(x)
    mode = draw.pick(MODES)
    name = draw.pick([name for name, op in STENCILS.items() if hasattr(tg.ndimage, op)])
    size = tuple(draw.whole(1, 4) for _ in range(n))
    big = float(np.max(np.abs(x.plain), initial=1.0))
    text = f"{name}[{mode},{size}]({x.text})"
    if name in ("uniform", "minimum", "maximum", "median"):
        if name == "median" and np.prod(size) * x.plain.size > 2_000_000:
            size = (1,) * n
        fn = STENCILS[name]
        atol = 1e-11 * big if name == "uniform" else 0.0
        # One axis more: SciPy's median of one axis reads beyond arrays shorter than its window.
        want = getattr(ndi, fn)(x.plain[np.newaxis], size=(1, *size), mode=mode)[0]
        return Pair(getattr(tg.ndimage, fn)(x.lazy, size=size, mode=mode), want,
                    max(x.atol, atol), text)
    if name == "gaussian":
        sigma = [draw.pick([0.0, 0.5, 1.0]) for _ in range(n)]
        return Pair(tg.ndimage.gaussian_filter(x.lazy, sigma, mode=mode),
                    ndi.gaussian_filter(x.plain, sigma, mode=mode), x.atol + 1e-11 * big,
                    f"gaussian{sigma}[{mode}]({x.text})")
    seed = draw.whole(0, 9)
    if name == "correlate":
        weights = np.random.default_rng(seed).integers(-2, 3, size).astype("float64")
        if weights.size * x.plain.size > 4_000_000:
            return x
        return Pair(tg.ndimage.correlate(x.lazy, weights, mode=mode),
                    ndi.correlate(x.plain, weights, mode=mode), x.atol * 2 * weights.size,
                    f"correlate{seed}{size}[{mode}]({x.text})")
    axis = draw.whole(0, n - 1)
    if name in ("minimum1d", "maximum1d"):
        fn = STENCILS[name]
        return Pair(getattr(tg.ndimage, fn)(x.lazy, 1 + seed, axis=axis, mode=mode),
                    getattr(ndi, fn)(x.plain, 1 + seed, axis=axis, mode=mode), x.atol,
                    f"{fn}{seed, axis}[{mode}]({x.text})")
    weights = np.random.default_rng(seed).integers(-2, 3, 1 + seed % 5).astype("float64")
    return Pair(tg.ndimage.correlate1d(x.lazy, weights, axis, mode=mode),
                ndi.correlate1d(x.plain, weights, axis, mode=mode), x.atol * 10,
                f"correlate1d{seed, axis}[{mode}]({x.text})")


def reduction(draw, x):
    n = x.plain.ndim
    axes = tuple(i for i in range(n) if draw.flip()) if n else ()
    axes = axes or None
    keep = draw.flip()
    name = draw.pick(["sum", "max", "min", "mean", "any", "argmax"])
    if name == "argmax":
        if x.atol or n == 0:
            return x
        axis = draw.whole(0, n - 1)
        return Pair(tg.argmax(x.lazy, axis=axis), np.argmax(x.plain, axis=axis), 0.0,
                    f"argmax{axis}({x.text})")
    if name == "any":
        if x.atol:
            return x
        return _bounded(x, f"any{axes}", tg.any(x.lazy > 3, axis=axes, keepdims=keep),
                        np.any(x.plain > 3, axis=axes, keepdims=keep))
    wide = x.plain.size * float(np.max(np.abs(x.plain), initial=1.0))
    atol = {"sum": x.atol * x.plain.size, "mean": x.atol + 1e-12 * wide}.get(name, x.atol)
    return Pair(getattr(tg, name)(x.lazy, axis=axes, keepdims=keep),
                getattr(np, name)(x.plain, axis=axes, keepdims=keep), atol,
                f"{name}{axes, keep}({x.text})")


def scan(draw, x):
    n = x.plain.ndim
    if n == 0:
        return x
    axis = draw.whole(0, n - 1)
    if draw.flip() or x.atol:
        if x.plain.shape[axis] < 2 or x.plain.dtype.kind == "u":
            return x
        return Pair(tg.diff(x.lazy, axis=axis), np.diff(x.plain, axis=axis), 2 * x.atol,
                    f"diff{axis}({x.text})")
    return Pair(tg.cumsum(x.lazy, axis=axis), np.cumsum(x.plain, axis=axis), 0.0,
                f"cumsum{axis}({x.text})")


def label(draw, x):
    """Of blocks: how much memory many small objects take is not known when planning."""
    if x.atol or x.plain.ndim == 0:
        return x
    level = draw.whole(2, 6)
    seed = draw.whole(0, 99)
    side = int(np.ceil(4096 ** (1 / x.plain.ndim)))
    blocks = np.random.default_rng(seed).integers(0, 9, [-(-n // side) for n in x.plain.shape])
    for axis, n in enumerate(x.plain.shape):
        blocks = blocks.repeat(side, axis)[(slice(None),) * axis + (slice(0, n),)]
    lazy, count = tg.ndimage.label(x.lazy * 0 + tg.from_array(blocks) > level)
    plain, want = ndi.label(blocks > level)
    assert int(count.compute() if hasattr(count, "compute") else count) == want
    return Pair(lazy, plain, 0.0, f"label{level, seed}({x.text})")


def leaf(draw, stores):
    if draw.whole(0, 2) == 0:
        plain, path = draw.pick(stores)
        return Pair(tg.open(path), plain, 0.0, "store")
    ndim = draw.whole(1, 3)
    side = {1: 250_000, 2: 500, 3: 63}[ndim]
    shape = tuple(draw.whole(max(side // 4, 1), side) for _ in range(ndim))
    dtype = draw.pick(["float64", "float64", "int32", "int64", "uint8"])
    seed = draw.whole(0, 99)
    plain = np.random.default_rng(seed).integers(0, 9, shape).astype(dtype)
    chunks = tuple(draw.whole(max(n // 7, 1), n) for n in shape)
    return Pair(tg.from_array(plain, chunks), plain, 0.0, f"memory{seed}")


def step(draw, pool):
    x = draw.pick(pool[-4:])
    kind = draw.pick(["unary", "binary", "binary", "slice", "shuffle", "shuffle",
                                 "stencil", "stencil", "stencil", "reduce", "scan", "label"])
    y = {
        "unary": lambda: unary(draw, x),
        "binary": lambda: binary(draw, x, pool),
        "slice": lambda: slicing(draw, x),
        "shuffle": lambda: shuffle(draw, x, pool),
        "stencil": lambda: stencil(draw, x),
        "reduce": lambda: reduction(draw, x),
        "scan": lambda: scan(draw, x),
        "label": lambda: label(draw, x),
    }[kind]()
    if 0 < y.plain.size <= CELLS_MAX * 2 and np.max(np.abs(y.plain)) < 1e11:
        pool.append(y)


def run(compute, limit, threads):
    """Computes under a limit, or under the least that errors name: of the planner, and then, where
    the need depends on the data and was estimated too low, the one that is enough for any."""
    with tg.config.set(memory_limit=limit, threads=threads), tg.diagnostics.Profiler() as profile:
        for named in (r"set memory_limit to ([0-9.]+) MiB or more",
                      r"depends on the data: a memory_limit of ([0-9.]+) MiB is enough", None):
            try:
                got = compute()
                break
            except MemoryError as error:
                found = named and re.search(named, str(error))
                if not found:
                    raise
                limit = int(float(found[1]) * 2**20) + 1
                tg.config.set(memory_limit=limit)
                profile.clear()
    assert profile.peak_bytes <= limit
    return got


def check(wanted, limit, threads):
    got = run(lambda: tg.compute(*[p.lazy for p in wanted]), limit, threads)
    for value, pair in zip(got, wanted):
        same(value, pair.plain, atol=pair.atol, context=f"{pair}, {threads} threads, {limit}")


def expression(draw, stores):
    """A few wanted arrays of one random expression."""
    pool = [leaf(draw, stores) for _ in range(draw.whole(1, 2))]
    for _ in range(draw.whole(1, 9)):
        step(draw, pool)
    return pool[-draw.whole(1, 3):]


@settings(max_examples=1200)
@given(st.randoms(use_true_random=False))
def test_random_expressions(stores, random):
    """Any expression, any limit: the values of NumPy, and never more memory than the limit."""
    draw = Draw(random)
    wanted = expression(draw, stores)
    limit = draw.pick([LIMIT_MIN, LIMIT_MIN, 3 << 20, 6 << 20, 1 << 28])
    check(wanted, limit, draw.whole(1, 4))


@settings(max_examples=500)
@given(st.randoms(use_true_random=False))
def test_random_expressions_into_stores(stores, tmp_path_factory, random):
    """A store asks for tiles that are its chunks, whatever those of the expression are."""
    draw = Draw(random)
    pair = expression(draw, stores)[-1]
    chunks = tuple(draw.whole(max(n // 5, 1), n) for n in pair.plain.shape)
    path = tmp_path_factory.mktemp("saved") / "x.zarr"
    limit = draw.pick([LIMIT_MIN, LIMIT_MIN, 6 << 20])
    threads = draw.whole(1, 4)
    run(lambda: tg.save(pair.lazy, path, chunks=chunks, codec="none", overwrite=True), limit,
        threads)
    with tg.config.set(memory_limit=1 << 28):
        same(tg.open(path), pair.plain, atol=pair.atol, context=f"{pair} in {chunks}, {limit}")


def test_computations_at_once():
    """Several threads of Python compute in one session."""
    plain = np.arange(600_000.0).reshape(600, 1000)
    failures = []

    def work(number):
        try:
            for _ in range(5):
                x = tg.from_array(plain, (100, 1000)) + number
                total, part = tg.compute(x.sum(), x[::7, 3])
                same(total, (plain + number).sum(), rtol=1e-12)
                same(part, plain[::7, 3] + number)
        except Exception as error:  # shown by the thread that waits
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def enough(message):
    """Bytes that the message of a MemoryError says would do."""
    found = re.search(r"(?:set memory_limit to|a memory_limit of) ([0-9.]+) MiB", message)
    assert found, message
    return f"{found[1]} MiB"


def checkerboard(shape):
    return (np.indices(shape).sum(0) % 2).astype("uint8")


@pytest.mark.parametrize("wanted", [
    lambda x, cells: x[x >= 0],
    lambda x, cells: x[x % 1000 == 0],
    lambda x, cells: tg.ndimage.label(cells)[0],
    lambda x, cells: tg.ndimage.label(cells, np.zeros((3, 3, 3)) + (np.indices((3, 3, 3)) == 1)
                                      .all(0))[1],
    lambda x, cells: tg.ndimage.sum_labels(cells, tg.arange(cells.size).reshape(cells.shape),
                                           np.arange(9)),
    lambda x, cells: tg.ndimage.gaussian_filter(x.reshape((512, 512)), 3),
    lambda x, cells: x.reshape((512, 512)).T.sum(0),
], ids=["mask-all", "mask-few", "label-checkerboard", "label-single-cells", "measure", "filter",
        "transposed-sum"])
def test_the_limit_that_is_said_to_be_enough_is(wanted):
    """A limit that is too small says what would do, and that does, whatever the data."""
    x = tg.arange(1 << 18, dtype="float64", chunks=1 << 14)
    cells = tg.from_array(checkerboard((32, 64, 64)), (16, 32, 32))
    lazy = wanted(x, cells)
    with tg.config.set(memory_limit=1 << 28):
        plain = lazy.compute()
    limit = 1 << 20
    for _ in range(3):  # first for the plan, then for any data
        with tg.config.set(memory_limit=limit):
            try:
                same(lazy.compute(), plain)
                break
            except MemoryError as error:
                limit = enough(str(error))
    else:
        pytest.fail(f"{limit} was not enough")


def test_many_at_once_near_the_limit():
    """Computations that only fit one by one wait for each other; none fails."""
    plain = np.random.default_rng(0).normal(size=(700, 700))
    x = tg.from_array(plain, (100, 700))
    want = (plain * 2).sum()
    with tg.config.set(memory_limit="1 MiB"), pytest.raises(MemoryError) as caught:
        (x * 2).compute()
    failures = []

    def work():
        try:
            for _ in range(10):
                same((x * 2).compute().sum(), want, rtol=1e-12)
        except Exception as error:
            failures.append(error)

    with tg.config.set(memory_limit=enough(str(caught.value))):
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures, failures[0]


def test_computing_inside_a_function_near_the_limit():
    """There a computation cannot wait for memory: it fits into what is left, or says so."""
    inner = tg.ones((1 << 19,)) * 2  # 4 MiB

    def nested(block):
        return block + inner.compute()[0]

    lazy = tg.map_blocks(nested, tg.zeros((1 << 19,), chunks=1 << 16), dtype="float64")
    with tg.config.set(memory_limit="64 MiB"):
        assert (lazy.compute() == 2).all()
    with tg.config.set(memory_limit="7 MiB"):
        with pytest.raises(MemoryError, match="cannot wait for memory"):
            lazy.compute()
        assert (inner.compute() == 2).all()


MULTIPROCESSING = """
import multiprocessing, sys
import tilegraph as tg
def work(n):
    return float(tg.arange(n, chunks=10).sum().compute())
if __name__ == "__main__":
    assert work(100) == 4950  # the session has threads
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        assert pool.map(work, [10, 100, 1000]) == [45, 4950, 499500]
    assert work(10) == 45
    print("end")
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_after_use(tmp_path, method):
    script = tmp_path / "script.py"
    script.write_text(MULTIPROCESSING)
    done = subprocess.run([sys.executable, str(script), method], capture_output=True, text=True,
                          timeout=100)
    assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr


def filled(value):
    return tg.from_array(np.full((16, 16), float(value)), chunks=(8, 8))


def test_many_targets_end():
    """256 targets filled the planner's table of nodes, and looking for the next one never ended."""
    base = filled(1)
    results = tg.compute(*[base + i for i in range(600)])
    assert all((result == i + 1).all() for i, result in enumerate(results))


def test_stack_of_computed_arrays():
    """Pictures that are cheap to compute all joined the stack's stage, more than one may have."""
    stack = tg.stack([(filled(i) + i) * 2 for i in range(1000)]).compute()
    assert (stack == np.arange(1000).reshape(-1, 1, 1) * 4).all()


def test_group_with_many_inputs():
    """A chain of where() with a mask and a value each had more inputs than a group has room for."""
    n = 124
    low, high = [filled(i) for i in range(n)], [filled(i + 0.5) for i in range(n)]
    values = [filled(i + 1) for i in range(n)]
    result = tg.ndimage.gaussian_filter(filled(5), 1)
    for mask, value in zip([a < b for a, b in zip(low, high)], values):
        result = tg.where(mask, result, value)
    assert np.allclose(result.compute(), 5)
