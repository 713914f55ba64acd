# SPDX-License-Identifier: BSD-3-Clause
"""Every op that is a NumPy ufunc, against NumPy: dtypes, layouts, chunkings, special values."""

import warnings

import numpy as np
import pytest
from support import ALL, LAYOUTS, chunkings, layout, same, values

import tilegraph as tg
from tilegraph import _optable

warnings.simplefilter("ignore", RuntimeWarning)

UFUNCS = sorted(
    name for name in _optable.names("")
    if isinstance(getattr(np, name, None), np.ufunc)
    and getattr(np, name).signature is None  # matmul is none of these
)
COVERS = set(UFUNCS) | {"where", "clip", "astype", "real", "imag", "isclose", "angle", "round",
                        "nan_to_num", "isneginf", "isposinf", "i0", "sinc", "iscomplex", "isreal"}

# Those that NumPy itself rounds from the exact result; ours are within a few units of the last
# place of it.
EXACT = {
    "absolute", "add", "bitwise_and", "bitwise_or", "bitwise_xor", "ceil", "conjugate", "copysign",
    "divide", "equal", "fabs", "floor", "fmax", "fmin", "gcd", "greater", "greater_equal",
    "heaviside", "invert", "isfinite", "isinf", "isnan", "lcm", "left_shift", "less", "less_equal",
    "logical_and", "logical_not", "logical_or", "logical_xor", "maximum", "minimum", "multiply",
    "negative", "nextafter", "not_equal", "positive", "right_shift", "rint", "sign", "signbit",
    "spacing", "sqrt", "square", "subtract", "trunc", "floor_divide", "remainder", "fmod",
}
TOLERANCE = {"float16": 2e-3, "float32": 4e-6, "float64": 1e-14, "complex64": 1e-5,
             "complex128": 1e-12}


def tolerance(name, dtype):
    if name in EXACT:
        return 0.0
    return TOLERANCE.get(dtype.name, 0.0)


def operands(name, dtype, shape, special=True):
    """One or two arrays that suit a ufunc."""
    count = getattr(np, name).nin
    arrays = [values(shape, dtype, seed, special) for seed in range(count)]
    if name in ("left_shift", "right_shift"):
        arrays[1] = (arrays[1] & 7).astype(dtype) if np.dtype(dtype).kind in "iu" else arrays[1]
    if name in ("power", "float_power") and np.dtype(dtype).kind in "iu":
        arrays[1] = (arrays[1].astype("int64") & 3).astype(dtype)
    if name == "spacing":  # of negative numbers it depends on the version of NumPy
        arrays = [np.where(a > 0, a, 1).astype(dtype) for a in arrays]
    if name in ("power", "float_power") and np.dtype(dtype).kind == "c":
        arrays = [values(shape, dtype, seed, special=False) for seed in range(count)]
    return arrays


def check(name, arrays, chunks="auto"):
    """Ours equals NumPy's, or both refuse the dtypes."""
    ufunc = getattr(np, name)
    with np.errstate(all="ignore"):
        try:
            want = ufunc(*arrays)
        except TypeError:
            with pytest.raises(TypeError):
                getattr(tg, name)(*arrays)
            return
    got = getattr(tg, name)(*[tg.from_array(a, chunks) for a in arrays])
    rtol = tolerance(name, want.dtype)
    if any(a.dtype.kind == "c" for a in arrays):
        rtol = TOLERANCE.get(want.dtype.name, 0.0)
    # Complex functions lose the small part to rounding of the large one, sums of logarithms all.
    atol = rtol * 30 if want.dtype.kind == "c" or name.startswith("log") else 0.0
    same(got, want, rtol, atol, f"{name} of {[str(a.dtype) for a in arrays]}")


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("name", UFUNCS)
def test_values(name, dtype):
    special = not (np.dtype(dtype).kind == "c")
    arrays = operands(name, dtype, (7, 53), special)
    if name in ("floor_divide", "remainder", "fmod", "divide") and np.dtype(dtype).kind == "f":
        arrays[0][0, :3] = [1, -1, 0]
        arrays[1][0, :3] = 0
    check(name, arrays)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod"])
