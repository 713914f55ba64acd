# SPDX-License-Identifier: BSD-3-Clause
"""explain, progress, profiles and what notebooks show."""

import io
import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import tilegraph as tg


@pytest.fixture
def lazy():
    x = tg.from_array(np.arange(60000, dtype="float32").reshape(100, 600), (20, 100))
    return tg.ndimage.gaussian_filter(x + 1, 1)


def test_explain(lazy):
    e = lazy.explain()
    assert "peak memory" in str(e) and str(e) == repr(e)
    assert e.tasks > 0 and e.peak_bytes >= lazy.nbytes
    assert (e.chunks_read, e.bytes_read, e.bytes_written) == (0, 0, 0)
    assert "peak memory" in e._repr_html_()
    with pytest.raises(TypeError):
        tg.explain()
    with pytest.raises(TypeError):
        tg.explain(3)


def test_explain_counts_stores(tmp_path, lazy):
    lazy.to_zarr(tmp_path / "x.zarr", chunks=(20, 100))
    x = tg.open(tmp_path / "x.zarr")
    e = (x + 1).explain()
    assert (e.chunks_read, e.bytes_read) == (30, x.nbytes)
    assert x[:20, :100].explain().chunks_read == 1
    store = (x + 1).to_zarr(tmp_path / "y.zarr", compute=False)
    assert store.explain().bytes_written == x.nbytes
    assert not (tmp_path / "y.zarr").exists()


def test_profiler_measures_what_explain_predicts(tmp_path, lazy):
    lazy.to_zarr(tmp_path / "x.zarr", chunks=(20, 100))
    y = tg.ndimage.gaussian_filter(tg.open(tmp_path / "x.zarr"), 2)
    e = y.explain()
    with tg.diagnostics.Profiler() as p:
        y.compute()
    assert p.tasks == e.tasks
    assert p.chunks_read == e.chunks_read == p.chunks_decoded == 30
    assert p.bytes_read == e.bytes_read
    assert p.peak_bytes > 0 and p.seconds > 0 and p.plan_seconds > 0
    assert len(p.computations) == 1 and "tasks=" in repr(p)


def test_timelines(tmp_path, lazy):
    with tg.diagnostics.Profiler() as p:
        lazy.compute()
    p.to_html(tmp_path / "t.html")
    page = (tmp_path / "t.html").read_text()
    assert page.lower().startswith("<!doctype html>") and "http://" not in page.split("</head>")[0]
    p.to_chrome_trace(tmp_path / "t.json")
    events = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    assert any(event["ph"] == "X" for event in events)
    assert p.to_text()
    assert p._repr_html_().startswith("<iframe srcdoc=")
    empty = tg.diagnostics.Profiler()
    assert "nothing" in repr(empty) and "nothing" in empty._repr_html_()
    with pytest.raises(ValueError):
        empty.to_html(tmp_path / "e.html")


def test_timelines_show_reads_writes_and_waits(tmp_path, lazy):
    lazy.to_zarr(tmp_path / "x.zarr", chunks=(20, 100))
    with tg.diagnostics.Profiler() as p:
        tg.ndimage.gaussian_filter(tg.open(tmp_path / "x.zarr"), 2).to_zarr(tmp_path / "y.zarr")
    p.to_chrome_trace(tmp_path / "t.json")
    events = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    slices = [e for e in events if e["ph"] == "X"]
    tasks = [e for e in slices if e["cat"] == "compute"]
    reads = [e for e in slices if e["cat"] == "read"]
    writes = [e for e in slices if e["cat"] == "write"]
    assert len(tasks) == p.tasks and reads and writes
    assert all(e["args"]["bytes_in"] > 0 for e in reads)
    assert all(e["args"]["bytes_out"] > 0 for e in writes)
    for e in reads + writes:  # inside a task of the same thread, on the same tile
        assert any(t["tid"] == e["tid"] and t["args"]["task"] == e["args"]["task"]
                   and t["ts"] <= e["ts"] and e["ts"] + e["dur"] <= t["ts"] + t["dur"] + 0.002
                   for t in tasks)
    for e in tasks:
        assert {"task", "tile", "stage", "wait_us", "bytes_in", "bytes_out"} <= set(e["args"])
    counters = {e["name"] for e in events if e["ph"] == "C"}
    assert counters == {"memory", "memory limit"}
    text = p.to_text()
    assert "reading" in text and "writing" in text


