# SPDX-License-Identifier: BSD-3-Clause
"""The exports of the timeline as their readers see them: the page in a browser, the trace in JSON.

A made-up run is recorded by tests/worker/profile/make_timeline.c, which is compiled here, from the
sources as they are, in two seconds. $TG_MAKE_TIMELINE names a program that is built already.
$TG_SCREENSHOTS names a folder for pictures of the page.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))
from cdp import Page, find_chromium  # noqa: E402

THREADS, TASKS = 4, 2000
LABELS = {'read "raw" + scale <img src=x onerror=alert(1)>', "gaussian_filter + greater",
          "binary_erosion", "label \u00e9t\u00e9 \ufffd\\", "to_zarr"}
SHIFT = 8


def compile_program(folder):
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler for make_timeline")
    sources = [*ROOT.glob("worker/profile/timeline*.c"), ROOT / "core/base/status.c",
               ROOT / "core/base/assert.c", ROOT / "core/mem/alloc.c",
               ROOT / "tests/worker/profile/make_timeline.c"]
    program = folder / "make_timeline"
    subprocess.run([compiler, "-O2", "-std=c11", "-D_GNU_SOURCE", "-DNDEBUG", f"-I{ROOT}",
                    f"-I{ROOT}/include", *map(str, sources), "-o", str(program), "-lm",
                    "-lpthread"], check=True)
    return program


@pytest.fixture(scope="session")
def make_timeline(tmp_path_factory):
    if os.environ.get("TG_MAKE_TIMELINE"):
        return pathlib.Path(os.environ["TG_MAKE_TIMELINE"])
    return compile_program(tmp_path_factory.mktemp("make_timeline"))


def exports(program, folder, threads=THREADS, tasks=TASKS, events=1 << 16):
    subprocess.run([str(program), str(folder), str(threads), str(tasks), str(events)], check=True)
    return folder


@pytest.fixture(scope="session")
def run(make_timeline, tmp_path_factory):
    return exports(make_timeline, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def chromium():
    path = find_chromium()
    if path is None:
        pytest.skip("chromium is not installed")
    return path


@pytest.fixture
def page(chromium, run):
    page = Page(chromium)
    try:
        page.open((run / "timeline.html").as_uri())
        yield page
        assert page.complaints() == []
    finally:
        page.close()


def embedded(folder):
    text = (folder / "timeline.html").read_text(encoding="utf-8")
    return json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', text,
                                re.DOTALL).group(1))


def longest_task(page, thread=0):
    """Where the longest visible task of a thread is on the screen."""
    count = len(page.data["threads"][thread]["events"]) // 10
    boxes = page.run(f"Array.from({{length: {count}}}, (_, i) => {{ try {{"
                     f" return timeline.boxOf({thread}, i); }} catch {{ return null; }} }})")
    seen = [b for b in boxes
            if b and b.get("kind") == 0 and b["x"] > 150 and b["x"] + b["width"] < 900]
    return max(seen, key=lambda box: box["width"])


def test_generated_source_is_up_to_date():
    subprocess.run([sys.executable, str(ROOT / "worker/profile/embed_page.py"), "--check"],
                   check=True)


def test_page_without_data_is_small(make_timeline, tmp_path):
    exports(make_timeline, tmp_path, tasks=0)
    assert (tmp_path / "timeline.html").stat().st_size < 60_000


def test_page_names_no_address(run):
    text = (run / "timeline.html").read_text(encoding="utf-8")
    assert "http" not in text.replace("http-equiv", "")
    assert "default-src 'none'" in text and "unsafe" not in text


def test_no_name_leaves_the_data(run):
    text = (run / "timeline.html").read_text(encoding="utf-8")
    assert text.count("</script>") == 2 and "<img" not in text and "<b>&" not in text


def test_data_is_the_run(run):
    data = embedded(run)
    assert {stage["label"] for stage in data["stages"]} == LABELS | {"other stages"}
    assert data["totals"]["count"] == TASKS == sum(s["totals"]["count"] for s in data["stages"])
    assert data["dropped"] == 0 and data["ended"] and data["verdict"]["name"] == "compute"
    for thread in data["threads"]:
        events = [thread["events"][i:i + 10] for i in range(0, len(thread["events"]), 10)]
        assert sum(e[0] == 0 for e in events) == thread["totals"]["count"]
        assert sum(e[6] for e in events if e[0] == 0) == thread["totals"]["task_ns"]
        assert all(e[5] >= 0 and e[6] >= 0 for e in events)
    times = data["memory"][0::4]
    assert times == sorted(times) and max(data["memory"][1::4]) == data["peak"] <= data["limit"]


def test_shares_add_up_to_thread_time(run):
    data = embedded(run)
    assert sum(s["ns"] for s in data["verdict"]["shares"]) == THREADS * data["duration"]


def test_trace_has_the_fields(run):
    trace = json.loads((run / "trace.json").read_text(encoding="utf-8"))
    events = trace["traceEvents"]
    by_phase = {phase: [e for e in events if e["ph"] == phase] for phase in "MXC"}
    assert sum(map(len, by_phase.values())) == len(events)
    assert trace["displayTimeUnit"] == "ms" and trace["otherData"]["dropped"] == 0
    assert {e["name"] for e in by_phase["M"]} == {
        "process_name", "process_sort_index", "thread_name", "thread_sort_index"}
    tasks = [e for e in by_phase["X"] if e["cat"] == "compute"]
    assert len(tasks) == TASKS and {e["name"] for e in tasks} == LABELS
    for event in by_phase["X"]:
        assert event["pid"] == 1 and 1 <= event["tid"] <= THREADS
        assert event["ts"] >= 0 and event["dur"] >= 0
        assert {"task", "tile", "wait_us", "bytes_in", "bytes_out"} <= set(event["args"])
    assert {e["name"] for e in by_phase["C"]} == {"memory", "memory limit"}
    used = [e["args"]["used"] for e in by_phase["C"] if e["name"] == "memory"]
    assert max(used) == trace["otherData"]["peak_bytes"] > 0


def test_slices_of_a_thread_nest(run):
    trace = json.loads((run / "trace.json").read_text(encoding="utf-8"))
    for tid in range(1, THREADS + 1):
        ends = []
        slices = [e for e in trace["traceEvents"] if e["ph"] == "X" and e["tid"] == tid]
        assert any(e["cat"] == "read" for e in slices)
        for event in slices:
            start, end = round(event["ts"] * 1000), round((event["ts"] + event["dur"]) * 1000)
            while ends and ends[-1] <= start:
                ends.pop()
            assert not ends or end <= ends[-1]
            ends.append(end)


def test_text_names_what_matters(run):
    text = (run / "timeline.txt").read_text(encoding="utf-8", errors="replace")
    assert "limited by: compute" in text and "gaussian_filter + greater" in text
    assert "at most 89.0 MiB in use of a limit of 96.0 MiB" in text and "predicted" in text


def test_page_shows_the_run(page):
    assert "bone_7H3A" in page.run("document.title")
    assert page.run("document.querySelector('h1').textContent") == (
        'foam: pores of bone_7H3A "B1" </script><b>&')
    assert page.run("document.querySelectorAll('img, b > *').length") == 0
    assert page.run("document.querySelectorAll('#stages tbody tr').length") == len(LABELS) + 1
    assert page.run("document.querySelectorAll('#threads tbody tr').length") == THREADS
    # Something is drawn: the canvas has many colours.
    assert page.run("""(() => {
        const c = document.getElementById("stream");
        const p = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
        const seen = new Set();
        for (let i = 0; i < p.length; i += 4) seen.add(p[i] << 16 | p[i + 1] << 8 | p[i + 2]);
        return seen.size; })()""") > 10


def test_zoom_and_click_show_a_task(page, run):
    page.data = embedded(run)
    whole = page.run("timeline.view.to - timeline.view.from")
    box = longest_task(page)
    for _ in range(8):
        page.wheel(box["x"] + box["width"] / 2, box["y"] + 5, -120)
    zoomed = page.run("timeline.view.to - timeline.view.from")
    assert zoomed < whole / 4
    box = longest_task(page)
    assert box["width"] > 8
    page.click(box["x"] + box["width"] / 2, box["y"] + 4)
    assert page.run("document.getElementById('details').dataset.task") == str(box["task"])
    text = page.run("document.getElementById('details').innerText")
    assert "Takes" in text and "Tile" in text and any(label in text for label in LABELS)
    if os.environ.get("TG_SCREENSHOTS"):
        page.screenshot(os.path.join(os.environ["TG_SCREENSHOTS"], "task.png"))


def test_drags(page, run):
    page.data = embedded(run)
    box = page.run("document.getElementById('stream').getBoundingClientRect().toJSON()")
    y = box["top"] + 20
    page.drag(box["left"] + 300, y, box["left"] + 500, modifiers=SHIFT)
    view = page.run("({...timeline.view})")
    assert 0 < view["from"] and view["to"] - view["from"] < page.data["duration"] / 2
    page.drag(box["left"] + 500, y, box["left"] + 400)
    moved = page.run("({...timeline.view})")
    assert moved["from"] > view["from"]
    assert abs(moved["to"] - moved["from"] - view["to"] + view["from"]) < 1
    page.run("document.getElementById('zoom-fit').click()")
    assert page.run("timeline.view.to - timeline.view.from") == page.data["duration"]


def test_keys_do_what_the_pointer_does(page, run):
    page.run("document.getElementById('stream').focus()")
    page.key("Enter")
    first = page.run("document.getElementById('details').dataset.task")
    page.key(".")
    assert page.run("document.getElementById('details').dataset.task") != first
    page.key(",")
    assert page.run("document.getElementById('details').dataset.task") == first
    page.key("ArrowDown")
    assert "Thread" in page.run("document.getElementById('details').innerText")
    page.key("+")
    assert page.run("timeline.view.to - timeline.view.from") < embedded(run)["duration"]
    page.key("0")
    page.key("Escape")
    assert page.run("document.getElementById('details').dataset.task") is None


def test_table_sorts_and_legend_singles_out(page):
    first = "document.querySelector('#stages tbody td').textContent"
    page.run("document.querySelectorAll('#stages th button')[0].click()")
    assert page.run("document.querySelector('#stages th').getAttribute('aria-sort')") == "ascending"
    ascending = page.run(first)
    page.run("document.querySelectorAll('#stages th button')[0].click()")
    assert page.run(first) != ascending
    page.run("document.querySelector('#legend button').click()")
    page.settle()
    assert page.run("document.querySelectorAll('#legend [aria-pressed=true]').length") == 1


def test_dark_scheme(page):
    light = page.run("getComputedStyle(document.body).backgroundColor")
    page.call("Emulation.setEmulatedMedia",
              features=[{"name": "prefers-color-scheme", "value": "dark"}])
    page.settle()
    assert page.run("getComputedStyle(document.body).backgroundColor") != light
    if os.environ.get("TG_SCREENSHOTS"):
        page.screenshot(os.path.join(os.environ["TG_SCREENSHOTS"], "dark.png"))


def test_many_tasks_are_drawn_in_time(make_timeline, chromium, tmp_path):
    exports(make_timeline, tmp_path, threads=8, tasks=100_000)
    page = Page(chromium)
    try:
        page.open((tmp_path / "timeline.html").as_uri())
        frame = page.run("""(async () => {
            const drawn = () => new Promise((d) => requestAnimationFrame(() => setTimeout(d)));
            const start = performance.now();
            for (let i = 0; i < 10; i++) {
                timeline.setView(i * 1e6, 1e12 + i);
                await drawn();
            }
            return (performance.now() - start) / 10; })()""")
        print(f"{frame:.1f} ms a frame with 100,000 tasks")
        assert frame < 500  # 20 where nothing else runs
        assert page.complaints() == []
    finally:
        page.close()


@pytest.mark.parametrize("threads, tasks, events", [(1, 0, 8), (1, 1, 1), (3, 500, 40)])
def test_odd_runs_open_too(make_timeline, chromium, tmp_path, threads, tasks, events):
    exports(make_timeline, tmp_path, threads=threads, tasks=tasks, events=events)
    json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))
    page = Page(chromium)
    try:
        page.open((tmp_path / "timeline.html").as_uri())
        hidden = page.run("document.getElementById('notice').hidden")
        assert hidden == (embedded(tmp_path)["dropped"] == 0)
        assert page.complaints() == []
    finally:
        page.close()
