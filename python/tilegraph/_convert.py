# SPDX-License-Identifier: BSD-3-Clause
"""Arrays from memory and from stores."""

import os

import numpy as np

from . import _build
from ._array import Array
from ._engine import check, ffi, lib, text
from ._params import dtype_name, normal_chunks, path_text

__all__ = ["asanyarray", "asarray", "describe", "from_array", "from_dlpack", "from_zarr", "open"]


def from_array(x, chunks="auto"):
    """An array over memory: a NumPy array of any layout, or anything NumPy can make one of.

    The memory is not copied, whatever its strides, and is kept alive. It must not change as long
    as the array or anything made from it is in use.

    chunks: "auto", one size for all axes, a tuple with one size per axis (-1: the whole axis), or
    a tuple of tuples with all sizes, as in Dask.
    """
    if isinstance(x, Array):
        return x if isinstance(chunks, str) and chunks == "auto" else x.rechunk(chunks)
    array = _build.as_numpy(x)
    if isinstance(chunks, tuple) and len(chunks) == array.ndim:
        # An axis without cells has chunks without cells.
        chunks = tuple(-1 if c == 0 and not n else c for c, n in zip(chunks, array.shape))
    edges, sizes = normal_chunks("from_array", chunks, array.shape)
    if sizes is not None:
        return _build.from_numpy(array).rechunk(sizes)
    if edges is not None:
        edges = edges * array.ndim if len(edges) == 1 else edges
        edges = [n if e < 0 else min(e, max(n, 1)) for e, n in zip(edges, array.shape)]
        edges = [max(e, 1) for e in edges]
    return _build.from_numpy(array, edges)


def asarray(x, dtype=None, *, chunks="auto", copy=None):
    """An array of anything: itself, or a lazy one over memory (see `from_array`)."""
    if not isinstance(x, Array):
        if dtype is not None and not isinstance(x, np.ndarray):
            x = np.asarray(x, np.dtype(dtype_name(dtype, "asarray: dtype: ")))
        x = from_array(np.array(x) if copy else x, chunks)
    return x if dtype is None or x.dtype == np.dtype(dtype) else x.astype(dtype)


def asanyarray(x, dtype=None, *, chunks="auto"):
    """The same as `asarray`."""
    return asarray(x, dtype, chunks=chunks)


def from_dlpack(x, /, *, chunks="auto"):
    """An array over the memory of an object with `__dlpack__`."""
    return from_array(np.from_dlpack(x), chunks)


def open(path, chunks=None):  # noqa: A001 (the name is part of the interface)
    """Opens an array in a file or store: Zarr, TIFF (one file, or a folder of them), NumPy, NIfTI
    (axes as nibabel's, values scaled as its dataobj).

    Reads metadata only. chunks: other chunks than the stored ones.
    """
    array = _build.open_path(path_text("open", path))
    return array if chunks is None else array.rechunk(chunks)


def describe(path):
    """What is stored at a path, as a dict: "format", "kind", "shape", "dtype", "chunks", "codec",
    "attributes" (of NIfTI the affine and the rest of its header), ...; what `tg info` prints."""
    import json  # tilegraph is imported faster without it

    out, err = ffi.new("char **"), ffi.new("tg_error *")
    check(lib.tg_describe(path_text("describe", path).encode(), out, err), err)
    try:
        return json.loads(text(out[0]))
    finally:
        lib.tg_text_free(out[0])


def from_zarr(path, component=None, chunks=None):
    """Opens a Zarr array, version 2 or 3. component: path of the array inside a group."""
    path = path_text("from_zarr", path)
    if component:
        path = os.path.join(path, component)
    return open(path, chunks)
