# SPDX-License-Identifier: BSD-3-Clause
"""The commands of docs/cluster.md, as they stand there: blocks of one name are one script, in a
home folder of its own. Other hosts are this one: ssh, scp and sbatch are as they look from here."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/cluster.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh ?([\w-]*)\n(.*?)^```", PAGE, re.M | re.S)
NAMES = list(dict.fromkeys(name for name, _ in BLOCKS if name))
# `job.py`: and then the block with what is in it.
PROGRAMS = re.findall(r"`(\w+\.py)`:\n\n```py\n(.*?)^```", PAGE, re.M | re.S)

FAKES = {
    "ssh": 'while [[ $1 == -* ]]; do shift; done\nshift\ncd "$HOME/there"\nexec sh -c "exec $*"\n',
    "scp": 'cp -p "$1" "$HOME/there/${2#*:}"\n',
    "sbatch": 'SLURM_JOB_ID=7 SLURM_JOB_NODELIST=a SLURM_CPUS_PER_TASK=1 exec bash "$1"\n',
    "scontrol": "echo localhost\n",
    "srun": "while [[ $1 == --* ]]; do shift; done\n"
            "trap 'kill $(jobs -p)' TERM\n"
            "for node in 1 2; do \"$@\" --memory-limit 512MiB & done\nwait; wait\n",
}


def test_blocks_say_whether_they_are_tested():
    assert {"one-host", "ssh", "hosts", "slurm", "keys", "looking"} <= set(NAMES)
    for name, text in BLOCKS:
        assert text.startswith("# tested\n") == bool(name), text


@pytest.mark.parametrize("name", NAMES)
def test_commands(home, job, scan, own_address, name):
    folder = job.parent
    for program, text in FAKES.items():
        (folder / program).write_text(f"#!/bin/bash\n{text}")
        (folder / program).chmod(0o700)
    (folder / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (folder / "python").chmod(0o700)
    for program, text in PROGRAMS:
        (home.path / program).write_text(text)
    (home.path / "there").mkdir()
    wanted = scan(32)
    script = "".join(text for block, text in BLOCKS if block == name)
    if "curl" in script and shutil.which("curl") is None:
        pytest.skip("there is no curl")
    for there, here in (("10.0.0.5:8786", f"{own_address}:{home.free_port()}"),
                        ("node1 node2", "localhost 127.0.0.1"),
                        (":8787", f":{home.free_port()}")):
        script = script.replace(there, here)
    # Into a file: what is left in the background would hold a pipe open.
    script = "trap 'kill $(jobs -p) 2>/dev/null || :' EXIT\n" + script
    with open(home.path / "said", "w+") as said:
        code = subprocess.run(["bash", "-e", "-c", script], cwd=home.path, env=home.env,
                              stdout=said, stderr=said, timeout=120).returncode
    text = (home.path / "said").read_text()
    assert code == 0, text
    if re.search(r"\bjob (~|\\\$|alice)", script):
        tg = pytest.importorskip("tilegraph")
        np.testing.assert_array_equal(tg.open(str(home.path / "out.zarr")).compute(), wanted)
    if name in ("one-host", "ssh"):
        assert re.search("[12] workers? with", text)
