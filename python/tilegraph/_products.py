# SPDX-License-Identifier: BSD-3-Clause
"""Products of arrays, and sums of them: by composition of ops."""

import operator

import numpy as np

from . import _build, _optable, _params
from ._convert import asarray
from .errors import TgTypeError, TgValueError

__all__ = [
    "corrcoef", "cov", "cross", "einsum", "inner", "kron", "tensordot", "vdot",
]


def tensordot(a, b, axes=2):
    """Sum of products over pairs of axes: the last ones of a with the first ones of b, or those of
    two sequences."""
    if hasattr(axes, "__index__"):
        return _build.apply("tensordot", (a, b), [_params.ints("tensordot", "axes", [axes])])
    if np.ndim(axes) == 0 or len(axes) != 2:
        raise TgTypeError(f"tensordot: axes must be a number or two sequences, got {axes!r}")
    pairs = [list(side) if np.ndim(side) else [side] for side in axes]
    if len(pairs[0]) != len(pairs[1]):
        raise TgValueError(f"tensordot: {len(pairs[0])} axes of a for {len(pairs[1])} of b")
    if not pairs[0]:
        return tensordot(a, b, 0)
    return _build.apply("tensordot", (a, b), [
        _params.ints("tensordot", "axes_a", pairs[0]),
        _params.ints("tensordot", "axes_b", pairs[1]),
    ])


def _labels(subscripts, operands):
    """The letters of each operand and of the result of einsum; ellipses as capital letters."""
    if not isinstance(subscripts, str):
        raise TgTypeError("einsum: subscripts must be a string such as 'ij,jk->ik'")
    terms, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = terms.split(",")
    if len(terms) != len(operands):
        raise TgValueError(f"einsum: {len(terms)} terms of subscripts for {len(operands)} operands")
    spare = [letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if letter not in subscripts]
    filled, most = [], 0
    for term, operand in zip(terms, operands):
        hidden = operand.ndim - len(term.replace("...", ""))
        if hidden < 0 or (hidden and "..." not in term):
            raise TgValueError(f"einsum: operand has {operand.ndim} axes for subscripts {term!r}")
        most = max(most, hidden)
        filled.append(term.replace("...", "".join(spare[:hidden][::-1])))
    rest = "".join(spare[:most][::-1])
    if arrow:
        result = result.replace("...", rest)
    else:
        letters = "".join(filled)
        result = rest + "".join(sorted(x for x in set(letters) - set(rest)
                                       if letters.count(x) == 1))
    if len(set(result)) != len(result) or not set(result) <= set("".join(filled)):
        raise TgValueError(f"einsum: output subscripts {result!r} must be different letters of "
                           "the operands")
    return filled, result


def _no_repeats(labels, x):
    """Takes diagonals until each letter stands once."""
    from ._create import diagonal

    for letter in labels:
        while labels.count(letter) > 1:
            one = labels.index(letter)
            two = labels.index(letter, one + 1)
            if x.shape[one] != x.shape[two]:
                raise TgValueError(f"einsum: dimensions of {letter!r} differ: {x.shape[one]} and "
                                   f"{x.shape[two]}")
            x = diagonal(x, 0, one, two)
            labels = labels[:one] + labels[one + 1:two] + labels[two + 1:] + letter
    return labels, x


def _contract(one, two, keep):
    """Two labelled arrays as one; letters that nobody else wants are summed over."""
    (p, x), (q, y) = one, two
    shared = [c for c in p if c in q]
    if not any(c in keep for c in shared) and all(
            x.shape[p.index(c)] == y.shape[q.index(c)] for c in shared):
        made = tensordot(x, y, ([p.index(c) for c in shared], [q.index(c) for c in shared]))
        return "".join(c for c in p + q if c not in shared), made
    letters = p + "".join(c for c in q if c not in p)
    both = []
    for labels, array in ((p, x), (q, y)):
        array = array.transpose([labels.index(c) for c in letters if c in labels])
        both.append(array[tuple(slice(None) if c in labels else None for c in letters)])
    return letters, both[0] * both[1]


def einsum(subscripts, *operands, dtype=None, optimize=False, split_every=None):
    """Sums of products by Einstein's convention: einsum("ij,jk->ik", a, b). optimize and
    split_every say nothing: operands are taken from left to right."""
    operands = [asarray(x) for x in operands]
    kind = np.dtype(dtype or np.result_type(*[x.dtype for x in operands]))
    labels, result = _labels(subscripts, operands)
    parts = [_no_repeats(p, x.astype(kind)) for p, x in zip(labels, operands)]
    part = parts[0]
    for i, other in enumerate(parts[1:], 1):
        part = _contract(part, other, result + "".join(p for p, _ in parts[i + 1:]))
    letters, x = part
    x = x.sum(tuple(i for i, c in enumerate(letters) if c not in result), dtype=kind) if set(
        letters) - set(result) else x
    letters = [c for c in letters if c in result]
    return x.transpose([letters.index(c) for c in result]) if result else x


