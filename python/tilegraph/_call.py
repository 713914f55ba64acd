# SPDX-License-Identifier: BSD-3-Clause
"""A user's function with what it is called with: the same in this process and in a child.

A call travels as a pickle in a pickle: outside the name, so that whoever cannot unpickle the
function itself (a module is missing) can still say which one it was.
"""

import ast
import contextlib
import os
import pickle
import sys
import traceback

import numpy as np

from .errors import TgTypeError, TgUnsupportedError, TgValueError

__all__ = ["Call", "FailedThere", "MARK", "dumps", "failure", "loads", "rebuild"]

#: Stands round what only programs read in a message.
MARK = "\N{INVISIBLE SEPARATOR}"
_NAME_MAX = 200  # bytes of a name, of 255 that the engine allows


class Call:
    """A function with what it is called with."""

    def __init__(self, op, func, args, places, kwargs, hidden):
        """args: all that are not arrays; places: where among them the blocks go; hidden: there is
        one block that the function does not get."""
        self.op = op
        self.func = func
        name = getattr(func, "__qualname__", None) or getattr(func, "__name__", repr(func))
        self.name = name.encode(errors="replace")[:_NAME_MAX].decode(errors="ignore")
        self.args = [None if i in places else arg for i, arg in enumerate(args)]
        self.places = places
        self.kwargs = kwargs
        self.hidden = hidden
        self.dtype = None
        self.wants_id = _takes(func, "block_id") and "block_id" not in kwargs
        self.wants_info = _takes(func, "block_info") and "block_info" not in kwargs

    def run(self, blocks, block_id, block_info):
        """What the function makes of the blocks; block_id and block_info: functions of nothing."""
        args = list(self.args)
        for place, block in zip(self.places, blocks):
            args[place] = block
        kwargs = self.kwargs
        if self.wants_id or self.wants_info:
            kwargs = dict(kwargs)
            if self.wants_id:
                kwargs["block_id"] = block_id()
            if self.wants_info:
                kwargs["block_info"] = block_info()
        return self.func(*args, **kwargs)

    def fill(self, target, blocks, out, inputs):
        """Runs on blocks and writes the result. out, inputs: block_info of the result and of each
        input, as functions that make it."""
        if not self.hidden:
            for block in blocks:
                block.flags.writeable = False

        def info():
            found = {place: inputs[i]() for i, place in enumerate(self.places)}
            found[None] = {**out(), "chunk-shape": target.shape, "dtype": self.dtype}
            return found

        result = self.run([] if self.hidden else blocks, lambda: out()["chunk-location"], info)
        if isinstance(result, np.ma.MaskedArray):
            raise TgTypeError(f"{self.op}: {self.name} returned a masked array, whose mask would "
                              "be lost; return filled() of it")
        result = np.asarray(result)
        if result.shape != target.shape:
            raise TgValueError(f"{self.op}: {self.name} returned shape {result.shape} for block "
                               f"{out()['chunk-location']}, expected {target.shape}")
        if result.dtype != target.dtype:
            raise TgTypeError(f"{self.op}: {self.name} returned dtype {result.dtype} for block "
                              f"{out()['chunk-location']}, expected {target.dtype}")
        target[...] = result

    def dtype_of(self, blocks, inputs):
        """The dtype of what the function makes of a few cells; inputs: their block_info."""
        for block in blocks:
            block.flags.writeable = False
        lead = max(range(len(blocks)), key=lambda i: blocks[i].ndim)
        out = {**inputs[lead], "chunk-shape": blocks[lead].shape, "dtype": None}
        info = {**dict(zip(self.places, inputs)), None: out}
        result = self.run([] if self.hidden else blocks, lambda: out["chunk-location"],
                          lambda: info)
        return np.asarray(result).dtype

    def pack(self):
        """This call as bytes."""
        inside = (self.op, self.func, self.args, self.places, self.kwargs, self.hidden, self.dtype)
        return pickle.dumps((self.name, dumps(inside, f"{self.op}: {self.name}", self.func)))

    @classmethod
    def unpack(cls, data):
        """The call that was packed."""
        name, inside = pickle.loads(data)
        op, func, args, places, kwargs, hidden, dtype = loads(inside, name)
        call = cls(op, func, args, (), kwargs, hidden)
        call.places, call.name, call.dtype = places, name, dtype
        return call


