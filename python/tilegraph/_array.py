# SPDX-License-Identifier: BSD-3-Clause
"""The lazy array that users hold: NumPy's look, one C node behind it."""

import math
import operator

import numpy as np

from . import _build, _optable
from ._engine import ffi, lib, text
from ._params import dtype_name
from .errors import TgLimitError, TgTypeError, TgValueError

__all__ = ["Array"]

#: Chunks along one axis of which `chunks` lists the sizes; only regular ones are so many.
_LISTED_MAX = 1 << 26


class Array:
    """A lazy N-d array. Nothing is computed before `compute`, `to_zarr` and their like.

    Arrays are made by `from_array`, `open`, `zeros`, ... and by all functions of this package.
    They are immutable, know shape, dtype and chunks, and cost about a microsecond each.
    """

    __slots__ = ("__weakref__", "_chunks", "_ptr", "_shape")
    __hash__ = object.__hash__
    __array_priority__ = 100

    def __init__(self, *args, **kwargs):
        raise TgTypeError("Array is not made by its class; use tilegraph.from_array, open, zeros")

    @classmethod
    def _wrap(cls, ptr):
        self = object.__new__(cls)
        self._ptr = ptr
        self._shape = self._chunks = None
        return self

    # --- what it is ----------------------------------------------------------------------------

    @property
    def shape(self):
        """Lengths of the axes; nan for a length that is not known before computing."""
        if self._shape is None:
            lengths = lib.tg_array_shape(self._ptr)
            ndim = lib.tg_array_ndim(self._ptr)
            self._shape = tuple(n if n >= 0 else math.nan for n in lengths[0:ndim]) if ndim else ()
        return self._shape

    @property
    def ndim(self):
        """Number of axes."""
        return lib.tg_array_ndim(self._ptr)

    @property
    def dtype(self):
        """Element type."""
        return _DTYPES[lib.tg_array_dtype(self._ptr)]

    @property
    def size(self):
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def itemsize(self):
        """Bytes of one element."""
        return self.dtype.itemsize

    @property
    def nbytes(self):
        """Bytes that the computed array has."""
        return self.size * self.itemsize

    @property
    def chunks(self):
        """Chunk sizes along each axis, as a tuple of tuples."""
        if self._chunks is None:
            self._chunks = tuple(self._axis_chunks(axis) for axis in range(self.ndim))
        return self._chunks

    def _axis_chunks(self, axis):
        count = lib.tg_array_chunk_count(self._ptr, axis)
        if count <= 0:
            return (self.shape[axis],)
        if count > _LISTED_MAX:
            raise TgLimitError(f"chunks: {count} chunks along axis {axis} are too many for a "
                               "tuple; chunksize and numblocks say the same")
        sizes = ffi.new("int64_t[]", count)
        lib.tg_array_chunk_sizes(self._ptr, axis, sizes, count)
        return tuple(sizes)

    def _chunk_count(self, axis):
        return max(lib.tg_array_chunk_count(self._ptr, axis), 1)

    def _chunk_edge(self, axis):
        """The largest chunk size along an axis."""
        if self._chunk_count(axis) <= _LISTED_MAX:
            return max(self._axis_chunks(axis), default=0)
        first = ffi.new("int64_t[1]")  # so many are regular: none is larger than the first
        lib.tg_array_chunk_sizes(self._ptr, axis, first, 1)
        return first[0]

    @property
    def chunksize(self):
        """The largest chunk size along each axis."""
        return tuple(self._chunk_edge(axis) for axis in range(self.ndim))

    @property
    def numblocks(self):
        """Number of chunks along each axis."""
        return tuple(self._chunk_count(axis) for axis in range(self.ndim))

    @property
    def npartitions(self):
        """Number of chunks."""
        return math.prod(self.numblocks)

    @property
    def name(self):
        """A name that only this expression has in this process."""
        return f"{text(lib.tg_array_op(self._ptr))}-{lib.tg_array_id(self._ptr)}"

    @property
    def T(self):  # noqa: N802 (NumPy's name)
        """The array with its axes reversed."""
        return self.transpose()

    @property
    def mT(self):  # noqa: N802 (the array API's name)
        """The array with its last two axes swapped."""
        if self.ndim < 2:
            raise TgValueError("matrix transpose with ndim < 2 is undefined")
        return self.transpose(*range(self.ndim - 2), self.ndim - 1, self.ndim - 2)

    @property
    def real(self):
        """The real part."""
        return _optable.function("real")(self)

    @property
    def imag(self):
        """The imaginary part."""
        return _optable.function("imag")(self)

    @property
    def device(self):
        """Of the array API: always "cpu"."""
        return "cpu"

    def to_device(self, device, /, *, stream=None):
        """Of the array API: only "cpu" is there."""
        if device != "cpu":
            raise TgValueError(f"unsupported device {device!r}; arrays are on 'cpu'")
        return self

    def __repr__(self):
        op = text(lib.tg_array_op(self._ptr))
        uri = text(lib.tg_array_uri(self._ptr))
        where = f" {uri!r}" if uri else ""
        chunks = f"({', '.join(map(str, self.chunksize))}{',' if self.ndim == 1 else ''})"
        return (f"tilegraph.Array<{op}{where}, shape={self.shape}, dtype={self.dtype}, "
                f"chunks={chunks}>")

    def _repr_html_(self):
        from ._repr import array_html

        return array_html(self)

    # --- shape and type ------------------------------------------------------------------------

    def astype(self, dtype, order="K", casting="unsafe", subok=True, copy=True):
        """Converted to another dtype; refused if `casting` does not allow that."""
        dtype = np.dtype(dtype_name(dtype, "astype: dtype: "))
        if not np.can_cast(self.dtype, dtype, casting):
            raise TgTypeError(f"Cannot cast array data from {self.dtype!r} to {dtype!r} "
                              f"according to the rule {casting!r}")
        return _optable.function("astype")(self, dtype)

    def reshape(self, *shape, order="C"):
        """With another shape; one length may be -1."""
        if order != "C":
            raise TgValueError(f"reshape: only order='C' is supported, got {order!r}")
        if len(shape) == 1 and np.ndim(shape[0]):
            shape = tuple(shape[0])
        return _optable.function("reshape")(self, shape)

    def transpose(self, *axes):
        """With its axes permuted; reversed when none are given."""
        if len(axes) == 1 and (axes[0] is None or np.ndim(axes[0])):
            axes = axes[0]
        return _optable.function("transpose")(self, axes or None)

    def flatten(self, order="C"):
        """As one axis."""
        return self.reshape(-1, order=order)

    def ravel(self, order="C"):
        """As one axis."""
        return self.reshape(-1, order=order)

    def compress(self, condition, axis=None, out=None):
        """The slices along an axis where a condition is true."""
        from ._select import compress

        return compress(condition, self, axis, out)

    def swapaxes(self, axis1, axis2):
        """With two axes exchanged."""
        return _optable.function("swapaxes")(self, axis1, axis2)

    def rechunk(self, chunks="auto"):
        """With other chunks: "auto", a size, a tuple, a dict of axes, or Dask's tuple of tuples."""
        from ._layout import rechunk

        return rechunk(self, chunks)

    def copy(self):
        """The array itself: it is immutable."""
        return self

    def conj(self):
        """The complex conjugate."""
        return _optable.function("conjugate")(self)

    conjugate = conj

    def clip(self, min=None, max=None, out=None):
        """With values limited to [min, max]."""
        from ._extra import clip

        return clip(self, min, max, out)

    def view(self, dtype, order="C"):
        """The same bytes as elements of another dtype of the same size."""
        dtype = np.dtype(dtype)
        if dtype.itemsize != self.itemsize:
            raise TgValueError(f"view: {dtype} has {dtype.itemsize} bytes, {self.dtype} has "
                               f"{self.itemsize}; only a dtype of the same size is supported")
        return self.map_blocks(lambda block: block.view(dtype), dtype=dtype)

    @property
    def blocks(self):
        """The array indexed by whole chunks: x.blocks[1, :2]."""
        from ._blocks import Blocks

        return Blocks(self)

    partitions = blocks

    # --- computing -----------------------------------------------------------------------------

    def compute(self):
        """Computes the array: a NumPy array, or a NumPy scalar when it has no axes."""
        from ._run import compute

        return compute(self)[0]

    def persist(self):
        """Computes the array and keeps the result in memory, as a lazy array again."""
        from ._run import persist

        return persist(self)[0]

    def store(self, target, **options):
        """Writes the array into anything with __setitem__; see `tilegraph.store`."""
        from ._run import store

        return store(self, target, **options)

    def to_zarr(self, path, **options):
        """Writes a Zarr array; see `tilegraph.to_zarr` for the options."""
        from ._run import to_zarr

        return to_zarr(self, path, **options)

    def to_dask(self, chunks="auto"):
        """The array as a Dask collection, for a cluster of dask.distributed that runs already.

            with dask.distributed.Client(address) as client:
                mean, smooth = dask.compute(x.mean().to_dask(), y.to_dask())
                kept = client.persist(y.to_dask())         in the memory of the workers
                y.to_dask().to_array()[::2].sum().compute()    on with Dask's own functions

        One task of Dask's per super-chunk: whole chunks of the array that are put together until
        they are about 32 MiB and at most 256; or `chunks`, as `rechunk` takes them. A task opens
        the sources in its worker and computes its super-chunk natively, with as many threads as the
        worker has and half of its memory; TG_THREADS and TG_MEMORY_LIMIT on the worker change that.

        Tasks share nothing: each computes all that its super-chunk needs, for a filter a halo more,
        but for what depends on the whole array (a label, a division by the mean) the whole again.
        Compute such an array once, with `to_zarr`, and go on from there.

        Files must have the same path on all hosts. Arrays in memory travel with the tasks, up to 16
        MiB each; functions of `map_blocks` are pickled by cloudpickle, and what cannot be is a
        TgUnsupportedError here.
        """
        from ._dask import to_dask

        return to_dask(self, chunks)

    def explain(self):
        """What computing the array would do: tasks, memory, bytes read and written."""
        from ._explain import explain

        return explain(self)

    def visualize(self, filename=None, format=None):  # noqa: A002 (Dask's name)
        """A picture of the stages; see `tilegraph.visualize`."""
        from ._explain import visualize

        return visualize(self, filename=filename, format=format)

    def map_blocks(self, func, *args, **kwargs):
        """Applies a function to each chunk; see `tilegraph.map_blocks`."""
        from ._map import map_blocks

        return map_blocks(func, self, *args, **kwargs)

    def map_overlap(self, func, depth, *args, **kwargs):
        """Applies a function to each chunk and its surroundings; see `tilegraph.map_overlap`."""
        from ._map import map_overlap

        return map_overlap(func, self, *args, depth=depth, **kwargs)

    # --- Python's protocols --------------------------------------------------------------------

    def _item(self, kind):
        if self.size != 1:
            raise TgTypeError(f"only arrays of one element can be made a {kind}; "
                              f"this one has shape {self.shape}")
        return np.asarray(self.compute()).reshape(())[()]

    def __bool__(self):
        if self.size != 1:
            raise TgValueError("The truth value of an array with more than one element is "
                               "ambiguous. Use a.any() or a.all()")
        return bool(self._item("bool"))

    def __int__(self):
        return int(self._item("int"))

    def __float__(self):
        return float(self._item("float"))

    def __complex__(self):
        return complex(self._item("complex"))

    def __index__(self):
        if self.ndim or self.dtype.kind not in "iu":
            raise TgTypeError("only integer scalar arrays can be converted to a scalar index")
        return operator.index(self._item("index"))

    def item(self, *place):
        """The only element, or that at a place, as a Python number."""
        if not place:
            return self._item("number").item()
        flat = len(place) == 1 and not isinstance(place[0], tuple)
        return (self.reshape(-1)[place[0]] if flat else
                self[place[0] if len(place) == 1 else place]).item()

    def tolist(self):
        """The computed array as nested lists."""
        return self.compute().tolist()

    def __len__(self):
        if not self.ndim:
            raise TgTypeError("len() of unsized object")
        return operator.index(self.shape[0])

    def __iter__(self):
        if not self.ndim:
            raise TgTypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __contains__(self, value):
        return bool((self == value).any())

    def __getitem__(self, index):
        from ._indexing import getitem

        return getitem(self, index)

    def __setitem__(self, index, value):
        raise TgTypeError("arrays are immutable; make a new one, for example with tilegraph.where")

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        raise TgTypeError("a lazy array cannot be pickled; compute it, or save it with to_zarr")

    # --- NumPy's protocols ---------------------------------------------------------------------

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise TgValueError("a lazy array has to be computed: no NumPy array without a copy")
        array = np.asarray(self.compute())
        return array if dtype is None else array.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        from ._protocols import array_ufunc

        return array_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func, types, args, kwargs):
        from ._protocols import array_function

        return array_function(func, types, args, kwargs)

    def __array_namespace__(self, *, api_version=None):
        import tilegraph

        return tilegraph

    def __dlpack__(self, **kwargs):
        return np.asarray(self.compute()).__dlpack__(**kwargs)

    def __dlpack_device__(self):
        return (1, 0)  # kDLCPU

    # --- operators -----------------------------------------------------------------------------

    def __neg__(self):
        return _optable.function("negative")(self)

    def __pos__(self):
        return _optable.function("positive")(self)

    def __abs__(self):
        return _optable.function("absolute")(self)

    def __invert__(self):
        return _optable.function("invert")(self)

    def __round__(self, ndigits=0):
        return self.round(ndigits or 0)

    def __divmod__(self, other):
        return self // other, self % other

    def __rdivmod__(self, other):
        return other // self, other % self