def test_progress_bar(lazy):
    out = io.StringIO()
    with tg.diagnostics.ProgressBar(out=out):
        lazy.compute()
    assert out.getvalue().count("\n") == 1 and "100% Completed" in out.getvalue()
    out = io.StringIO()
    with tg.diagnostics.ProgressBar(minimum=60, out=out):
        lazy.compute()
    assert out.getvalue() == ""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    def fail(block):
        raise RuntimeError("no")

    out = Terminal()
    with tg.diagnostics.ProgressBar(out=out), pytest.raises(RuntimeError):
        tg.map_blocks(fail, lazy, dtype="float32").compute()
    assert "failed\n" in out.getvalue() and "\r" in out.getvalue()


def test_resource_profiler(lazy):
    with tg.diagnostics.ResourceProfiler(dt=0.01) as r:
        lazy.compute()
    assert r.results and r.results[0].mem > 1
    assert "samples" in repr(r)
    with tg.diagnostics.ResourceProfiler(dt=0.01) as r:
        import time

        time.sleep(0.05)
    assert r._repr_html_().startswith("<svg")
    with pytest.raises(ValueError):
        tg.diagnostics.ResourceProfiler(dt=0)


def test_register(lazy):
    out = io.StringIO()
    bar = tg.diagnostics.ProgressBar(out=out)
    bar.register()
    lazy.compute()
    bar.unregister()
    lazy.compute()
    assert out.getvalue().count("\n") == 1


# --- what is shown -----------------------------------------------------------------------------


def test_text(lazy):
    assert repr(lazy) == ("tilegraph.Array<gaussian_filter, shape=(100, 600), dtype=float32, "
                          "chunks=(20, 100)>")
    assert "chunks=(3,)" in repr(tg.zeros((3,)))
    assert "chunks=()" in repr(tg.zeros(()))


@pytest.mark.parametrize("shape, chunks", [
    ((), "auto"), ((0,), "auto"), ((5,), 2), ((4, 6), 3), ((4, 5, 6), 2), ((2, 3, 4, 5), 2),
    ((1000, 1000, 1000), 1), ((1, 100000), 1),
])
def test_pictures_stay_small(shape, chunks):
    x = tg.zeros(shape, chunks=chunks)
    page = x._repr_html_()
    assert len(page) < 60000
    root = ET.fromstring(page)
    lines = [e for e in root.iter() if e.tag.endswith("line")]
    assert len(lines) <= 6 * 64
    assert str(x.dtype) in page


def test_store_is_shown(tmp_path):
    tg.arange(5).to_zarr(tmp_path / "<a>.zarr")
    x = tg.open(tmp_path / "<a>.zarr")
    assert "&lt;a&gt;.zarr" in x._repr_html_()
    assert "<a>.zarr" in repr(x)


def test_visualize(tmp_path, lazy):
    picture = lazy.visualize()
    assert str(picture).startswith("digraph") and picture._repr_html_()
    lazy.visualize(tmp_path / "p.dot")
    assert (tmp_path / "p.dot").read_text() == picture.dot
    import shutil

    if shutil.which("dot"):
        lazy.visualize(tmp_path / "p.svg")
        assert b"<svg" in (tmp_path / "p.svg").read_bytes()
    else:
        with pytest.raises(ValueError, match="graphviz"):
            lazy.visualize(tmp_path / "p.svg")
