# SPDX-License-Identifier: BSD-3-Clause
"""Settings from calls, environment and file."""

import subprocess
import sys

import pytest

import tilegraph as tg


def run(script, tmp_path, **environment):
    import os

    clean = {k: v for k, v in os.environ.items() if not k.startswith("TG_")}
    clean.update(environment, XDG_CONFIG_HOME=str(tmp_path))
    return subprocess.run([sys.executable, "-c", "import tilegraph as tg\n" + script],
                          capture_output=True, text=True, env=clean)


def test_set_and_get():
    before = tg.config.get("memory_limit")
    with tg.config.set(threads=3, memory_limit="300 MiB"):
        assert tg.config.get("threads") == 3
        assert tg.config.get("memory_limit") == 300 << 20
        with tg.config.set(memory_limit=1e9):
            assert tg.config.get("memory_limit") == 10**9
        assert tg.config.get("memory_limit") == 300 << 20
        assert "threads=3 (set)" in tg.config.show()
    assert tg.config.get("memory_limit") == before
    tg.config.set(threads=1)
    assert tg.config.get("threads") == 1
    tg.config.set(threads=None)


@pytest.mark.parametrize("settings, kind", [
    ({"thread": 2}, ValueError), ({"threads": 0}, ValueError), ({"threads": -1}, ValueError),
    ({"threads": 1.5}, ValueError), ({"threads": "many"}, ValueError), ({"threads": []}, TypeError),
    ({"memory_limit": "much"}, ValueError), ({"memory_limit": -5}, ValueError),
    ({"memory_limit": 0}, ValueError), ({"threads": 10**6}, ValueError),
])
def test_bad_settings(settings, kind):
    before = tg.config.get("threads"), tg.config.get("memory_limit")
    with pytest.raises(kind) as caught:
        tg.config.set(**settings)
    assert isinstance(caught.value, tg.TilegraphError)
    assert (tg.config.get("threads"), tg.config.get("memory_limit")) == before


def test_hints():
    with pytest.raises(ValueError, match="did you mean threads"):
        tg.config.set(thread=2)
    with pytest.raises(ValueError, match="unknown setting"):
        tg.config.get("colour")


def test_environment(tmp_path):
    done = run("print(tg.config.get('threads'), tg.config.get('memory_limit'))", tmp_path,
               TG_THREADS="3", TG_MEMORY_LIMIT="200MiB")
    assert done.stdout.split() == ["3", str(200 << 20)], done.stderr
    done = run("tg.zeros(3)", tmp_path, TG_THREDS="3")
    assert "did you mean TG_THREADS" in done.stderr
    done = run("tg.zeros(3)", tmp_path, TG_THREADS="x")
    assert "TG_THREADS" in done.stderr and "ValueError" in done.stderr


@pytest.mark.parametrize("name", ["TG_THREADS", "TG_MEMORY_LIMIT"])
def test_zero_in_the_environment_is_not_the_default(tmp_path, name):
    done = run("tg.zeros(3)", tmp_path, **{name: "0"})
    assert f"{name}: " in done.stderr and "ValueError" in done.stderr and "'0'" in done.stderr


def test_file(tmp_path):
    folder = tmp_path / "tilegraph"
    folder.mkdir()
    script = "print(tg.config.get('threads'), tg.config.get('memory_limit'), tg.config.show())"
    (folder / "config.toml").write_text('threads = 5\nmemory_limit = "1 GiB"\n')
    assert run(script, tmp_path).stdout.startswith(f"5 {1 << 30} ")
    assert run(script, tmp_path, TG_THREADS="2").stdout.startswith(f"2 {1 << 30} ")
    (folder / "config.toml").write_text("thread = 5\n")
    assert "did you mean threads" in run(script, tmp_path).stderr
    (folder / "config.toml").write_text("threads = = 5\n")
    assert "config.toml" in run(script, tmp_path).stderr
    other = tmp_path / "mine.toml"
    other.write_text("threads = 4\n")
    assert run(script, tmp_path, TG_CONFIG=str(other)).stdout.startswith("4 ")
    assert "no file" in run(script, tmp_path, TG_CONFIG=str(tmp_path / "none")).stderr


def test_variables_of_the_programs_are_no_settings(tmp_path):
    """Every Python program in a job of `tg slurm` failed: the script exports TG_JOIN_FILE."""
    done = run("print(tg.ones(3).sum().compute())", tmp_path, TG_JOIN_FILE="/there/join",
               TG_LISTEN="tcp://127.0.0.1:8786", TG_WEB="127.0.0.1:8787", TG_ROOT="/srv")
    assert done.stdout.split() == ["3.0"], done.stderr
