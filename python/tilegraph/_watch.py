# SPDX-License-Identifier: BSD-3-Clause
"""Who is told about computations: the progress bars and profilers that are active.

A watcher has three methods, called in the thread that computes: `_start(computation)`,
`_tick(computation)` about twenty times a second, and `_finish(computation, error)`.
"""

_watchers = []


def active():
    """The active watchers, the outermost first."""
    return tuple(_watchers)


def profilers():
    """Those that are also told of the ends of what is computed beside the program: in any thread,
    with only `_finish`."""
    return tuple(watcher for watcher in _watchers if watcher.beside)


def add(watcher):
    _watchers.append(watcher)


def remove(watcher):
    _watchers.remove(watcher)
