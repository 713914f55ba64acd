# SPDX-License-Identifier: BSD-3-Clause
"""The commands of `tg` that look at a cluster, and those that start one."""

import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
from processes import alive


def program(home, name, text):
    """A program of this name in front of all others."""
    folder = home.path / "fake"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o700)
    if not home.env["PATH"].startswith(str(folder)):
        home.env["PATH"] = f"{folder}:{home.env['PATH']}"


def test_a_job_that_does_not_go_on_says_why(home):
    """In the log, in a file with the whole state, in tg status, and where it was asked for."""
    scheduler = home.start("tgscheduler", "--stuck", 1, ready="listening at")
    home.worker("--name", "one", "--allow-python", sys.executable)
    program = ("import sys, time; from tilegraph.distributed import Client\n"
               "with Client(sys.argv[1]) as client: client.submit(time.sleep, 5).result(60)\n")
    run = home.start(sys.executable, "-c", program, home.join)
    home.wait_for(lambda: "does not go on" in scheduler.log())
    assert re.search(r"job 1 does not go on: no task has ended for \d+ ms: task 0 of stage 0 is "
                     r"assigned to worker \d+.*; the state is in \S+/stuck.json", scheduler.log())
    state = home.join.parent / "stuck.json"
    home.wait_for(state.exists)  # it is written right behind the line
    assert json.loads(state.read_text())["server"]["jobs"] and state.stat().st_mode & 0o77 == 0
    assert "no task has ended for" in home.tg("status")
    assert run.wait(60) == 0
    assert run.log().count("a computation on the cluster does not go on: no task has ended") >= 1
    assert "no task has ended" not in home.tg("status")


# --- looking at a cluster -----------------------------------------------------------------------


def test_status(home):
    home.scheduler()
    assert "0 workers with 0 threads, 0 jobs" in home.tg("status")
    home.worker("--name", "one")
    home.worker("--name", "two \x1b[31m \"quoted\"")
    text = home.tg("status")
    assert "2 workers with 2 threads, 0 jobs" in text and "\x1b" not in text
    one = next(line for line in text.splitlines() if line.startswith("one"))
    assert one.split()[1] == "1" and "240.0 MiB" in one and one.endswith("idle")
    told = json.loads(home.tg("status", "--json"))
    assert {w["name"] for w in told["workers"]} == {"one", "two \x1b[31m \"quoted\""}
    assert abs(told["unix_ns"] * 1e-9 - time.time()) < 60
    assert home.tg("status", "--cluster", home.join) == text


def test_top_without_a_terminal(home):
    home.scheduler()
    home.worker("--name", "one")
    assert home.tg("top").count("WORKER") == 1
    text = home.tg("top", "--count", 2)
    assert text.count("WORKER") == 2 and "\x1b" not in text
    lines = [line.split() for line in text.splitlines() if line.startswith("one")]
    assert lines[0][2] == "-" and lines[1][2:4] == ["0", "%"]  # measured between the two
    assert "--interval" in home.tg("top", "--interval", 0, code=2)


def test_top_on_a_terminal(home):
    home.scheduler()
    home.worker("--name", "one")
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(home.bin / "tg", ["tg", "top"], {**home.env, "TERM": "xterm"})
    shown = b""
    asked = False
    until = time.monotonic() + 60
    try:
        while time.monotonic() < until:
            if select.select([fd], [], [], 0.1)[0]:
                shown += os.read(fd, 65536)
            if not asked and shown.count(b"\x1b[H") >= 2:  # in place, twice
                os.write(fd, b"q")
                asked = True
    except OSError:  # it has ended, and with it the terminal
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(fd)
    assert asked and b"q quits" in shown and b"one" in shown
    assert shown.startswith(b"\x1b[?1049h") and shown.endswith(b"\x1b[?25h\x1b[?1049l")


def test_dump(home):
    home.scheduler()
    home.worker("--name", "one")
    told = json.loads(home.tg("dump"))
    assert told["server"]["workers"][0]["name"] == "one" and len(told["state"]["workers"]) == 1
    path = home.path / "dump.json"
    assert home.tg("dump", "-o", path) == ""
    assert json.loads(path.read_text()).keys() == told.keys()
    assert f"{path} cannot be written" in home.tg("dump", "-o", path, code=1)


# --- doctor -------------------------------------------------------------------------------------


def visit(home, *args, code=0):
    result = home.run("tg", "doctor", *args)
    assert result.returncode == code, result.stdout + result.stderr
    lines = {}
    for line in result.stdout.split("\n\n")[0].splitlines():
        verdict, what, text = re.fullmatch(r"(ok|warning|fault) +(\w+(?: \w+)*)  +(.*)",
                                           re.sub(r"^(\S+ +.{11}) ", r"\1  ", line)).groups()
        lines[what] = (verdict, text)
    return lines