def dumps(thing, what, function=None):
    """Something as bytes, for another process; `function`: the one that it is about."""
    try:
        import cloudpickle
    except ImportError:
        cloudpickle = pickle
        if getattr(function, "__module__", None) == "__main__":
            raise TgUnsupportedError(
                f"{what} is defined in the program itself, and can be sent to another process only "
                "if cloudpickle is installed") from None
    try:
        return cloudpickle.dumps(thing)
    except Exception as error:
        raise TgUnsupportedError(f"{what} cannot be sent to another process: "
                                 f"{type(error).__name__}: {error}") from error


def loads(data, what):
    """What another process has sent."""
    try:
        return pickle.loads(data)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{what}: module {error.name} is not installed on {os.uname().nodename} for "
            f"{sys.executable}", name=error.name) from error


def _takes(func, name):
    import inspect

    try:
        parameters = inspect.signature(func).parameters
    except (TypeError, ValueError):
        return False
    return name in parameters and parameters[name].kind in (
        inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


# --- exceptions between processes --------------------------------------------------------------


class FailedThere(Exception):
    """The cause of an exception that came from another process: its traceback there."""

    def __str__(self):
        return "\n" + self.args[0]


def failure(error, what, limit):
    """An exception as UTF-8 of at most `limit` bytes: classes and arguments in marks, what
    happened, and as much of the end of its traceback as there is room for."""
    kind = type(error)
    try:
        text = str(error)
    except Exception as broken:  # whatever a user's class does
        text = f"<its text failed: {broken!r}>"
    # Its class, and the built-in one that it is a kind of, should that class not be known here.
    kinds = [kind, *[c for c in kind.__mro__ if c.__module__ == "builtins"][:1]]
    names = "|".join(f"{c.__module__}:{c.__qualname__}" for c in kinds)
    head = (f"{MARK}{names}{MARK}{_literal(error, limit // 3)}{MARK}"
            f"{what}: {kind.__name__}: {text}\n").encode(errors="replace")
    lines = traceback.format_exception(kind, error, _theirs(error.__traceback__))
    tail = "".join(lines).encode(errors="replace")
    room = limit - len(head)
    if len(tail) > room and len(lines) > 1:  # where it was rather than once more what it says
        tail = "".join(lines[:-1]).encode(errors="replace")
    if len(tail) > room:
        tail = tail[len(tail) - max(room, 0):]
        tail = tail[tail.find(b"\n") + 1:]
    return (head + tail)[:limit].decode(errors="ignore").encode()


def _literal(error, limit):
    """What an exception is made from again, as Python writes it; "" when that is not plain."""
    try:
        # Not `args`: of an OSError these lack the file name.
        made, args = error.__reduce__()[:2]
        literal = repr(args)
        if made is not type(error) or len(literal) > limit or ast.literal_eval(literal) != args:
            return ""
    except Exception:  # whatever a user's class does
        return ""
    return literal


def _theirs(trace):
    """A traceback from the user's function on."""
    ours = os.path.dirname(__file__)
    while (trace is not None and trace.tb_next is not None
           and os.path.dirname(trace.tb_frame.f_code.co_filename) == ours):
        trace = trace.tb_next
    return trace


def rebuild(kinds, literal, text):
    """The exception that a message is about, or one of the built-in class that it is a kind of;
    None unless one is known here. Nothing is imported for it, and nothing unpickled: messages come
    from anywhere."""
    first, _, base = kinds.partition("|")
    what, _, trace = text.partition("\n")
    error = None
    if literal:
        with contextlib.suppress(Exception):  # the class is made from other things than it keeps
            error = _known(first)(*ast.literal_eval(literal))
            if str(error) not in text:
                error = None
    if error is None and base not in ("builtins:Exception", "builtins:BaseException"):
        with contextlib.suppress(Exception):
            error = _known(base)(what)
    if isinstance(error, BaseException):
        error.__cause__ = FailedThere(trace or text)
        return error
    return None


def _known(kind):
    module, _, path = kind.partition(":")
    found = sys.modules[module]
    for name in path.split("."):
        found = getattr(found, name)
    if not (isinstance(found, type) and issubclass(found, BaseException)):
        raise TypeError(f"{kind} is no exception")
    return found
