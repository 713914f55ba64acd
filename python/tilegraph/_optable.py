# SPDX-License-Identifier: BSD-3-Clause
"""Python functions made from the C library's table of ops.

Each op of the table becomes a real function with a signature and a docstring, made when it is first
asked for: `import tilegraph` pays for none of them. python/make_stubs.py writes the same signatures
into the type stubs.
"""

import math

import numpy as np

from . import _params
from ._build import apply
from ._engine import ffi, lib, text
from .errors import TgTypeError

__all__ = ["Op", "function", "names", "op"]

#: Order of positional parameters where NumPy or SciPy mix arrays and numbers, which the table keeps
#: apart. Names that an op does not have are passed over, its other parameters follow.
ORDER = {
    "binary_closing": "input structure iterations output origin mask border_value brute_force axes",
    "binary_dilation": "input structure iterations mask output border_value origin brute_force "
                       "axes",
    "binary_erosion": "input structure iterations mask output border_value origin brute_force axes",
    "binary_fill_holes": "input structure output origin axes",
    "binary_opening": "input structure iterations output origin mask border_value brute_force axes",
    "black_tophat": "input size footprint structure output mode cval origin axes",
    "clip": "a a_min a_max",
    "convolve": "input weights output mode cval origin axes",
    "correlate": "input weights output mode cval origin axes",
    "grey_closing": "input size footprint structure output mode cval origin axes",
    "grey_dilation": "input size footprint structure output mode cval origin axes",
    "grey_erosion": "input size footprint structure output mode cval origin axes",
    "grey_opening": "input size footprint structure output mode cval origin axes",
    "maximum_filter": "input size footprint output mode cval origin axes",
    "median_filter": "input size footprint output mode cval origin axes",
    "minimum_filter": "input size footprint output mode cval origin axes",
    "morphological_gradient": "input size footprint structure output mode cval origin axes",
    "morphological_laplace": "input size footprint structure output mode cval origin axes",
    "percentile_filter": "input percentile size footprint output mode cval origin axes",
    "rank_filter": "input rank size footprint output mode cval origin axes",
    "take": "a indices axis mode",
    "white_tophat": "input size footprint structure output mode cval origin axes",
}


class Param:
    """One parameter of an op."""

    __slots__ = ("choices", "fallback", "is_list", "kind", "name", "required", "summary")

    def __init__(self, info):
        self.name = text(info.name)
        self.kind = info.kind
        self.is_list = info.is_list
        self.required = info.required
        self.fallback = text(info.fallback) or "None"
        self.choices = text(info.choices)
        self.summary = text(info.summary)


class Op:
    """One line of the table."""

    __slots__ = ("args", "index", "module", "name", "nargs_max", "nargs_min", "params", "summary")

    def __init__(self, index, info):
        self.index = index
        self.name = text(info.name)
        self.module = text(info.module)
        self.summary = text(info.summary)
        self.args = [name for name in text(info.arg_names).split("|") if name]
        self.nargs_min = info.nargs_min
        self.nargs_max = info.nargs_max
        self.params = []
        param = ffi.new("tg_param_info *")
        for i in range(info.nparams):
            lib.tg_op_get_param(index, i, param)
            self.params.append(Param(param))

    @property
    def is_variadic(self):
        """The last argument is a sequence of arrays: concatenate((a, b, ...))."""
        return self.nargs_max > len(self.args) > 0

    @property
    def is_ufunc(self):
        """NumPy has a universal function of this name, so it has its keywords."""
        return self.module == "" and not self.params and isinstance(
            getattr(np, self.name, None), np.ufunc)

    def signature(self):
        """Pairs (name, default as Python writes it or None), in NumPy's and SciPy's order."""
        defaults = {}
        for i, name in enumerate(self.args):
            variadic = self.is_variadic and i == len(self.args) - 1
            defaults[name] = None if i < self.nargs_min or variadic else "None"
        for param in self.params:
            if param.name not in _params.HIDDEN:
                defaults[param.name] = None if param.required else param.fallback
        order = [name for name in ORDER.get(self.name, "").split() if name in defaults]
        order += [name for name in defaults if name not in order]
        # A parameter without a default cannot follow one that has it.
        order.sort(key=lambda name: defaults[name] is not None)
        return [(name, defaults[name]) for name in order]


_ops = None


def _table():
    global _ops
    if _ops is None:
        found = {}
        info = ffi.new("tg_op_info *")
        for index in range(lib.tg_op_count()):
            lib.tg_op_get(index, info)
            # Only names now: what a line says is read when it is asked for.
            found[text(info.name)] = (text(info.module), index)
        _ops = found
    return _ops


