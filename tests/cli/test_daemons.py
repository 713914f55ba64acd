# SPDX-License-Identifier: BSD-3-Clause
"""tgscheduler and tgworker: how they are started and ended, and what they say when it goes wrong:
each message names who, what, and what to do."""

import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from processes import catches


def fails(home, program, *args, code=1):
    result = home.run(program, *args)
    assert result.returncode == code, result.stdout + result.stderr
    assert result.stderr.startswith(program) or "  " in result.stderr
    return result.stderr


# --- starting and ending ------------------------------------------------------------------------


def test_defaults_find_each_other(home):
    scheduler, address = home.scheduler()
    assert address == f"ipc://{home.join.parent}/socket"
    worker = home.worker()  # without --cluster
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0 and "leaving" in worker.log()
    scheduler.send_signal(signal.SIGTERM)
    assert scheduler.wait(30) == 0
    assert not home.join.exists()


def test_a_worker_that_leaves_does_not_wait_for_a_dead_scheduler(home):
    for wait in (0, 20):  # the scheduler dies just before it, or some time
        scheduler, _ = home.scheduler("--listen", "tcp://127.0.0.1:0")
        worker = home.worker()
        scheduler.kill()
        scheduler.wait()
        if wait:
            home.wait_for(lambda: "the scheduler is gone" in worker.log())
        begun = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
        assert time.monotonic() - begun < 10
        assert "leaving" in worker.log()


def test_a_worker_that_is_ended_while_it_starts_has_not_failed(home):
    """It was killed by the signal when that came before its loop ran."""
    home.scheduler()
    for wait in (0, 0.002, 0.004, 0.008, 0.016, 0.032):
        worker = home.start("tgworker", "--nthreads", 1)
        while not catches(worker.pid, signal.SIGTERM):
            time.sleep(0.001)
        time.sleep(wait)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0, wait


def test_join_file_through_standard_input(home):
    home.scheduler("--listen", "tcp://127.0.0.1:0")
    with open(home.join) as join:
        file_only = home.worker("--cluster", "-", stdin=join)
    worker = home.start("tgworker", "--cluster", "-", "--nthreads", 1, stdin=subprocess.PIPE)
    worker.stdin.write(home.join.read_bytes() + b"\n")
    worker.stdin.flush()
    home.wait_for(lambda: "joined the cluster" in worker.log())
    worker.stdin.close()  # the lifeline
    assert worker.wait(30) == 0 and "leaving" in worker.log()
    assert file_only.poll() is None


@pytest.mark.parametrize("text", ["", "nonsense\n", "x" * 20000])
def test_standard_input_that_is_no_join_file(home, text):
    result = home.run("tgworker", "--cluster", "-", input=text)
    assert result.returncode == 1 and result.stderr.startswith("tgworker: ")


def test_reachable_from(home):
    _, address = home.scheduler("--reachable-from", "user@localhost")
    assert address.startswith("tcp://127.0.0.1:")
    text = fails(home, "tgscheduler", "--reachable-from", "no.such.host.invalid")
    assert "no.such.host.invalid" in text and "--listen tcp://" in text
    fails(home, "tgscheduler", "--reachable-from", "a", "--listen", "b", code=2)


def test_reachable_from_a_name_with_several_addresses(home, names):
    """There may be no way to the first."""
    _, address = home.scheduler("--reachable-from", "255.255.255.255_127.0.0.1")
    assert address.startswith("tcp://127.0.0.1:")


def test_lifetime_with_a_unit(home):
    home.scheduler()
    worker = home.worker("--lifetime", "500 ms")
    assert worker.wait(30) == 0 and "leaving" in worker.log()


def test_workers_keep_the_lease_of_their_scheduler(home):
    scheduler, _ = home.scheduler("--lease", 3)
    worker = home.worker()
    scheduler.send_signal(signal.SIGSTOP)
    home.wait_for(lambda: "the scheduler is gone: silent" in worker.log(), 10)
    scheduler.send_signal(signal.SIGCONT)
    home.wait_for(lambda: worker.log().count("joined the cluster") == 2)


@pytest.mark.parametrize("lease", ["300ms", "1.9"])
def test_a_lease_that_is_too_short(home, lease):
    text = fails(home, "tgscheduler", "--lease", lease)
    assert "is too short" in text and "at least 2 s" in text


@pytest.mark.parametrize("time", ["5 parsecs", "0", "-1", "", "inf", "m"])
def test_wrong_times(home, time):
    assert "a time is needed" in fails(home, "tgworker", "--lifetime", time, code=2)


# --- functions of users' ------------------------------------------------------------------------


