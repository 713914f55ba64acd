# SPDX-License-Identifier: BSD-3-Clause
"""People and hosts with keys of their own: let in by the administrator's folder `allowed`, at the
scheduler and at the workers, which hold the tiles."""

import shutil

import numpy as np
import pytest

tg = pytest.importorskip("tilegraph")
pytest.importorskip("tilegraph.errors")


@pytest.fixture
def start(home, own_address):
    """A function that starts the scheduler, again: it reads then who is allowed."""
    address = f"tcp://{own_address}:{home.free_port()}"

    def start():
        for process in home.running:
            process.terminate()
            assert process.wait(30) == 0
        return home.scheduler("--listen", address)

    return start


def make_key(home, name, *args):
    """As docs/cluster.md has it."""
    path = home.path / f"{name}.join"
    said = home.tg("key", name, "-o", path, *args)
    assert str(path) in said and f"{home.join.parent}/allowed/{name}.pub" in said
    assert path.stat().st_mode & 0o777 == 0o600
    return path


def compute(join, rows=512):
    """A result whose tiles are made of those of neighbours, and fetched by this process."""
    data = np.arange(rows * 256, dtype=np.float32).reshape(rows, 256)
    expected = tg.ndimage.gaussian_filter(data, sigma=3)
    with tg.distributed.Client(str(join)) as client:
        array = tg.from_array(data, chunks=(64, 64))
        got = client.compute(tg.ndimage.gaussian_filter(array, sigma=3)).result(timeout=40)
    np.testing.assert_array_equal(got, expected, strict=True)


def test_a_viewer_may_look(home, start):
    start()
    join = make_key(home, "eye", "--role", "viewer")
    start()
    home.worker("--name", "one")
    assert "one" in home.tg("status", "--cluster", join)
    assert "one" in home.tg("dump", "--cluster", join)
    result = home.run("tg", "doctor", "--cluster", join)
    assert "ok       scheduler" in result.stdout and "as the scheduler's" in result.stdout
    session = pytest.raises(tg.errors.TgUnsupportedError, tg.distributed.Client, str(join))
    assert "it is one for viewers, who may only ask" in str(session.value)


def test_keys_of_their_own(home, start):
    start()
    alice = make_key(home, "alice")  # a client
    bob = make_key(home, "bob", "--role", "worker")
    eve = make_key(home, "eve")
    (home.join.parent / "allowed/eve.pub").unlink()
    _, address = start()
    first = home.worker("--name", "with-the-join-file")
    second = home.worker("--name", "with-bobs-key", "--cluster", bob)
    compute(home.join)  # of bob's worker, too
    compute(alice)  # of both
    for worker in (first, second):
        assert "refused" not in worker.log(), worker.log()
    result = home.run("tg", "status", "--cluster", eve)
    assert result.returncode == 1 and f"{address.split()[0]} refuses our key" in result.stderr
    result = home.run("tgworker", "--cluster", alice)
    assert result.returncode == 1 and "your key does not allow to say JOIN" in result.stderr


def test_a_key_with_two_roles(home, start):
    start()
    join = make_key(home, "carol", "--role", "worker,client")
    start()
    home.worker("--cluster", join)
    compute(join)


def test_secrets_are_told_to_nobody_else(home, start):
    start()
    join = make_key(home, "alice")
    words = dict(line.split(None, 1) for line in join.read_text().splitlines()[1:])
    own = dict(line.split(None, 1) for line in home.join.read_text().splitlines()[1:])
    assert words["server-key"] == own["server-key"] and words["endpoint"] == own["endpoint"]
    assert words["secret-key"] != own["secret-key"] and words["public-key"] != own["public-key"]
    public = (home.join.parent / "allowed/alice.pub").read_text()
    assert public.splitlines() == ["tilegraph-public-key 1", f"public-key {words['public-key']}",
                                   "role client"]


def test_a_key_that_cannot_be_made(home, start):
    home.scheduler()
    assert "this cluster has no keys" in home.tg("key", "alice", code=1)
    home.running[0].terminate()
    assert home.running[0].wait(30) == 0
    start()
    make_key(home, "alice")
    before = home.join.parent / "allowed/alice.pub", home.path / "alice.join"
    texts = [path.read_text() for path in before]
    other = home.path / "other.join"
    assert f"{before[0]} is there" in home.tg("key", "alice", "-o", other, code=1)
    assert f"{before[1]} is there" in home.tg("key", "bob", "-o", before[1], code=1)
    assert [path.read_text() for path in before] == texts  # nothing was replaced
    text = home.tg("key", "bob", "--role", "client,king", "-o", other, code=1)
    assert "a role is viewer, client or worker, got 'client,king'" in text
    assert "no name for a public key" in home.tg("key", "../bob", "-o", other, code=1)
    copy = home.path / "copy/join"
    copy.parent.mkdir(0o700)
    shutil.copy(home.join, copy)
    text = home.tg("key", "bob", "--cluster", copy, "-o", other, code=1)
    assert f"{copy} is a copy of a join file" in text and not (copy.parent / "allowed").exists()
    home.tg("key", "bob", "-o", "/proc/no/such", code=1)
    assert [path.name for path in (home.join.parent / "allowed").iterdir()] == ["alice.pub"]
    assert not other.exists()
    assert "it needs NAME" in home.tg("key", code=2)


def test_a_join_file_in_the_folder_of_this_process(home, own_address):
    """Its folder is the cluster's, with the keys, however the file is named."""
    folder = home.path / "lab"
    folder.mkdir(0o700)
    listen = "--listen", f"tcp://{own_address}:0"
    home.start("tgscheduler", "--join-file", "join", *listen, ready="listening at", cwd=folder)
    result = home.run("tg", "key", "alice", "--cluster", "join", cwd=folder)
    assert result.returncode == 0, result.stderr
    assert {path.name for path in folder.iterdir()} >= {"join", "key", "allowed", "alice.join"}
    assert not home.join.parent.exists()