def test_doctor(home):
    home.scheduler()
    lines = visit(home)
    assert lines["workers"][0] == "warning" and "tgworker --cluster" in lines["workers"][1]
    home.worker()
    lines = visit(home, "--local-directory", home.path)
    assert lines["workers"] == ("ok", "1")
    assert set(lines) == {"version", "join file", "scheduler", "workers", "ports", "clock",
                          "open files", "threads", "memory", "huge pages", "spill disk"}
    for what in ("version", "join file", "scheduler", "clock"):
        assert lines[what][0] == "ok", lines[what]
    assert str(home.path) in lines["spill disk"][1]
    assert not list(home.path.glob("tg-doctor*"))


def test_doctor_finds_faults(home):
    missing = visit(home, code=1)["join file"]
    assert missing[0] == "fault" and "start tgscheduler" in missing[1]
    home.scheduler("--listen", "tcp://127.0.0.1:0")
    home.join.chmod(0o644)
    lines = visit(home, code=1)
    assert lines["join file"] == ("fault", f"{home.join}: others may read its keys: do: chmod 600 "
                                           f"{home.join}")
    assert "scheduler" not in lines
    home.join.chmod(0o600)
    home.join.parent.chmod(0o777)
    assert "chmod go-w" in visit(home)["join file"][1]
    home.join.parent.chmod(0o700)
    lines = visit(home, "--local-directory", "/no/such", code=1)
    assert lines["spill disk"][0] == "fault" and "--local-directory" in lines["spill disk"][1]
    few = home.run("/bin/sh", "-c", f"ulimit -n 200; {home.bin}/tg doctor")
    assert few.returncode == 1 and "fault    open files  200" in few.stdout
    assert "have the hard limit raised" in few.stdout and "LimitNOFILE" in few.stdout
    few = home.run("/bin/sh", "-c", f"ulimit -Sn 200; {home.bin}/tg doctor")
    assert re.search(r"fault    open files  200: enough for some 66 peers: do: ulimit -n \d+",
                     few.stdout)
    nobody = visit(home, "--cluster", f"tcp://127.0.0.1:{home.free_port()}", code=1)
    assert nobody["scheduler"][0] == "fault" and "no scheduler answered" in nobody["scheduler"][1]
    assert "cannot be reached: Connection refused: does tgscheduler run" in nobody["ports"][1]


def test_doctor_tries_the_ports_of_workers(home):
    home.scheduler("--listen", "tcp://127.0.0.1:0")
    home.worker("--name", "one")
    assert visit(home)["ports"] == ("ok", "tiles of 1 worker can be fetched from here")
    for _ in range(5):  # one that has died is known for a second, and its port is closed
        home.worker("--name", "dead").kill()
        result = home.run("tg", "doctor")
        if "ports" in result.stdout and "fault" in result.stdout:
            break
    text = next(line for line in result.stdout.splitlines() if "ports" in line)
    assert text.startswith("fault") and "worker \"dead\" cannot be reached at tcp://127" in text
    assert "Connection refused" in text and "--listen tcp://ADDRESS:PORT" in text


def test_doctor_tries_all_addresses_of_a_name(home, names):
    def ports(name):
        return visit(home, "--cluster", f"tcp://{name}:{port}", code=1)["ports"]

    with socket.create_server(("127.0.0.1", 0)) as there:
        port = there.getsockname()[1]
        for name in ("127.0.0.1_127.0.0.2", "127.0.0.2_127.0.0.1"):
            verdict, text = ports(name)
            assert verdict == "warning", text
            assert f"tcp://{name}:{port}: some addresses of this name do not answer" in text
            assert text.endswith("give the one that does: 127.0.0.1")
        for name in ("127.0.0.2_224.0.0.1", "224.0.0.1_127.0.0.2"):
            last = name.split("_")[1]
            with pytest.raises(OSError) as said:
                socket.create_connection((last, port), timeout=2)
            assert ports(name)[0] == "fault"
            assert f"cannot be reached: {said.value.strerror}: does" in ports(name)[1]


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="there is no tmpfs")
def test_doctor_knows_memory_from_disk(home):
    home.scheduler()
    assert "is memory, not a disk" in visit(home, "--local-directory", "/dev/shm")["spill disk"][1]


# --- ssh ----------------------------------------------------------------------------------------

SSH = """#!/bin/sh
# As ssh: options, host, command. Knows one host that is down.
echo "$@" >> "$HOME/ssh.log"
[ "$2" != down ] || { echo "ssh: connect to host down: No route to host" >&2; exit 255; }
shift 2
exec sh -c "$*"
"""


def test_ssh_prints_what_it_would_run(home):
    text = home.tg("ssh", "localhost", "node2", "--nthreads", 3, "--memory-limit", "1GiB",
                   "--print")
    assert text.splitlines() == [
        "tgscheduler --reachable-from localhost --quiet &",
        *(f"ssh -oBatchMode=yes {host} 'tgworker --cluster - --nthreads 3 --memory-limit 1GiB' "
          f"< {home.join} &" for host in ("localhost", "node2"))]
    assert not home.join.exists()