def names(module=None):
    """Names of the ops of a module: "" for tilegraph itself, "ndimage", "_" for internal ones."""
    return [name for name, (where, _) in _table().items() if module is None or where == module]


_read = {}


def op(name):
    """The line of the table with that name; KeyError when there is none."""
    if name not in _read:
        info = ffi.new("tg_op_info *")
        index = _table()[name][1]
        lib.tg_op_get(index, info)
        _read[name] = Op(index, info)
    return _read[name]


def has(name, module):
    return _table().get(name, (None, 0))[0] == module


_made = {}


def function(name):
    """The function of an op."""
    if name not in _made:
        _made[name] = _make(op(name))
    return _made[name]


#: What NumPy's universal functions take by keyword.
KEYWORDS = 'out=None, where=True, casting="same_kind", order="K", dtype=None'


def _make(line):
    pairs = line.signature()
    head = ", ".join(name if default is None else f"{name}={default}" for name, default in pairs)
    if line.is_ufunc:
        return _make_ufunc(line, head)
    arrays = "".join(f"{name}, " for name in line.args)
    values = "".join(
        f"{p.name}, " for p in line.params if p.name not in _params.HIDDEN
    )
    is_filter = line.module == "ndimage" and any(p.name == "output" for p in line.params)
    source = f"def {line.name}({head}):\n    return _call(_op, ({arrays}), ({values}))\n"
    space = {"_call": _filter if is_filter else build, "_op": line, "inf": math.inf,
             "nan": math.nan, "pi": math.pi}
    exec(compile(source, f"<tilegraph op {line.name}>", "exec"), space)
    return _dress(space[line.name], line)


def _dress(made, line):
    made.__module__ = "tilegraph" + ("." + line.module if line.module.isidentifier() else "")
    made.__qualname__ = line.name
    made.__doc__ = document(line, line.signature())
    return made


def _make_ufunc(line, head):
    source = (f"def {line.name}({head}, /, out=None, *, {KEYWORDS.partition(', ')[2]}):\n"
              f"    return _call(_name, ({', '.join(line.args)},), out, where, casting, dtype)\n")
    space = {"_call": call_ufunc, "_name": line.name}
    exec(compile(source, f"<tilegraph op {line.name}>", "exec"), space)
    return _dress(space[line.name], line)


def call_ufunc(name, inputs, out=None, where=True, casting="same_kind", dtype=None):
    """A universal function, with NumPy's keywords."""
    _params.refuse_out(name, out)
    if where is not True:
        raise TgTypeError(f"{name}: where= is not supported, it leaves cells without a value; use "
                          "tilegraph.where(mask, result, other)")
    if dtype is not None:
        inputs = [_cast(name, i, x, dtype, casting) for i, x in enumerate(inputs)]
    return apply(name, inputs)


def _cast(name, place, x, dtype, casting):
    from ._convert import asarray

    known = isinstance(x, (bool, int, float, complex)) or np.can_cast(
        asarray(x).dtype, dtype, casting)
    if not known:
        raise TgTypeError(f"Cannot cast ufunc '{name}' input {place} from {asarray(x).dtype!r} to "
                          f"{np.dtype(dtype)!r} with casting rule {casting!r}")
    return asarray(x).astype(dtype)


def document(line, pairs):
    """The docstring of an op, in NumPy's form."""
    params = {p.name: p for p in line.params}
    lines = [line.summary, ""]
    if pairs:
        lines += ["Parameters", "----------"]
    for name, default in pairs:
        optional = "" if default is None else f", default {default}"
        if name not in params:
            kind = "sequence of array_like" if line.is_variadic and name == line.args[-1] else (
                "array_like")
            lines.append(f"{name} : {kind}{optional}")
            continue
        param = params[name]
        lines.append(f"{name} : {_params.describe(param)}{optional}")
        if param.summary:
            lines.append(f"    {param.summary[0].upper()}{param.summary[1:]}.")
    lines += ["", "Returns", "-------", "tilegraph.Array", "    Lazy: nothing is computed yet."]
    return "\n".join(lines) + "\n"


def _filter(line, arrays, values):
    from . import _filters

    return _filters.call(line, arrays, values)


def build(line, arrays, values):
    """Builds an op from the arguments of its Python function."""
    args = list(arrays)
    if line.is_variadic:
        args[-1:] = _params.sequence(line.name, line.args[-1], args[-1])
    while len(args) > line.nargs_min and args[-1] is None:
        args.pop()
    for i, arg in enumerate(args):
        if arg is None:
            args[i] = _params.missing(line.name, line.args[min(i, len(line.args) - 1)], args)
    visible = [p for p in line.params if p.name not in _params.HIDDEN]
    return apply(line.name, args, _params.encode(line, zip(visible, values)))