def vdot(a, b):
    """The sum of products of all elements, the first ones conjugated."""
    return _build.apply("dot", (asarray(a).reshape(-1).conj(), asarray(b).reshape(-1)))


def inner(a, b, /):
    """Sums of products over the last axes."""
    a, b = asarray(a), asarray(b)
    if not a.ndim or not b.ndim:
        return a * b
    if a.shape[-1] != b.shape[-1]:
        raise TgValueError(f"shapes {a.shape} and {b.shape} not aligned: {a.shape[-1]} (dim "
                           f"{a.ndim - 1}) != {b.shape[-1]} (dim {b.ndim - 1})")
    return tensordot(a, b, ((-1,), (-1,)))


def kron(a, b):
    """The product of each element of a with all of b, in blocks."""
    a, b = asarray(a), asarray(b)
    count = max(a.ndim, b.ndim)
    a = a.reshape((1,) * (count - a.ndim) + a.shape)
    b = b.reshape((1,) * (count - b.ndim) + b.shape)
    spread = (a.reshape([m for n in a.shape for m in (n, 1)])
              * b.reshape([m for n in b.shape for m in (1, n)]))
    return spread.reshape([m * n for m, n in zip(a.shape, b.shape)])


def cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """The vector product of vectors of three."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a = _optable.function("moveaxis")(a, axisa, -1)
    b = _optable.function("moveaxis")(b, axisb, -1)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise TgValueError("Both input arrays must be (arrays of) 3-dimensional vectors, but they "
                           f"are {a.shape[-1]} and {b.shape[-1]} dimensional instead.")
    parts = [a[..., i] * b[..., j] - a[..., j] * b[..., i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return _optable.function("stack")(parts, axisc)


def cov(m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None, *,
        dtype=None):
    """The matrix of covariances of the rows, each a variable."""
    if ddof is not None and ddof != int(ddof):
        raise TgValueError("ddof must be integer")
    m = asarray(m)
    if m.ndim > 2:
        raise TgValueError("m has more than 2 dimensions")
    if y is not None and np.ndim(y) > 2:
        raise TgValueError("y has more than 2 dimensions")
    kind = np.result_type(m.dtype, float, *([] if y is None else [asarray(y).dtype]))
    rows = []
    for x in [m] if y is None else [m, asarray(y)]:
        turned = not rowvar and x.ndim == 2
        x = _optable.function("atleast_2d")(x).astype(dtype or kind)
        rows.append(x.T if turned else x)
    x = rows[0] if len(rows) == 1 else _optable.function("concatenate")(rows, 0)
    ddof = (0 if bias else 1) if ddof is None else operator.index(ddof)
    weights = _weights(fweights, aweights, x.shape[1])
    if weights is None:
        x = x - x.mean(1, keepdims=True)
        made = (x @ x.T.conj()) / max(x.shape[1] - ddof, 0)
    else:
        total = weights.sum()
        x = x - (x * weights).sum(1, keepdims=True) / total
        lost = ddof if aweights is None else ddof * (weights * aweights).sum() / total
        made = (x @ (x * weights).T.conj()) / max(total - lost, 0)
    return made.reshape(()) if made.shape == (1, 1) else made


def _weights(fweights, aweights, count):
    """The product of both kinds of weights of observations, in memory; None: there are none."""
    given = {"fweights": fweights, "aweights": aweights}
    product = None
    for name, weights in given.items():
        if weights is None:
            continue
        weights = np.asarray(weights, float)
        if name == "fweights" and (weights != np.around(weights)).any():
            raise TgTypeError("fweights must be integer")
        if weights.ndim > 1:
            raise TgValueError(f"cannot handle multidimensional {name}")
        if weights.shape != (count,):
            raise TgValueError(f"incompatible numbers of samples and {name}")
        if (weights < 0).any():
            raise TgValueError(f"{name} cannot be negative")
        product = weights if product is None else product * weights
    return product


def corrcoef(x, y=None, rowvar=True, *, dtype=None):
    """The matrix of correlations of the rows, each a variable."""
    c = cov(x, y, rowvar, dtype=dtype)
    if not c.ndim:
        return c / c
    from ._create import diagonal

    deviation = _build.apply("sqrt", (diagonal(c).real,))
    c = c / deviation[:, None] / deviation[None, :]
    return c if c.dtype.kind == "c" else c.clip(-1, 1)
