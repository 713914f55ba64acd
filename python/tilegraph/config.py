# SPDX-License-Identifier: BSD-3-Clause
"""Settings: how many threads, how much memory, and where functions of your own run.

    tg.config.set(threads=4)                       from now on
    with tg.config.set(memory_limit="2 GiB"):      here only
        ...
    tg.config.get("memory_limit")                  bytes
    tg.config.set(isolate=True)                    map_blocks runs its functions in child processes
    tg.config.set(function_timeout=60)             seconds for one call there; then it is killed
    tg.config.set(function_memory="4 GiB")         address space of each of these processes

Where a value comes from, the first that has it: `set`; the environment (TG_THREADS,
TG_MEMORY_LIMIT, TG_ISOLATE, ...); the file named by TG_CONFIG, or
$XDG_CONFIG_HOME/tilegraph/config.toml, or ~/.config/tilegraph/config.toml; the engine's own choice
(one thread per core, half of the memory that the process may really use, functions in this process,
no limits for them).

    # config.toml
    threads = 4
    memory_limit = "8 GiB"

Keys that are not known are errors, in all three places.
"""

import os
import sys
import threading

from .errors import TgTypeError, TgValueError

__all__ = ["get", "set", "show"]

KEYS = ("threads", "memory_limit", "isolate", "function_timeout", "function_memory")
# Variables of Client, of the services in packaging/, of the build, of tests and of benchmarks: no
# settings.
_OTHER_VARIABLES = ("TG_CONFIG", "TG_FUZZ", "TG_ISA", "TG_JEMALLOC", "TG_JOIN_FILE", "TG_LISTEN",
                    "TG_MAKE_TIMELINE", "TG_PYTHON", "TG_ROOT", "TG_SANITIZE", "TG_SCREENSHOTS",
                    "TG_TESTS", "TG_WEB", "TG_WERROR")
_OTHER_PREFIXES = ("TG_TEST_", "TG_BENCH_")

_given = {}  # by set()
_automatic = {}  # what the session came up with at its start
_lock = threading.RLock()


def get(key, default=None):
    """The value of a setting: threads; memory_limit in bytes; isolate; function_timeout in seconds
    and function_memory in bytes, None when there is none."""
    _known(key, "tilegraph.config.get")
    from . import _engine

    session = _engine.session()
    if key == "threads":
        value = _engine.lib.tg_session_threads(session)
    elif key == "memory_limit":
        value = _engine.lib.tg_session_memory_limit(session)
    else:
        value = {**_automatic, **_given}[key]
    return default if value is None else value


class set:  # noqa: A001 (the name is Dask's)
    """Changes settings; as a context manager, until the end of the block.

    threads: number of threads. memory_limit: bytes, or text such as "2 GiB".
    isolate: True to run the functions of map_blocks and map_overlap in child processes, one for
        each thread: several run at once, without Python's lock, and one that crashes or calls exit
        takes nothing else with it. The functions are pickled: they see no variable that changes
        here, and change none.
    function_timeout: seconds that a call in a child may take. function_memory: bytes of address
        space that a child may have, libraries included.

    None takes back to what the environment, the file or the engine say.
    """

    def __init__(self, **settings):
        for key in settings:
            _known(key, "tilegraph.config.set")
        values = {key: parse(key, value, "tilegraph.config.set") for key, value in
                  settings.items()}
        with _lock:
            self._before = {key: _given.get(key) for key in values}
            self._change(values)

    @staticmethod
    def _change(values):
        before = dict(_given)
        for key, value in values.items():
            if value is None:
                _given.pop(key, None)
            else:
                _given[key] = value
        try:
            _apply()
        except BaseException:
            _given.clear()
            _given.update(before)
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        with _lock:
            self._change(self._before)

    def __repr__(self):
        return f"<tilegraph.config.set: {show()}>"


def show():
    """The settings and where each comes from, as text."""
    sources = _sources()
    return ", ".join(
        f"{key}={get(key)} ({'set' if key in _given else sources[key][1]})" for key in KEYS
    )


# --- for _engine -------------------------------------------------------------------------------


def startup():
    """What a new session starts with; None: the engine chooses."""
    return {key: value for key, (value, _) in _sources().items()}


def opened(wanted, threads, memory_limit):
    """A session has started with these; `wanted` is what startup() said."""
    _automatic.update(wanted, threads=threads, memory_limit=memory_limit)
    _automatic["isolate"] = bool(wanted["isolate"])
    _configure()


