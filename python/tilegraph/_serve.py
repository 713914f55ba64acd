# SPDX-License-Identifier: BSD-3-Clause
"""A notebook that is a cluster: its own process runs the scheduler and one worker."""

import os
import tempfile
import weakref

from . import _children, _engine, config
from ._engine import check, ffi, lib, text

__all__ = ["Server", "serve"]


class Server:
    """What `serve` started: `address`, `join_file`; ends with `close` or its `with` block."""

    def __init__(self, address, join_file, local_directory, result_memory, allow_python):
        options = ffi.new("tg_listen_options *")
        options.struct_size = ffi.sizeof("tg_listen_options")
        keep = []
        for name, value in (("address", address), ("join_file", join_file),
                            ("directory", local_directory)):
            if value is not None:
                keep.append(ffi.new("char[]", os.fsencode(value)))
                setattr(options, name, keep[-1])
        if result_memory is not None:
            options.result_bytes = config.parse("memory_limit", result_memory,
                                                 "serve: result_memory")
        out = ffi.new("tg_listener **")
        err = ffi.new("tg_error *")
        session = _engine.session()
        # Its worker has what the session allows at this moment.
        check(lib.tg_session_set_plan_functions(
            session, _children.in_plans() if allow_python else ffi.NULL, err), err)
        try:
            check(lib.tg_session_listen(session, options, out, err), err)
        finally:
            lib.tg_session_set_plan_functions(session, ffi.NULL, err)
        self.address = text(lib.tg_listener_address(out[0]))
        self.join_file = text(lib.tg_listener_join_file(out[0]))
        self._finalizer = weakref.finalize(self, _close, out[0], os.getpid())

    def close(self):
        """Computes here alone again; what runs is cancelled, and workers are told. Once more does
        nothing."""
        self._finalizer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        state = "" if self._finalizer.alive else ", closed"
        return f"<tilegraph.Server at {self.address}, join file {self.join_file!r}{state}>"


def _close(listener, pid):
    if os.getpid() == pid:  # the threads did not come along into a child
        lib.tg_listener_close(listener)


def serve(address=None, *, join_file=None, local_directory=None, result_memory=None,
          allow_python=None):
    """Makes this process a cluster of its own, that workers can join while something is computed.

        with tg.serve() as server:
            print(server.join_file)         tgworker --cluster FILE, in another terminal
            labels.to_zarr("labels.zarr")   computed here and there

    address: "tcp://host:port" for workers of other hosts (port 0: any free one); by default a
        socket that only this host has.
    join_file: what workers are told: address and keys; by default in a folder of its own.
    local_directory: for tiles that do not fit into memory; by default the system's folder for
        temporary files.
    result_memory: how much of tg.config's memory_limit is for results on their way here; by default
        a quarter. The rest is the worker's. Results that go into stores need none of it.

    allow_python: functions of Python (map_blocks, Client.submit) run here too, in child processes;
        whoever has the join file can then run any code as you. By default without an address, or
        with one of ipc, where only users of this host that may read the join file can connect.

    While it is open, threads and memory_limit stay as they are.
    """
    directory = local_directory if local_directory is not None else tempfile.gettempdir()
    if allow_python is None:
        allow_python = address is None or os.fspath(address).startswith("ipc:")
    return Server(address, join_file, directory, result_memory, allow_python)
