# SPDX-License-Identifier: BSD-3-Clause
"""Hosts that are namespaces of this one: each has an address, a table of processes, mounts and a
name of its own. What one sends to another can be made to vanish, in one direction too.

    why = hosts.missing()              why there can be none here, or None
    subprocess.run([*hosts.SANDBOX, sys.executable, "program.py"])

    # program.py, inside
    with Hosts(4) as net:
        net[0].start(["tgscheduler", ...])     # as Popen; pids are those of this process's table
        net.drop(1, 2)                         # from 1 to 2
        net.heal()

All of it lives in a sandbox, whose first process is the program: when that ends, in whatever way,
the system takes away all processes, links and mounts. The program is one more host, HERE. Needs no
more than `ip` and `unshare`, and the right to make namespaces: root has it, on many systems
everybody.
"""

import ctypes
import os
import shutil
import subprocess

HERE = -1
_NETWORK = "10.77.0"
_SPACES = {"mnt": 0x20000, "uts": 0x4000000, "ipc": 0x8000000, "net": 0x40000000}
_PID = 0x20000000
_libc = ctypes.CDLL(None, use_errno=True)
# A plain user's PATH leaves `ip` out.
_ENV = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}

SANDBOX = ["unshare", *(["--user", "--map-root-user"] if os.geteuid() != 0 else []), "--net",
           "--pid", "--mount", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc"]


def missing():
    """Why there can be no hosts here; None: there can be."""
    for tool in ("unshare", "ip"):
        if shutil.which(tool, path=_ENV["PATH"]) is None:
            return f"{tool} is not installed"
    probe = subprocess.run(
        [*SANDBOX, "sh", "-c", "ip link add name a type bridge && "
         "ip link add name b type veth peer name c && mount -t tmpfs none /mnt"],
        env=_ENV, capture_output=True, text=True)
    return None if probe.returncode == 0 else f"no namespaces: {probe.stderr.strip()}"


def private_disk(folder, size):
    """For preexec_fn: this process has a disk of so many bytes there, which nobody else sees."""
    _call(_libc.unshare, _SPACES["mnt"])
    private, recursive = 1 << 18, 1 << 14
    _call(_libc.mount, None, b"/", None, private | recursive, None)
    _call(_libc.mount, b"none", os.fsencode(folder), b"tmpfs", 0, b"size=%d" % size)


def _call(what, *arguments):
    if what(*arguments) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class _ChildrenIn:
    """Children of this thread get the table of processes of that one; None: a new one."""

    def __init__(self, pid):
        self._pid = pid

    @staticmethod
    def _set(pid):
        space = os.open(f"/proc/{pid}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _call(_libc.setns, space, _PID)
        finally:
            os.close(space)

    def __enter__(self):
        if self._pid is None:
            _call(_libc.unshare, _PID)
        else:
            self._set(self._pid)

    def __exit__(self, *_):
        self._set("self")


class Here:
    """This process, as a host."""

    name, address = "here", f"{_NETWORK}.1"

    def ip(self, what):
        """A command of `ip`, there."""
        with self.start(["ip", *what.split()], env=_ENV) as done:
            if done.wait() != 0:
                raise RuntimeError(f"{self.name}: ip {what}: ended with {done.returncode}")

    def start(self, command, **options):
        """As Popen, there."""
        return subprocess.Popen(command, **options)

    def _make_hole(self):
        """Where drop() leads: frames for nobody."""
        self.ip("link add name hole type veth peer name void")
        self.ip("link set void up")
        self.ip("link set hole up")
        loose = "for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done"
        with self.start(["sh", "-c", loose]) as done:
            assert done.wait() == 0

    def drop(self, to):
        self.ip(f"neigh replace {to.address} lladdr 02:00:00:00:00:99 dev hole nud permanent")
        self.ip(f"route replace {to.address}/32 dev hole src {self.address}")

    def heal(self, to):
        self.ip(f"route del {to.address}/32 dev hole")


class Host(Here):
    """One of Hosts."""

    def __init__(self, number):
        self.name, self.address = f"host{number}", f"{_NETWORK}.{10 + number}"
        first = ("hostname $1 && mount --make-rprivate / && mount -t proc proc /proc && "
                 "echo ready && exec sleep infinity")
        with _ChildrenIn(None):  # the others end with it
            self._first = subprocess.Popen(
                ["sh", "-c", first, "sh", self.name], env=_ENV, stdout=subprocess.PIPE,
                preexec_fn=lambda: _call(_libc.unshare, sum(_SPACES.values())))
        with self._first.stdout as said:
            if said.readline() != b"ready\n":
                raise RuntimeError(f"{self.name} did not start")
        here = Here()
        here.ip(f"link add name to-{self.name} type veth peer name eth0 netns {self._first.pid}")
        here.ip(f"link set to-{self.name} master bridge up")
        self.ip("link set lo up")
        self.ip(f"addr add {self.address}/24 dev eth0")
        self.ip("link set eth0 up")
        self._make_hole()

    def start(self, command, *, preexec_fn=None, **options):
        """As Popen, there; its folder is the root."""
        spaces = [(os.open(f"/proc/{self._first.pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC), kind)
                  for name, kind in _SPACES.items()]

        def enter():
            for space, kind in spaces:
                _call(_libc.setns, space, kind)
            if preexec_fn is not None:
                preexec_fn()

        try:
            with _ChildrenIn(self._first.pid):
                return subprocess.Popen(command, preexec_fn=enter, **options)
        finally:
            for space, _ in spaces:
                os.close(space)

    def end(self):
        self._first.kill()
        self._first.wait()


class Hosts:
    """So many hosts beside this one, on one network."""

    def __init__(self, count):
        self._dropped, self._hosts = [], []
        here = Here()
        here.ip("link set lo up")
        here.ip("link add name bridge type bridge")
        here.ip(f"addr add {here.address}/24 dev bridge")
        here.ip("link set bridge up")
        here._make_hole()
        self._hosts = [*(Host(number) for number in range(count)), here]

    def __getitem__(self, number):
        return self._hosts[number]

    def __len__(self):
        """Without this one."""
        return len(self._hosts) - 1

    def drop(self, sender, receiver):
        """What one host sends to the other goes nowhere, and neither is told."""
        self._hosts[sender].drop(self._hosts[receiver])
        self._dropped.append((sender, receiver))

    def part(self, one, other):
        """Nothing passes between the two."""
        self.drop(one, other)
        self.drop(other, one)

    def heal(self):
        while self._dropped:
            sender, receiver = self._dropped.pop()
            self._hosts[sender].heal(self._hosts[receiver])

    def unplug(self, number):
        """It is there, and no one reaches it."""
        self._hosts[HERE].ip(f"link set to-{self._hosts[number].name} down")

    def plug(self, number):
        self._hosts[HERE].ip(f"link set to-{self._hosts[number].name} up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for host in self._hosts[:HERE]:
            host.end()
        self._hosts[HERE].ip("link del bridge")
        self._hosts[HERE].ip("link del hole")