def _apply():
    """Takes effect at once, so that a bad value is found here and not in a later computation."""
    from . import _engine

    if _engine.is_open():
        _configure()
    else:
        _engine.session()  # configures when it has opened


def _configure():
    from . import _engine

    wanted = {**_automatic, **_given}
    err = _engine.ffi.new("tg_error *")
    _engine.check(
        _engine.lib.tg_session_configure(
            _engine._session, wanted["threads"], wanted["memory_limit"], err
        ),
        err,
    )
    if "tilegraph._children" in sys.modules or any(wanted[key] for key in KEYS[2:]):
        from . import _children

        _children.configure(wanted["isolate"], wanted["function_timeout"],
                            wanted["function_memory"])


# --- reading -----------------------------------------------------------------------------------


def _sources():
    """For each key its value from environment or file, and the name of the place."""
    found = {key: (None, "automatic") for key in KEYS}
    path, values = _file()
    for key, value in values.items():
        _known(key, path)
        found[key] = (parse(key, value, path), path)
    for name in os.environ:
        if not name.startswith("TG_") or name in _OTHER_VARIABLES:
            continue
        if name.startswith(_OTHER_PREFIXES):
            continue
        key = name[3:].lower()
        if key not in KEYS:
            raise TgValueError(
                f"environment: unknown setting {name}"
                + _hint(name, [*("TG_" + k.upper() for k in KEYS), "TG_CONFIG"])
            )
        if os.environ[name]:
            found[key] = (parse(key, os.environ[name], name), name)
    return found


def _file():
    path = os.environ.get("TG_CONFIG")
    named = bool(path)
    if not named:
        home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
        path = os.path.join(home, "tilegraph", "config.toml")
    if not os.path.exists(path):
        if named:
            raise TgValueError(f"TG_CONFIG: there is no file {path}")
        return path, {}
    try:
        import tomllib
    except ImportError:  # Python 3.10
        import tomli as tomllib
    with open(path, "rb") as file:
        try:
            return path, tomllib.load(file)
        except tomllib.TOMLDecodeError as error:
            raise TgValueError(f"{path}: not valid TOML: {error}") from None


def _known(key, place):
    if key not in KEYS:
        raise TgValueError(f"{place}: unknown setting {key!r}" + _hint(key, KEYS))


def _hint(name, names):
    import difflib

    near = difflib.get_close_matches(name, names, 1)
    return (f"; did you mean {near[0]}?" if near else f"; known: {', '.join(names)}")


def parse(key, value, place):
    """A setting as a number or bool; None stays None."""
    if value is None:
        return None
    if key == "isolate":
        return _parse_bool(value, place)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TgTypeError(f"{place}: {key} must be a number or text, got {value!r}")
    if key in ("memory_limit", "function_memory"):
        return _parse_bytes(key, value, place)
    if key == "function_timeout":
        return _parse_seconds(value, place)
    try:
        threads = int(value)
    except (ValueError, OverflowError):
        threads = 0
    if not 0 < threads < 1 << 31 or (isinstance(value, float) and threads != value):
        raise TgValueError(f"{place}: threads must be a whole number of at least 1, got {value!r}")
    return threads


def _parse_bool(value, place):
    words = {"1": True, "true": True, "yes": True, "on": True,
             "0": False, "false": False, "no": False, "off": False}
    found = value if isinstance(value, bool) else words.get(str(value).lower())
    if found is None:
        raise TgValueError(f"{place}: isolate must be true or false, got {value!r}")
    return found


def _parse_seconds(value, place):
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 1e-3 <= seconds <= 1e9:
        raise TgValueError(f"{place}: function_timeout must be 0.001 to 1e9 seconds, got {value!r}")
    return seconds


def _parse_bytes(key, value, place):
    from ._engine import check, ffi, lib

    if not isinstance(value, str):
        if not 1 <= value < 1 << 63:
            raise TgValueError(f"{place}: {key} must be positive and less than 2^63, got "
                               f"{value!r}")
        return int(value)
    err = ffi.new("tg_error *")
    out = ffi.new("int64_t *")
    try:
        check(lib.tg_parse_bytes(value.encode(), out, err), err)
    except TgValueError as error:
        raise TgValueError(f"{place}: {key}: {error}") from None
    if out[0] < 1:
        raise TgValueError(f"{place}: {key} must be positive, got {value!r}")
    return out[0]