def test_ssh(home):
    program(home, "ssh", SSH)
    run = home.start("tg", "ssh", "localhost", "127.0.0.1", "--nthreads", 1, "--memory-limit",
                     "256MiB", ready="The cluster is there")
    home.wait_for(lambda: "2 workers with 2 threads" in home.tg("status"))
    log = (home.path / "ssh.log").read_text()
    assert log.count("--memory-limit 256MiB") == 2
    assert "secret-key" not in log
    run.send_signal(signal.SIGINT)
    assert run.wait(60) == 0, run.log()
    assert run.log().count("leaving: hands on what it has") == 2
    assert run.log().count("ended with 0") == 2
    assert not home.join.exists()


def test_ssh_whose_process_is_killed_leaves_no_worker(home):
    program(home, "ssh", SSH)
    run = home.start("tg", "ssh", "localhost", "--nthreads", 1, ready="The cluster is there")
    home.wait_for(lambda: "1 worker with" in home.tg("status"))
    scheduler = int(subprocess.run(["pgrep", "-P", str(run.pid), "tgscheduler"],
                                   capture_output=True, text=True).stdout)
    run.kill()
    try:
        home.wait_for(lambda: "0 workers" in home.tg("status"))
    finally:
        os.kill(scheduler, signal.SIGTERM)
        home.wait_for(lambda: not alive(scheduler))  # it removes its own files


def test_ssh_to_a_host_that_is_down(home):
    program(home, "ssh", SSH)
    run = home.start("tg", "ssh", "--listen", "tcp://127.0.0.1:0", "down")
    assert run.wait(60) == 1
    assert "No route to host" in run.log() and "down: ended with 255" in run.log()


def test_ssh_refuses_what_a_shell_would_read(home):
    assert "'$(id)'" in home.tg("ssh", "$(id)", code=2)
    assert "--local-directory" in home.tg("ssh", "a", "--local-directory", "/tmp;id", code=2)
    assert "it needs HOST" in home.tg("ssh", code=2)


# --- slurm --------------------------------------------------------------------------------------


def test_slurm_prints_a_script(home):
    script = home.tg("slurm", "--print", "--nodes", 4, "--cpus-per-task", 8, "--time", "2-00:00:00",
                     "--partition", "long", "--mem", "64G")
    assert 'srun --kill-on-bad-exit=0 --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}"' in script
    for line in ("--nodes=4", "--cpus-per-task=8", "--time=2-00:00:00", "--partition=long",
                 "--mem=64G"):
        assert f"#SBATCH {line}\n" in script
    assert script.startswith("#!/bin/bash\n")
    checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert checked.returncode == 0, checked.stderr
    assert "--print" in home.tg("slurm", code=2)
    assert "--partition" in home.tg("slurm", "--print", "--partition", "a b", code=2)
    assert "--nodes" in home.tg("slurm", "--print", "--nodes", "0", code=2)


PASSED = ("--allow-python", "/opt/venv/bin/python", "--memory-limit", "8GiB",
          "--function-timeout", "60", "--local-directory", "/scratch")


def test_options_of_workers_are_passed_on(home):
    script = home.tg("slurm", "--print", *PASSED)
    shown = home.tg("ssh", "--print", "node1", *PASSED)
    worker = script[script.index("    tgworker "):script.index(" &\nworkers=$!")]
    for option, value in zip(PASSED[::2], PASSED[1::2]):
        assert f'{option} "{value}"' in worker
        assert f"{option} {value}" in shown
    checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert checked.returncode == 0, checked.stderr
    assert "--allow-python" in home.tg("slurm", "--print", "--allow-python", "a;b", code=2)
    assert "--allow-python" in home.tg("ssh", "node1", "--allow-python", "a;b", code=2)


def test_slurm_script_runs(home):
    """On this host, with srun and scontrol as they look to it."""
    program(home, "scontrol", "#!/bin/sh\necho localhost\n")
    program(home, "srun", "#!/bin/bash\n"
                          "while [[ $1 == --* ]]; do shift; done\n"
                          "trap 'kill $(jobs -p)' TERM\n"
                          "for node in 1 2; do \"$@\" --memory-limit 256MiB & done\n"
                          "wait; wait\n")
    pytest.importorskip("tilegraph")
    (home.path / "job.py").write_text(
        "import tilegraph as tg\n"
        "from tilegraph.distributed import Client\n"
        "assert tg.config.get('threads') >= 1\n"
        "with Client() as client:\n"
        "    client.wait_for_workers(2)\n"
        "    print('the sum is', tg.ones((300, 300), chunks=100).sum().compute())\n")
    command = ('while ! tg status --cluster "$TG_JOIN_FILE" | grep "2 workers"; do sleep 0.1; done;'
               f" {sys.executable} {home.path}/job.py")
    script = home.path / "job.sh"
    script.write_text(home.tg("slurm", "--print", command))
    home.env.update(SLURM_JOB_ID="7", SLURM_JOB_NODELIST="localhost", SLURM_CPUS_PER_TASK="1")
    result = home.run(shutil.which("bash"), script)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "2 workers with 2 threads" in result.stdout
    assert "the sum is 90000.0" in result.stdout, result.stdout + result.stderr
    assert result.stderr.count("leaving: hands on what it has") == 2, result.stderr
    assert not (home.path / ".local/share/tg/slurm-7").exists()