def test_remainders_of_hostile_floats(name, dtype):
    """Quotients that round to the next whole number, huge ones, subnormals, zeros, NaN."""
    random = np.random.default_rng(5)
    info = np.finfo(dtype)
    # A whole number of times the divisor and its neighbours, in groups that stay or leave the quick
    # way together.
    for exponent in (1, 8, info.nmant - 2, info.nmant, info.nmant + 3, 60):
        divisor = (random.uniform(-10, 10, 4099) * 2.0 ** random.integers(-9, 9)).astype(dtype)
        times = np.floor(random.uniform(0, 2.0**exponent, 4099))
        product = (divisor * times).astype(dtype)
        for dividend in (product, np.nextafter(product, np.asarray(0, dtype)),
                         np.nextafter(product, np.asarray(np.inf, dtype))):
            check(name, [dividend.astype(dtype), divisor])
    tiny = (random.integers(1, 999, 611) * float(info.smallest_subnormal)).astype(dtype)
    check(name, [tiny, tiny[::-1].copy()])
    check(name, [tiny, np.full(611, 1.5, dtype)])
    special = np.array([0, -0.0, 1, -1, 3.5, info.max, -info.max, info.tiny, np.inf, -np.inf,
                        np.nan], dtype)
    for divisor in special:
        check(name, [special, np.full(len(special), divisor, dtype)])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64", "uint64"])
@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod"])
def test_integers_by_one_number(name, dtype):
    """By one divisor for all, 0 and the extremes too, the smallest number by -1 among them."""
    info = np.iinfo(dtype)
    ends = np.array([info.min, info.min + 1, info.max, info.max - 1], dtype)
    numbers = np.concatenate([np.arange(0, 128).astype(dtype), values((999,), dtype), ends])
    for divisor in {0, 1, 2, 3, 7, 10, 64, 100, 127, info.max, info.max - 1, info.min} | (
            {-1, -2, -3, -7, -128, info.min + 1} if info.min < 0 else set()):
        with np.errstate(all="ignore"):
            want = getattr(np, name)(numbers, np.asarray(divisor, dtype))
        same(getattr(tg, name)(tg.from_array(numbers), divisor), want, 0, 0, f"{name} {divisor}")


@pytest.mark.parametrize("name", UFUNCS)
def test_layouts_and_chunks(name):
    dtype = "float32"
    if name in ("bitwise_and", "bitwise_or", "bitwise_xor", "invert", "left_shift", "right_shift",
                "gcd", "lcm"):
        dtype = "int32"
    for kind in LAYOUTS:
        arrays = [layout(a, kind) for a in operands(name, dtype, (5, 6, 11))]
        for chunks in chunkings((5, 6, 11)):
            check(name, arrays, chunks)
    for shape in ((), (0,), (1,), (3, 0, 2), (1, 1, 1)):
        check(name, operands(name, dtype, shape))


MIXED = [n for n in ("add", "subtract", "multiply", "divide", "maximum", "less", "floor_divide",
                     "power", "arctan2", "copysign", "equal") if n in UFUNCS]


@pytest.mark.parametrize("name", MIXED)
def test_mixed_dtypes_and_broadcasting(name):
    for a in ALL[::2] + ["float16"]:
        for b in ALL[1::2]:
            if name == "power" and "int" in b:
                continue
            x, y = values((4, 1, 5), a, 1, False), values((3, 1), b, 2, False)
            check(name, [x, y], "auto")


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float16", "float32", "complex64", "bool"])
def test_python_numbers_are_weak(dtype):
    x = values((13,), dtype, special=False)
    lazy = tg.from_array(x)
    for number in (2, 2.5, True, 1 + 2j):
        same(lazy + number, x + number, 1e-6)
        same(number * lazy, number * x, 1e-6)
    same(lazy + np.float64(2), x + np.float64(2), 1e-6)
    same(lazy + np.int64(2), x + np.int64(2), 1e-6)
    if dtype == "uint8":
        with pytest.raises(OverflowError):
            lazy + 300
        with pytest.raises(OverflowError):
            lazy + -1


