# SPDX-License-Identifier: BSD-3-Clause
"""The child process in which functions run: python -m tilegraph._child PARENT MEMORY_LIMIT

worker/child/talk.h says what is said here; worker/child/child.c is the other side. No session is
opened, unless a function computes something itself.
"""

import contextlib
import ctypes
import faulthandler
import mmap
import os
import resource
import signal
import socket
import struct
import sys

import numpy as np

from ._array import _DTYPES
from ._call import Call, failure

_SOCKET = 3
_MAGIC = 0x31436774
_DEFINE, _CALL, _READY, _DONE, _FAILED = range(1, 6)
_REQUEST = struct.Struct("=IIQQQQII")  # magic verb serial memory_bytes size text_max place fresh
_ANSWER = struct.Struct("=IIQQQ")  # magic verb serial text_bytes kept
_LISTS = 6
_PR_SET_PDEATHSIG = 1


class Child:
    """What there is between one request and the next."""

    def __init__(self, channel):
        self.channel = channel
        self.memory = None  # what is shared
        self.calls = {}  # by place

    def serve(self):
        """Until the other side closes."""
        self.answer(_READY, 0)
        while True:
            data, fds, _, _ = socket.recv_fds(self.channel, _REQUEST.size, 1)
            if len(data) != _REQUEST.size:
                return
            _, verb, serial, memory_bytes, size, text_max, place, fresh = _REQUEST.unpack(data)
            if fresh:
                self.memory = mmap.mmap(fds[0], memory_bytes)
                os.close(fds[0])
            text = self.define(place, size, text_max) if verb == _DEFINE else self.call(
                place, size, text_max)
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):  # the function may have closed it
                    stream.flush()
            # Ours, and that of the call to getrefcount; any other is of an array that was kept.
            kept = sys.getrefcount(self.memory) > 2
            if text is None:
                self.answer(_DONE, serial, kept=kept)
            else:
                self.memory[:len(text)] = text
                self.answer(_FAILED, serial, len(text), kept)

    def answer(self, verb, serial, text_bytes=0, kept=False):
        self.channel.send(_ANSWER.pack(_MAGIC, verb, serial, text_bytes, kept))

    def define(self, place, size, text_max):
        self.calls.pop(place, None)
        try:
            self.calls[place] = Call.unpack(self.memory[:size])
        except BaseException as error:  # whatever importing a user's module does
            return failure(error, "the function cannot be loaded", text_max)
        return None

    def call(self, place, words, text_max):
        call = self.calls[place]
        out, *inputs = self.blocks(words)
        try:
            call.fill(out.array(self.memory), [block.array(self.memory) for block in inputs],
                      out.info, [block.info for block in inputs])
        except BaseException as error:  # SystemExit too: it belongs to who computes
            return failure(error, f"{call.name} failed on block {out.index}", text_max)
        return None

    def blocks(self, words):
        """The result's block, and those of the inputs."""
        numbers = list(struct.unpack_from(f"={words}q", self.memory))
        at = 1
        for _ in range(numbers[0] + 1):
            block = Block(numbers, at)
            at = block.end
            yield block


class Block:
    """One block of a request."""

    def __init__(self, numbers, at):
        code, ndim, self.offset, _ = numbers[at:at + 4]
        self.dtype = _DTYPES[code]
        at += 4
        lists = []
        for _ in range(_LISTS):
            lists.append(tuple(numbers[at:at + ndim]))
            at += ndim
        self.end = at
        self.shape, self.whole, self.count, self.index, self.lo, self.hi = lists

    def array(self, memory):
        """The block itself, in the memory that is shared."""
        return np.ndarray(self.shape, self.dtype, memory, self.offset)

    def info(self):
        """One entry of Dask's block_info."""
        return {
            "shape": self.whole, "num-chunks": self.count,
            "array-location": list(zip(self.lo, self.hi)), "chunk-location": self.index,
        }


def main(parent, memory_limit):
    """Never returns in an orphan."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Also when a function holds the interpreter for ever: then nobody would see the socket close.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    if memory_limit:
        resource.setrlimit(resource.RLIMIT_AS, (memory_limit, memory_limit))
    faulthandler.enable()
    sys.stdout.reconfigure(line_buffering=True)
    channel = socket.socket(fileno=_SOCKET)
    channel.set_inheritable(False)  # the functions' own children do not keep it open
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        Child(channel).serve()
    os._exit(0)  # a function's threads and exit handlers do not keep us


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