def _binary(op, reflected=False):
    def forward(self, other):
        if not _build.is_convertible(other):
            return NotImplemented
        return _build.apply(op, (self, other))

    def backward(self, other):
        if not _build.is_convertible(other):
            return NotImplemented
        return _build.apply(op, (other, self))

    return backward if reflected else forward


for _name, _op in (
    ("add", "add"), ("sub", "subtract"), ("mul", "multiply"), ("truediv", "divide"),
    ("floordiv", "floor_divide"), ("mod", "remainder"), ("pow", "power"), ("matmul", "matmul"),
    ("and", "bitwise_and"), ("or", "bitwise_or"), ("xor", "bitwise_xor"),
    ("lshift", "left_shift"), ("rshift", "right_shift"),
):
    setattr(Array, f"__{_name}__", _binary(_op))
    setattr(Array, f"__r{_name}__", _binary(_op, reflected=True))
for _name, _op in (
    ("lt", "less"), ("le", "less_equal"), ("gt", "greater"), ("ge", "greater_equal"),
    ("eq", "equal"), ("ne", "not_equal"),
):
    setattr(Array, f"__{_name}__", _binary(_op))


class _Method:
    """A method made from the op of that name, when it is first asked for."""

    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __get__(self, instance, owner=None):
        import tilegraph

        function = getattr(tilegraph, self.name)
        return function if instance is None else function.__get__(instance)


#: Methods that are the function of the same name with the array in front.
METHODS = (
    "all", "any", "argmax", "argmin", "argsort", "argtopk", "choose", "count_nonzero", "cumprod",
    "cumsum", "diagonal", "dot", "max", "mean", "min", "nonzero", "prod", "ptp", "repeat",
    "round", "searchsorted", "sort", "squeeze", "std", "sum", "take", "topk", "trace", "var",
)
for _name in METHODS:
    setattr(Array, _name, _Method(_name))
del _name, _op

#: NumPy's dtype for each tg_dtype.
_DTYPES = [None] + [
    np.dtype(text(lib.tg_dtype_name(code))) for code in range(1, lib.TG_DT_COUNT)
]
_build._array_class = Array
