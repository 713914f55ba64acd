# SPDX-License-Identifier: BSD-3-Clause
"""People and hosts with keys of their own: let in by the administrator's folder `allowed`, at the
scheduler and at the workers, which hold the tiles."""

import ctypes
import ctypes.util
import json

import numpy as np
import pytest

tg = pytest.importorskip("tilegraph")
pytest.importorskip("tilegraph.errors")


@pytest.fixture
def make_key():
    """A function that makes a pair of keys: public, secret."""
    name = ctypes.util.find_library("zmq") or "libzmq.so.5"
    try:
        zmq = ctypes.CDLL(name)
    except OSError:
        pytest.skip("there is no libzmq to make keys with")

    def make():
        pair = ctypes.create_string_buffer(41), ctypes.create_string_buffer(41)
        assert zmq.zmq_curve_keypair(*pair) == 0
        return tuple(key.value.decode() for key in pair)

    return make


def allow(home, name, key, *roles):
    folder = home.join.parent / "allowed"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = ["tilegraph-public-key 1", f"public-key {key}", *(f"role {role}" for role in roles)]
    path = folder / f"{name}.pub"
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o644)


def join_as(home, name, pair):
    """The join file of who has this pair: as the cluster's own, but for the keys."""
    own = {"public-key": pair[0], "secret-key": pair[1]}
    lines = []
    for line in home.join.read_text().splitlines():
        word = line.split()[0]
        lines.append(f"{word} {own[word]}" if word in own else line)
    path = home.path / f"{name}.join"
    path.touch(0o600)
    path.write_text("\n".join(lines) + "\n")
    return path


def compute(join, rows=512):
    """A result whose tiles are made of those of neighbours, and fetched by this process."""
    data = np.arange(rows * 256, dtype=np.float32).reshape(rows, 256)
    expected = tg.ndimage.gaussian_filter(data, sigma=3)
    with tg.distributed.Client(str(join)) as client:
        array = tg.from_array(data, chunks=(64, 64))
        got = client.compute(tg.ndimage.gaussian_filter(array, sigma=3)).result(timeout=40)
    np.testing.assert_array_equal(got, expected, strict=True)


def test_a_viewer_may_look(home, own_address, make_key):
    eye = make_key()
    allow(home, "eye", eye[0], "viewer")
    home.scheduler("--listen", f"tcp://{own_address}:0")
    home.worker("--name", "one")
    join = join_as(home, "eye", eye)
    assert "one" in home.tg("status", "--cluster", join)
    assert "one" in home.tg("dump", "--cluster", join)
    result = home.run("tg", "doctor", "--cluster", join)
    assert "ok       scheduler" in result.stdout and "as the scheduler's" in result.stdout
    session = pytest.raises(tg.errors.TgUnsupportedError, tg.distributed.Client, str(join))
    assert "it is one for viewers, who may only ask" in str(session.value)


def test_keys_of_their_own(home, own_address, make_key):
    alice, bob, eve = make_key(), make_key(), make_key()
    allow(home, "alice", alice[0], "client")
    allow(home, "bob", bob[0], "worker")
    scheduler, _ = home.scheduler("--listen", f"tcp://{own_address}:0")
    first = home.worker("--name", "with-the-join-file")
    second = home.worker("--name", "with-bobs-key", "--cluster", join_as(home, "bob", bob))
    compute(home.join)  # of bob's worker, too
    compute(join_as(home, "alice", alice))  # of both
    for worker in (first, second):
        assert "refused" not in worker.log(), worker.log()
    result = home.run("tg", "status", "--cluster", join_as(home, "eve", eve))
    assert result.returncode == 1 and "refuses our key" in result.stderr
    result = home.run("tgworker", "--cluster", join_as(home, "alice", alice))
    assert result.returncode == 1 and "your key does not allow to say JOIN" in result.stderr


def test_keys_within_the_host(home):
    """A port of 127.0.0.1 is open to every user of this host, unless there are keys."""
    _, address = home.scheduler("--listen", "tcp://127.0.0.1:0", "--keys")
    for _ in range(2):
        home.worker()
    compute(home.join)
    workers = json.loads(home.tg("status", "--json"))["workers"]
    assert all(" " in worker["address"] for worker in workers)  # their tiles have keys too
    result = home.run("tgworker", "--cluster", address, "--death-timeout", 10)
    assert result.returncode == 1 and "wants keys" in result.stderr
    text = home.run("tgscheduler", "--keys", "--insecure", "--cluster", "other").stderr
    assert "not both" in text
