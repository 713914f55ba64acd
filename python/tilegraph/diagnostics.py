# SPDX-License-Identifier: BSD-3-Clause
"""Watching computations: a progress bar, a profiler, and samples of memory and CPU.

    with tg.diagnostics.ProgressBar(), tg.diagnostics.Profiler() as p:
        x.compute()
    p.to_html("timeline.html")

All three are context managers and may be nested in any way.
"""

import os
import sys
import threading
import time
from collections import namedtuple

from . import _watch
from .errors import TgValueError

__all__ = ["Profiler", "ProgressBar", "ResourceProfiler"]


class _Watcher:
    """What _watch.py asks for, doing nothing."""

    beside = False

    def __enter__(self):
        _watch.add(self)
        return self

    def __exit__(self, *exc):
        _watch.remove(self)

    def register(self):
        """Makes it active until `unregister`."""
        self.__enter__()

    def unregister(self):
        """Ends what `register` began."""
        self.__exit__(None, None, None)

    def _start(self, computation):
        pass

    def _tick(self, computation):
        pass

    def _finish(self, computation, error):
        pass


# --- progress ----------------------------------------------------------------------------------


class ProgressBar(_Watcher):
    """Shows how far a computation is.

    A line that is rewritten on a terminal; one cell output in a notebook; elsewhere (a log file)
    one plain line at the end. minimum: seconds before anything is shown. width: characters of the
    bar. out: another file than the standard output.
    """

    _UPDATE_S = 0.25  # four times a second: a saved notebook stays small, an eye sees no more

    def __init__(self, minimum=0, width=40, out=None):
        self._minimum = minimum
        self._width = width
        self._out = out
        self._started = self._shown = 0.0
        self._display = None
        self._visible = False

    def _start(self, computation):
        self._started = time.perf_counter()
        self._shown = 0.0
        self._display = None
        self._visible = False

    def _tick(self, computation):
        now = time.perf_counter()
        if now - self._started < self._minimum or now - self._shown < self._UPDATE_S:
            return
        self._shown = now
        done, tasks = computation.progress()
        self._draw(done / tasks if tasks > 0 else 0.0, "", last=False)

    def _finish(self, computation, error):
        if time.perf_counter() - self._started < self._minimum and not self._visible:
            return
        done, tasks = computation.progress()
        part = done / tasks if tasks > 0 else float(error is None)
        word = "" if error is None else (
            " cancelled" if isinstance(error, KeyboardInterrupt) else " failed")
        self._draw(1.0 if error is None else part, word, last=True)

    def _draw(self, part, word, last):
        seconds = time.perf_counter() - self._started
        if _in_notebook() and self._out is None:
            self._draw_html(part, seconds, word)
            return
        out = self._out or sys.stdout
        full = int(part * self._width)
        line = (f"[{'#' * full}{' ' * (self._width - full)}] | {part:4.0%} Completed | "
                f"{_duration(seconds)}{word}")
        if out.isatty():
            out.write(f"\r{line}" + ("\n" if last else ""))
        elif last:
            out.write(line + "\n")
        out.flush()
        self._visible = True

    def _draw_html(self, part, seconds, word):
        from IPython.display import HTML, display

        page = HTML(
            "<div style='display:flex;align-items:center;gap:8px;font-family:monospace'>"
            "<div style='width:300px;height:14px;border:1px solid #888'>"
            f"<div style='width:{part:.1%};height:100%;background:#4c8cbf'></div></div>"
            f"{part:.0%} completed, {_duration(seconds)}{word}</div>"
        )
        if self._display is None:
            self._display = display(page, display_id=True)
        else:
            self._display.update(page)
        self._visible = True


def _in_notebook():
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"


def _duration(seconds):
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


# --- profile -----------------------------------------------------------------------------------