def test_a_worker_tries_its_python_before_it_joins(home):
    """It joined, and each call that it was given failed."""
    home.scheduler()
    told = fails(home, "tgworker", "--allow-python", "/usr/bin/nopython")
    assert "--allow-python: /usr/bin/nopython cannot be run: No such file" in told
    assert "import tilegraph" in told
    python = home.path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E -I "$@"\n')  # without packages
    python.chmod(0o700)
    told = fails(home, "tgworker", "--allow-python", python)
    assert "`import tilegraph` fails there: ModuleNotFoundError: No module named" in told
    home.worker("--allow-python", sys.executable)


def test_a_worker_looks_at_its_plugins_before_it_joins(home):
    home.scheduler()
    missing = home.path / "x.so"
    told = fails(home, "tgworker", "--plugin", f"{missing}:{'0' * 64}")
    assert f"--plugin: library {missing}: No such file" in told
    missing.write_bytes(b"not the one")
    told = fails(home, "tgworker", "--plugin", f"{missing}:{'0' * 64}")
    found = hashlib.sha256(b"not the one").hexdigest()
    assert f"the file has SHA-256 {found}, allowed is '{'0' * 64}'" in told
    home.worker("--plugin", f"{missing}:{found}")


# --- the web server -----------------------------------------------------------------------------


def get(port, path, host="localhost"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers={"Host": host})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_metrics_and_health(home):
    port = home.free_port()
    scheduler, _ = home.scheduler("--web", f"127.0.0.1:{port}")
    assert f"metrics at http://127.0.0.1:{port}/metrics" in scheduler.log()
    assert get(port, "/health") == (503, "no worker\n")
    home.worker("--name", "first")
    assert get(port, "/health") == (200, "ok\n")
    code, text = get(port, "/metrics")
    assert code == 200 and "\ntilegraph_workers 1\n" in text and 'name="first"' in text
    for line in text.splitlines():  # as Prometheus reads it
        assert line.startswith("# ") or float(line.rsplit(" ", 1)[1]) >= 0
    assert get(port, "/metrics", "evil.example")[0] == 421


# --- what goes wrong ----------------------------------------------------------------------------


def test_port_in_use(home):
    _, address = home.scheduler("--listen", "tcp://127.0.0.1:0", "--web", "0")
    text = fails(home, "tgscheduler", "--listen", address, "--cluster", "second")
    assert f"{address} is in use: take another port, or 0 for any free one" in text
    web = home.running[0].log().split("http://")[1].split("/")[0]
    text = fails(home, "tgscheduler", "--web", web, "--cluster", "second")
    assert web in text and "another program listens there" in text and "another port" in text


def test_a_second_scheduler_of_one_name(home):
    first, address = home.scheduler("--listen", "tcp://127.0.0.1:0")
    text = fails(home, "tgscheduler", "--listen", "tcp://127.0.0.1:0")
    assert f"{home.join}: the join file of a scheduler that runs already (process {first.pid} on " \
        in text
    assert "stop that one, or give this one a name" in text and "--cluster NAME" in text
    assert address in home.join.read_text()  # it is still the first one's
    home.worker()
    first.kill()
    first.wait()
    _, second = home.scheduler("--listen", "tcp://127.0.0.1:0")  # a dead one's is taken over
    assert second in home.join.read_text()


def test_all_addresses_of_a_join_file_are_tried(home):
    addresses = [f"tcp://127.0.0.1:{home.free_port()}", f"ipc://{home.path}/s"]
    home.scheduler("--listen", ",".join(addresses))
    assert [line.split()[1] for line in home.join.read_text().splitlines()[1:]] == addresses
    text = home.join.read_text().replace("\n", "\nendpoint ipc:///tmp/no-such-socket\n", 1)
    home.join.write_text(text.replace(addresses[0], f"tcp://127.0.0.1:{home.free_port()}"))
    home.worker()  # the last of three
    assert "1 worker " in home.tg("status")


@pytest.mark.parametrize("address, words", [
    ("nonsense", ["'nonsense'", "tcp://host:port, ipc:///path"]),
    ("tcp://127.0.0.1", ["tcp://127.0.0.1", "tcp://host:port is expected"]),
    ("tcp://127.0.0.1:99999", ["99999", "0 (any free one) to 65535"]),
    ("tcp://192.0.2.77:8786", ["tcp://192.0.2.77:8786", "nobody can listen there"]),
])
def test_wrong_address_to_listen_at(home, address, words):
    text = fails(home, "tgscheduler", "--listen", address)
    assert all(word in text for word in words), text


EVERYWHERE = ["0.0.0.0", "*", "[::]", "0", "[::ffff:0.0.0.0]"]


def is_told(text, host):
    assert f"tcp://{host}:0 is every address of this host" in text
    assert "give that at which they see it" in text
    assert "tgscheduler --reachable-from HOST" in text and "tgworker without --listen" in text