def test_operators():
    a, b = values((6, 7), "int32", 1, False), values((6, 7), "int32", 2, False) | 1
    x, y = tg.from_array(a, (2, 3)), tg.from_array(b, (4, 4))
    same(x + y, a + b)
    same(x - 3, a - 3)
    same(3 - x, 3 - a)
    same(x * y, a * b)
    same(x / y, a / b)
    same(x // y, a // b)
    same(x % y, a % b)
    same(5 // y, 5 // b)
    same(x ** 2, a ** 2)
    same(x & y, a & b)
    same(x | 1, a | 1)
    same(1 ^ x, 1 ^ a)
    same(x << 2, a << 2)
    same(x >> 2, a >> 2)
    same(-x, -a)
    same(+x, +a)
    same(abs(x), abs(a))
    same(~x, ~a)
    same(x < y, a < b)
    same(x >= 3, a >= 3)
    same(x == y, a == b)
    same(x != y, a != b)
    same(a + y, a + b)
    same(a < y, a < b)
    for got, want in zip(divmod(x, y), divmod(a, b)):
        same(got, want)
    for got, want in zip(divmod(7, y), divmod(7, b)):
        same(got, want)
    assert (x == None) is False  # noqa: E711
    with pytest.raises(TypeError):
        x + None


@pytest.mark.parametrize("source", ALL)
def test_astype(source):
    x = values((40,), source, special=False)
    for target in ALL:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Out of range floats to integers are undefined in C; NumPy says nothing about them.
            y = x
            if np.dtype(target).kind in "iu" and np.dtype(source).kind in "fc":
                y = np.abs(x.real).astype(source)
            same(tg.from_array(y).astype(target), y.astype(target), context=f"{source}->{target}")


def test_where():
    a, b = values((5, 8), "float32", 1), values((5, 8), "int16", 2)
    mask = values((5, 1), "bool", 3)
    same(tg.where(tg.from_array(mask), tg.from_array(a, 3), b), np.where(mask, a, b))
    same(tg.where(mask, tg.from_array(a, 3), 0), np.where(mask, a, np.float32(0)))
    same(np.where(tg.from_array(mask), a, b), np.where(mask, a, b))


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32", "float64"])
def test_clip(dtype):
    a = values((9, 10), dtype)
    x = tg.from_array(a, 4)
    same(tg.clip(x, 2, 5), np.clip(a, 2, 5))
    same(x.clip(3), a.clip(3))
    same(x.clip(max=3), a.clip(max=3))
    same(np.clip(x, 1, 7), np.clip(a, 1, 7))


@pytest.mark.parametrize("dtype", ALL)
def test_parts_of_complex_numbers(dtype):
    a = values((9, 4), dtype, special=False)
    x = tg.from_array(a)
    same(x.real, a.real)
    same(x.imag, a.imag)
    if dtype != "bool":
        same(x.conj(), a.conj())


def test_round():
    a = values((50,), "float64", special=False) * 100
    same(tg.from_array(a).round(), a.round())
    same(tg.from_array(a).round(2), a.round(2), 1e-15)
    same(round(tg.from_array(a)), a.round())
    same(tg.from_array(np.arange(5)).round(), np.arange(5))


EXTRA = ["isclose", "angle", "nan_to_num", "isneginf", "isposinf", "i0", "sinc", "iscomplex",
         "isreal"]


@pytest.mark.parametrize("name", [n for n in EXTRA if n in _optable.names("")])
def test_functions_that_are_no_ufuncs(name):
    a = values((4, 9), "float64", 5)
    args = (a, a + 1e-9) if name == "isclose" else (a,)
    with np.errstate(all="ignore"):
        same(getattr(tg, name)(*[tg.from_array(x, 3) for x in args]), getattr(np, name)(*args),
             1e-13)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_scalar_wider_than_the_results(shape):
    """A scalar is spread over a strip of its own, whose length is that of the widest operand."""
    small = np.arange(40_000, dtype="uint8").reshape(40, 1000)
    wide = np.full(shape, 7 + 0j)
    ours = (tg.from_array(small) == tg.from_array(wide)) & (tg.from_array(small) < 9)
    np.testing.assert_array_equal(ours.compute(), (small == wide) & (small < 9))
