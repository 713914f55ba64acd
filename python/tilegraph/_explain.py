# SPDX-License-Identifier: BSD-3-Clause
"""What a computation would do, before it does it: numbers, text, and a picture of the stages."""

import os
import subprocess

from . import _engine
from ._array import Array
from ._engine import check, ffi, lib, text
from .errors import TgTypeError, TgValueError

__all__ = ["Explanation", "Picture", "explain", "visualize"]


class Explanation:
    """What `explain` returns: prints as text, and has the predicted numbers.

    tasks; peak_bytes: of array data that the engine holds at most, results included; chunks_read:
    stored chunks that are decoded; bytes_read, bytes_written: array bytes from and to stores;
    plan_seconds: what planning took.
    """

    def __init__(self, report, page, dot):
        self.tasks = report.tasks
        self.peak_bytes = report.peak_bytes
        self.chunks_read = report.chunks_read
        self.bytes_read = report.bytes_read
        self.bytes_written = report.bytes_written
        self.plan_seconds = report.plan_seconds
        self.dot = dot
        self._text = page

    def __str__(self):
        return self._text

    def __repr__(self):
        return self._text

    def _repr_html_(self):
        from html import escape

        from ._repr import explanation_html

        return explanation_html(self, escape(self._text))


class Picture:
    """A graph of stages: graphviz text in `dot`, SVG where graphviz is installed."""

    def __init__(self, dot):
        self.dot = dot

    def __str__(self):
        return self.dot

    def __repr__(self):
        return f"<tilegraph.Picture, {len(self.dot)} characters of graphviz; str() gives them>"

    def render(self, kind):
        """The picture as bytes of that format (svg, png, pdf); None without graphviz."""
        try:
            done = subprocess.run(["dot", f"-T{kind}"], input=self.dot.encode(),
                                  capture_output=True, check=True)
        except FileNotFoundError:
            return None
        except subprocess.CalledProcessError as error:
            raise TgValueError(f"dot -T{kind}: {error.stderr.decode().strip()}") from None
        return done.stdout

    def _repr_html_(self):
        from html import escape

        svg = self.render("svg")
        if svg is None:
            return f"<pre>{escape(self.dot)}</pre>"
        svg = svg.decode()
        return svg[svg.index("<svg"):]


def _plan(things):
    """(tg_report, text, graphviz text) of the plan for arrays and stores."""
    from ._run import Store, opened, pack

    for thing in things:
        if not isinstance(thing, (Array, Store)):
            raise TgTypeError(f"explain: expected tilegraph arrays, got {type(thing).__name__}")
    if not things:
        raise TgTypeError("explain: nothing to explain")
    with opened(things) as targets:
        array, keep = pack(targets)
        err = ffi.new("tg_error *")
        out = ffi.new("tg_plan **")
        client = _engine.client
        if client is not None:
            status = lib.tg_client_plan(client._need_worker(), len(targets), array, out, err)
        else:
            status = lib.tg_plan_create(_engine.session(), len(targets), array, out, err)
        check(status, err)
        plan = ffi.gc(out[0], lib.tg_plan_destroy)
        del keep
        report = ffi.new("tg_report *")
        lib.tg_plan_report(plan, report)
        return report, text(lib.tg_plan_text(plan)), text(lib.tg_plan_dot(plan))


def explain(*things):
    """What computing these arrays (or stores, see `to_zarr`) in one pass would do."""
    return Explanation(*_plan(things))


def visualize(*things, filename=None, format=None):  # noqa: A002 (Dask's name)
    """A picture of the stages that computing these arrays has.

    filename: written there, as .dot (or .gv) text, or by graphviz as .svg, .png or .pdf; format:
    another format than the suffix says. Without a filename a notebook shows the picture.
    """
    picture = Picture(_plan(things)[2])
    if filename is None:
        return picture
    filename = os.fspath(filename)
    kind = (format or os.path.splitext(filename)[1].lstrip(".") or "svg").lower()
    if kind in ("dot", "gv"):
        content = picture.dot.encode()
    else:
        content = picture.render(kind)
        if content is None:
            raise TgValueError(f"visualize: {filename} needs graphviz (the program `dot`), which "
                               "is not installed; a filename that ends in .dot works without")
    with open(filename, "wb") as file:
        file.write(content)
    return picture