@pytest.mark.parametrize("host", EVERYWHERE)
def test_every_address_is_none_to_write_into_a_join_file(home, host):
    is_told(fails(home, "tgscheduler", "--listen", f"tcp://{host}:0"), host)
    assert not home.join.exists()


def test_every_address_is_none_to_fetch_tiles_from(home, own_address):
    home.scheduler("--listen", f"tcp://{own_address}:0")
    for host in EVERYWHERE:
        is_told(fails(home, "tgworker", "--listen", f"tcp://{host}:0"), host)


@pytest.mark.parametrize("address, words", [
    ("nonsense://x", ["'nonsense://x'", "tcp://host:port, ipc:///path"]),
    ("tcp://192.0.2.77:8786", ["tcp://192.0.2.77:8786", "needs keys", "use the join file"]),
])
def test_wrong_address_to_connect_to(home, address, words):
    for program in (("tgworker",), ("tg", "status")):
        result = home.run(*program, "--cluster", address)
        assert result.returncode == 1
        assert all(word in result.stderr for word in words), result.stderr


def test_nobody_there(home):
    address = f"tcp://127.0.0.1:{home.free_port()}"
    text = fails(home, "tgworker", "--cluster", address, "--death-timeout", "1")
    assert f"{address}: no scheduler for 1 s" in text and f"tg doctor --cluster {address}" in text


PRIVATE = """
ip link set lo up && ip addr add 10.7.7.7/32 dev lo || exit 77
tgscheduler --listen tcp://10.7.7.7:8786 --insecure & all=$!
while ! [ -e "$JOIN" ]; do sleep 0.1; done
for name in one two; do
    tgworker --name $name --nthreads 1 --memory-limit 256MiB & all="$all $!"
done
"$PYTHON" -c "$PROGRAM"; code=$?
tg status
tg status --cluster tcp://10.7.7.7:8786
kill $all && wait
exit $code
"""
PROGRAM = """
import os, tilegraph as tg
with tg.distributed.Client(os.environ["JOIN"]) as client:
    client.wait_for_workers(2)
    a = tg.ones((512, 512), chunks=64)
    assert (client.compute(a + a.sum(axis=0)).result(timeout=30) == 513).all()
"""


def test_without_keys_on_a_private_network(home):
    """In a network of its own, as the host of the test may have other addresses."""
    pytest.importorskip("tilegraph")
    new = ("unshare", "--net", "--map-root-user")
    if any(shutil.which(name) is None for name in ("unshare", "ip")) or \
            subprocess.run([*new, "true"], capture_output=True).returncode:
        pytest.skip("no network can be made here")
    env = {**home.env, "JOIN": str(home.join), "PYTHON": sys.executable, "PROGRAM": PROGRAM}
    result = home.run("/usr/bin/env", *new, "sh", "-c", PRIVATE, env=env)
    if result.returncode == 77:
        pytest.skip("no address can be given here")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "2 workers" in result.stdout and "tcp://10.7.7.7:" in result.stderr
    # Who has the address alone does not know that this network is to be trusted.
    assert "use the join file of the cluster" in result.stderr


def test_wrong_key(home, own_address):
    scheduler, address = home.scheduler("--listen", f"tcp://{own_address}:0")
    home.scheduler("--listen", f"tcp://{own_address}:0", "--cluster", "other")
    mine = home.join.read_text().splitlines()
    other = (home.path / ".local/share/tg/other/join").read_text().splitlines()

    def mixed(*from_other):
        lines = [b if b.split()[0] in from_other else a for a, b in zip(mine, other)]
        path = home.path / "mixed"
        path.unlink(missing_ok=True)
        path.touch(0o600)
        path.write_text("\n".join(lines) + "\n")
        return path

    assert "refused" not in scheduler.log()  # its own trial of a key of nobody is no news
    ours = mixed("public-key", "secret-key")
    for program in (("tgworker",), ("tg", "status")):
        result = home.run(*program, "--cluster", ours)
        assert result.returncode == 1
        assert f"{address} refuses our key" in result.stderr
        assert "use the join file of this cluster" in result.stderr
    assert "somebody was refused whose key is not known here" in scheduler.log()
    theirs = mixed("server-key")  # which looks as if it was just stopping
    for program in (("tgworker", "--death-timeout", 3), ("tg", "status")):
        result = home.run(*program, "--cluster", theirs)
        assert result.returncode == 1
        assert address in result.stderr and "another key than its join file says" in result.stderr
    assert "1 worker" not in home.tg("status")


class Forwarder:
    """As ssh -L and docker-proxy: it takes every connection, and closes it when nobody listens
    behind it."""

    def __init__(self):
        self.to = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            here, _ = self._listener.accept()
            if self.to is None:
                here.close()
                continue
            there = socket.create_connection(("127.0.0.1", self.to))
            for a, b in ((here, there), (there, here)):
                threading.Thread(target=self._carry, args=(a, b), daemon=True).start()

    @staticmethod
    def _carry(a, b):
        while data := a.recv(65536):
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)


