# SPDX-License-Identifier: BSD-3-Clause
"""The examples run, and what they find is what SciPy finds."""

import csv
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import tilegraph as tg
from tilegraph import _optable
from tilegraph.distributed import LocalCluster

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
pytestmark = [
    pytest.mark.skipif("measure_objects" not in _optable.names(), reason="no op yet"),
    pytest.mark.skipif(not (EXAMPLES / "foam.py").exists(), reason="examples are not there"),
]


def test_foam(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    ndi = pytest.importorskip("scipy.ndimage")
    done = subprocess.run([sys.executable, str(EXAMPLES / "foam.py"), "--out", str(tmp_path)],
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "\nthe same picture\n" in done.stdout
    assert {p.name for p in tmp_path.iterdir()} == {
        "labels.zarr", "objects.csv", "picture.png", "timeline.html", "trace.json"}

    scan = tifffile.imread(EXAMPLES / "data" / "bone_7H3A_B1.tif")
    smooth = ndi.gaussian_filter(1 - scan.astype("float32") / 127, 1)
    z, y, x = np.mgrid[-2:3, -2:3, -2:3]
    want, count = ndi.label(ndi.binary_erosion(smooth > 0.5, z**2 + y**2 + x**2 <= 4))
    labels = tg.open(tmp_path / "labels.zarr").compute()
    np.testing.assert_array_equal(labels, want)
    with open(tmp_path / "objects.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == count
    np.testing.assert_array_equal([float(r["volume"]) for r in rows],
                                  np.bincount(want.ravel())[1:])
    centres = ndi.center_of_mass(want > 0, want, np.arange(1, count + 1))
    np.testing.assert_allclose([[float(r[f"centroid_{a}"]) for a in "zyx"] for r in rows], centres,
                               rtol=1e-8)
    assert (tmp_path / "picture.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert json.loads((tmp_path / "trace.json").read_text())["traceEvents"]


@pytest.mark.parametrize("name", ["foam", "dti"])
def test_on_a_cluster(name, tmp_path):
    """The files have the bytes that one process makes; but for the timeline, which tells of
    times."""
    def files(folder, *arguments):
        command = [sys.executable, EXAMPLES / f"{name}.py", "--out", folder, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return {path.relative_to(tmp_path / folder): path.read_bytes()
                for path in (tmp_path / folder).rglob("*")
                if path.is_file() and path.name not in ("timeline.html", "trace.json")}

    with LocalCluster(2, 1, "256 MiB") as cluster:
        there = files("there", "--cluster", cluster.join_file)
        deaths = [worker for worker in cluster.workers if worker.status != "running"]
    here = files("here")
    assert here and there == here and not deaths


def test_notebook():
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(EXAMPLES / "foam.ipynb", as_version=4)
    # The kernel must find the tilegraph of this test, whatever kernels are installed.
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(pathlib.Path(tg.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    from jupyter_client import KernelManager

    manager = KernelManager()
    manager.kernel_spec.argv[0] = sys.executable
    client = nbclient.NotebookClient(notebook, km=manager, timeout=120,
                                     shutdown_kernel="immediate",
                                     resources={"metadata": {"path": str(EXAMPLES)}})
    client.execute()
    shown = [output for cell in notebook.cells if cell.cell_type == "code"
             for output in cell.outputs]
    pages = [o["data"]["text/html"] for o in shown if "text/html" in o.get("data", {})]
    assert any("<svg" in page for page in pages)  # the chunks
    assert any("<iframe" in page for page in pages)  # the timeline
    assert any("completed" in page for page in pages)  # the progress bar
    assert any("image/png" in o.get("data", {}) for o in shown)
