# SPDX-License-Identifier: BSD-3-Clause
"""A cluster as its user starts it: programs on a command line, in a home folder of its own."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))  # processes.py
FOLDERS = (ROOT / ".venv/bin", ROOT / "build/release")
SECONDS = 60


class Home:
    """Programs that run with this home folder; what is left of them is killed in the end."""

    def __init__(self, bin_folder):
        self.bin = bin_folder
        # Short: the path of a socket has at most 107 bytes.
        self.path = Path(tempfile.mkdtemp(prefix="tg", dir="/tmp"))
        self.env = {**os.environ, "HOME": str(self.path),
                    "PATH": f"{bin_folder}:{os.environ['PATH']}"}
        self.running = []
        self.join = self.path / ".local/share/tg/default/join"

    def run(self, program, *args, **kwargs):
        path = program if "/" in str(program) else self.bin / program
        kwargs.setdefault("env", self.env)
        return subprocess.run([path, *map(str, args)], capture_output=True, text=True,
                              timeout=SECONDS, **kwargs)

    def tg(self, *args, code=0):
        result = self.run("tg", *args)
        assert result.returncode == code, result.stdout + result.stderr
        return result.stdout if code == 0 else result.stderr

    def start(self, program, *args, ready=None, **kwargs):
        """Starts it; with `ready`, waits for a line in which this regular expression is found."""
        path = program if "/" in str(program) else self.bin / program
        log = open(self.path / f"log{len(self.running)}", "w+b")
        process = subprocess.Popen([path, *map(str, args)], stderr=log, env=self.env, **kwargs)
        process.log = lambda: Path(log.name).read_text()
        self.running.append(process)
        if ready:
            self.wait_for(lambda: re.search(ready, process.log()) or process.poll() is not None)
            assert re.search(ready, process.log()), process.log()
        return process

    def scheduler(self, *args):
        """The process, and the first address that it listens at."""
        process = self.start("tgscheduler", *args, ready="listening at")
        return process, re.search(r"listening at (\S+)", process.log())[1]

    def worker(self, *args, **kwargs):
        return self.start("tgworker", "--nthreads", 1, "--memory-limit", "256MiB", *args,
                          ready="joined the cluster", **kwargs)

    @staticmethod
    def wait_for(condition, seconds=SECONDS):
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, "waited for too long"
            time.sleep(0.02)

    @staticmethod
    def free_port():
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            return s.getsockname()[1]

    def close(self):
        for process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
        shutil.rmtree(self.path)


@pytest.fixture
def home():
    folder = next((f for f in FOLDERS if (f / "tgscheduler").exists()), None)
    if folder is None:
        pytest.skip("tgscheduler is not built")
    home = Home(folder)
    yield home
    home.close()


@pytest.fixture
def own_address():
    """Of this host, as others see it: keys are needed there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this host has no network")
        address = s.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this host has no address that others see")
    return address


NAMES = r"""
/* The name "127.0.0.2_127.0.0.1" has these two addresses. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

int
getaddrinfo(const char *name, const char *port, const struct addrinfo *hints,
            struct addrinfo **found)
{
    int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
        dlsym(RTLD_NEXT, "getaddrinfo");
    char first[64];
    const char *second = name != NULL ? strchr(name, '_') : NULL;
    if (second == NULL) {
        return next(name, port, hints, found);
    }
    snprintf(first, sizeof first, "%.*s", (int)(second - name), name);
    int failed = next(first, port, hints, found);
    return failed != 0 ? failed : next(second + 1, port, hints, &(*found)->ai_next);
}
"""


@pytest.fixture
def names(home):
    """Programs know names with two addresses."""
    compiler = os.environ.get("CC") or shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no compiler")
    source, library = home.path / "names.c", home.path / "names.so"
    source.write_text(NAMES)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    home.env["LD_PRELOAD"] = str(library)


@pytest.fixture
def job(home):
    """The program of docs/cluster.md, in the home's own folder of programs."""
    compiler = os.environ.get("CC") or shutil.which("cc")
    native = pytest.importorskip("tilegraph")._native
    library = Path(native.__file__).resolve().parents[2]
    if compiler is None or not (library / "libtilegraph.so").exists():
        pytest.skip("there is no compiler, or no library beside the package")
    text = (ROOT / "docs/cluster.md").read_text(encoding="utf-8")
    folder = home.path / "bin"
    folder.mkdir()
    (folder / "job.c").write_text(re.search(r"^```c\n(.*?)^```", text, re.M | re.S)[1])
    subprocess.run([compiler, "-std=c11", f"-I{ROOT}/include", folder / "job.c", f"-L{library}",
                    "-ltilegraph", f"-Wl,-rpath,{library}", "-o", folder / "job"], check=True)
    home.env["PATH"] = f"{folder}:{home.env['PATH']}"
    return folder / "job"


@pytest.fixture
def scan(home):
    """A function that stores a scan of that many planes, and what the job makes of it here."""
    tg = pytest.importorskip("tilegraph")

    def make(planes):
        rng = np.random.default_rng(planes)
        data = rng.random((planes, 128, 128), dtype=np.float32)
        tg.from_array(data, chunks=(16, 64, 64)).to_zarr(str(home.path / "in.zarr"))
        return tg.ndimage.gaussian_filter(data, sigma=2)

    return make
