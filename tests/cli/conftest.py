# SPDX-License-Identifier: BSD-3-Clause
"""A cluster as its user starts it: programs on a command line, in a home folder of its own."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
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