def test_a_forwarder_without_a_scheduler_behind_it_is_no_refusal(home):
    way = Forwarder()
    worker = home.start("tgworker", "--cluster", way.address, "--nthreads", 1)
    text = home.run("tg", "status", "--cluster", way.address).stderr  # 10 s
    assert "no scheduler answered for 10 s" in text and "not behind the proxy" in text
    text = fails(home, "tgworker", "--cluster", way.address, "--death-timeout", "2")
    assert "no scheduler for 2 s" in text and "not behind the proxy" in text
    assert worker.poll() is None
    _, address = home.scheduler("--listen", "tcp://127.0.0.1:0")
    way.to = int(address.rsplit(":", 1)[1])
    home.wait_for(lambda: "joined the cluster" in worker.log())


def test_wrong_version(home):
    home.scheduler()
    data = (home.bin / "tgworker").read_bytes()
    version = home.run("tgworker", "--version").stdout.split()[1].encode()
    other = home.path / "tgworker9"
    assert len(version) == 5 and data.count(version + b"\0") == 1
    other.write_bytes(data.replace(version + b"\0", b"9.9.9\0"))
    other.chmod(0o700)
    result = home.run(other)
    assert result.returncode == 1
    assert f"this scheduler is tilegraph {version.decode()} and you are tilegraph 9.9.9" \
        in result.stderr
    assert "install the same version on both" in result.stderr


def test_join_files_that_cannot_be_read(home):
    home.scheduler("--listen", "tcp://127.0.0.1:0")
    copy = home.path / "copy"

    def refused():
        results = [home.run(*program, "--cluster", copy)
                   for program in (("tgworker",), ("tg", "status"))]
        assert [r.returncode for r in results] == [1, 1]
        text = results[0].stderr
        assert all(str(copy) in r.stderr for r in results)
        return text

    text = refused()
    assert "No such file" in text and "tgscheduler writes this file" in text
    shutil.copy(home.join, copy)
    copy.chmod(0o644)
    assert f"others may read this secret: it must belong to you; do: chmod 600 {copy}" in refused()
    copy.write_text("nonsense\n")  # for others to read: it is no secret
    assert "does not begin with the line 'tilegraph-join 1'" in refused()
    copy.write_text(home.join.read_text() + "colour red\n")
    copy.chmod(0o600)
    assert "colour" in refused()
    copy.unlink()
    copy.mkdir()
    assert "not a regular file" in refused()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_cannot_be_written(home):
    folder = home.path / "closed"
    folder.mkdir(0o500)
    text = fails(home, "tgscheduler", "--join-file", folder / "deeper/join")
    assert str(folder) in text


def test_spill_folder_that_is_not_there(home):
    home.scheduler()
    text = fails(home, "tgworker", "--local-directory", "/no/such/folder")
    assert "/no/such/folder" in text


# --- the log ------------------------------------------------------------------------------------


def test_the_scheduler_says_who_comes_and_goes_and_what_becomes_of_jobs(home, job, scan):
    scheduler, _ = home.scheduler("--listen", "tcp://127.0.0.1:0")
    workers = [home.worker("--name", name) for name in ("ann", "bob")]
    numbers = {w["name"]: w["id"] for w in json.loads(home.tg("status", "--json"))["workers"]}
    for name, number in numbers.items():
        assert f"worker {name} ({number}) has joined: 1 threads, 240 MiB for tiles\n" in (
            scheduler.log())
    before = scheduler.log()
    home.tg("status")
    home.tg("dump")
    assert scheduler.log() == before  # a tool that asks is no news
    scan(16)
    assert home.run(job, home.join, home.path / "in.zarr", home.path / "out.zarr").returncode == 0
    home.wait_for(lambda: re.search(r"client \S+ \(\d+\) has left\n", scheduler.log()))
    log = scheduler.log()
    assert re.search(r"client \S+ \(\d+\) has attached\n", log)
    assert re.search(r"job 1 of \S+ begins: \d+ tasks\n", log)
    assert re.search(r"job 1 of \S+ has ended after [0-9.e-]+ s: \d+ tasks\n", log)
    workers[0].send_signal(signal.SIGTERM)
    assert workers[0].wait(30) == 0
    workers[1].kill()
    home.wait_for(lambda: f"worker bob ({numbers['bob']}) is gone: " in scheduler.log())
    log = scheduler.log()
    assert f"worker ann ({numbers['ann']}) has left" in log
    assert f"worker ann ({numbers['ann']}) is gone" not in log
    assert "peer " not in log and "goodbye" not in log and "dropped" not in log