class Profiler(_Watcher):
    """Measures all computations of its block.

    Afterwards: tasks, peak_bytes, chunks_read, bytes_read, bytes_written as `explain` predicts them
    and chunks_decoded, seconds, plan_seconds; of a cluster also retries (tasks that came back, to
    be done again), bytes_transferred (of tiles that one process had from another) and bytes_spilled
    (to disk), which are 0 in one process. peak_bytes is the largest of all computations, on a
    cluster that of the worker with the largest; the others are sums. The timeline is recorded by
    the engine in any case, on a cluster with the threads of all workers; `to_html`,
    `to_chrome_trace` and `to_text` export that of one computation: the longest, or the one whose
    number is given. The computations, and with them their results in memory, are kept as long as
    the profiler. What `Client.compute` and `persist` begin in the block is measured when its future
    ends; calls of functions (`submit`, `map`) are not.
    """

    beside = True
    _SUMS = ("tasks", "chunks_read", "chunks_decoded", "bytes_read", "bytes_written", "seconds",
             "plan_seconds", "retries", "bytes_transferred", "bytes_spilled")

    def __init__(self):
        self.clear()

    def clear(self):
        """Forgets all computations."""
        self.computations = []
        self.peak_bytes = 0
        for name in self._SUMS:
            setattr(self, name, 0)

    def __enter__(self):
        self.clear()
        return super().__enter__()

    def _finish(self, computation, error):
        report = computation.report()
        for name in self._SUMS:
            setattr(self, name, getattr(self, name) + getattr(report, name))
        self.peak_bytes = max(self.peak_bytes, report.peak_bytes)
        self.computations.append(computation)

    def _export(self, kind, number):
        if not self.computations:
            raise TgValueError("Profiler: nothing was computed in its block")
        if number is None:
            chosen = max(self.computations, key=lambda c: c.report().seconds)
        else:
            chosen = self.computations[number]
        return chosen.export(kind)

    def to_html(self, path, computation=None):
        """Writes the timeline as one self-contained page."""
        _write(path, self._export("html", computation))

    def to_chrome_trace(self, path, computation=None):
        """Writes the timeline for chrome://tracing and ui.perfetto.dev."""
        _write(path, self._export("trace", computation))

    def to_text(self, computation=None):
        """A summary of the timeline as text."""
        return self._export("text", computation).decode()

    def __repr__(self):
        if not self.computations:
            return "<tilegraph.diagnostics.Profiler, nothing computed>"
        return (f"<tilegraph.diagnostics.Profiler, {len(self.computations)} computations, "
                f"tasks={self.tasks}, peak_bytes={self.peak_bytes}, "
                f"chunks_read={self.chunks_read}, bytes_read={self.bytes_read}, "
                f"bytes_written={self.bytes_written}, seconds={self.seconds:.3f}>")

    def _repr_html_(self):
        from html import escape

        if not self.computations:
            return escape(repr(self))
        page = escape(self._export("html", None).decode(), quote=True)
        # A frame of its own: the page's styles and scripts stay inside.
        return (f'<iframe srcdoc="{page}" style="width:100%;height:600px;border:1px solid #888" '
                'sandbox="allow-scripts"></iframe>')


def _write(path, content):
    with open(path, "wb") as file:
        file.write(content)


# --- resources ---------------------------------------------------------------------------------

Sample = namedtuple("Sample", "time mem cpu")


class ResourceProfiler(_Watcher):
    """Samples the memory (MB) and the CPU use (per cent of one core) of this process.

    dt: seconds between samples. `results` has them as tuples (time, mem, cpu).
    """

    def __init__(self, dt=0.1):
        if not dt > 0:
            raise TgValueError(f"ResourceProfiler: dt must be positive, got {dt}")
        self._dt = dt
        self.results = []
        self._thread = None
        self._stop = threading.Event()

    def __enter__(self):
        self.results = []
        self._stop.clear()
        self._thread = threading.Thread(target=self._sample, name="tilegraph resources",
                                        daemon=True)
        self._thread.start()
        return super().__enter__()

    def __exit__(self, *exc):
        super().__exit__(*exc)
        self._stop.set()
        self._thread.join()
        self._thread = None

    def _sample(self):
        wall, cpu = time.perf_counter(), time.process_time()
        stop = False
        while not stop:
            stop = self._stop.wait(self._dt)
            now, used = time.perf_counter(), time.process_time()
            percent = 100 * (used - cpu) / max(now - wall, 1e-9)
            self.results.append(Sample(now, _resident_mb(), percent))
            wall, cpu = now, used

    def __repr__(self):
        if not self.results:
            return "<tilegraph.diagnostics.ResourceProfiler, no samples>"
        return (f"<tilegraph.diagnostics.ResourceProfiler, {len(self.results)} samples, "
                f"mem <= {max(s.mem for s in self.results):.0f} MB, "
                f"cpu <= {max(s.cpu for s in self.results):.0f} %>")

    def _repr_html_(self):
        from html import escape

        if len(self.results) < 2:
            return escape(repr(self))
        start = self.results[0].time
        curves = "".join(
            _curve([(s.time - start, getattr(s, name)) for s in self.results], color, label, row)
            for row, (name, color, label) in enumerate(
                (("mem", "#4c8cbf", "MB"), ("cpu", "#d08030", "% CPU")))
        )
        return f'<svg width="640" height="210" xmlns="http://www.w3.org/2000/svg">{curves}</svg>'


def _curve(points, color, label, row):
    """One line of the picture, 100 pixels high, at most 500 points."""
    step = max(len(points) // 500, 1)
    points = points[::step]
    right = max(points[-1][0], 1e-9)
    top = max(max(y for _, y in points), 1e-9)
    line = " ".join(f"{40 + 580 * x / right:.1f},{105 * row + 95 - 85 * y / top:.1f}"
                    for x, y in points)
    return (f'<polyline points="{line}" fill="none" stroke="{color}"/>'
            f'<text x="0" y="{105 * row + 14}" font-size="11" fill="{color}">{top:.0f} {label}'
            f'</text><text x="560" y="{105 * row + 104}" font-size="10" fill="#888">{right:.1f} s'
            "</text>")


def _resident_mb():
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:  # not Linux: the largest value so far has to do
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e6 if sys.platform == "darwin" else peak / 1e3
