# SPDX-License-Identifier: BSD-3-Clause
"""Functions of map_blocks and map_overlap that leave the process with the expression they are in.

The engine writes an expression with the numbers of the functions it calls; what they are is pickled
here. cloudpickle takes lambdas and functions of the main program too; without it pickle takes those
of modules.
"""

import contextlib

from . import _build
from ._engine import ffi, lend, lib
from ._map import _BLOCK
from .errors import TgTypeError, TgUnsupportedError

__all__ = ["borrowed", "lent", "pickled"]

_FUNCTIONS_MAX = 4096


def borrowed():
    """A tg_functions for the engine to fill, and a function that then gives the _Calls in it."""
    functions = ffi.new("tg_functions *")
    listed = ffi.new("tg_function *[]", _FUNCTIONS_MAX)
    functions.max, functions.list = _FUNCTIONS_MAX, listed
    return functions, lambda: [_call(listed[i]) for i in range(functions.count)]


def _call(function):
    user = ffi.new("void **")
    if lib.tg_block_function_get(function, user) != _BLOCK:
        raise TgUnsupportedError("the array calls a C function of this process, which cannot be "
                                 "sent")
    return ffi.from_handle(user[0])


@contextlib.contextmanager
def lent(calls):
    """A tg_functions of _Calls."""
    functions = ffi.new("tg_functions *")
    made = [lib.tg_block_function_create(_BLOCK, lend(call), _build._RELEASE, 0) for call in calls]
    try:
        listed = ffi.new("tg_function *[]", made or 1)
        functions.count, functions.list = len(made), listed
        yield functions
    finally:
        for function in made:
            lib.tg_block_function_release(function)


def pickled(what, calls):
    """The _Calls as bytes; none for none."""
    try:
        from cloudpickle import dumps
    except ImportError:
        from pickle import dumps
    for call in calls:
        try:
            dumps(call)
        except Exception as error:
            raise TgTypeError(f"{what}: {call.op}: the function {call.name} or what it is called "
                              f"with cannot be pickled: {error}") from error
    return dumps(calls) if calls else b""
