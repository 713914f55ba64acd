#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The rules of this tree that a compiler does not know.

    tools/tidy.py [--root DIR] [--strict] [--rules]

Prints `path:line: rule: what is wrong` for each finding, and ends with 1 if there is any. Notes
(missing tests of ops) fail only with --strict. docs/style.md has the reasons.

A line that must break a rule says so at its end, with the reason:
    free(text); /* tidy: allow banned-call: libfoo gives this memory from malloc */

To add a rule: a generator function with @rule below, and a planted violation in
tests/tidy/test_tidy.py, which checks that no rule is without one.
"""

import argparse
import re
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

# ------------------------------------------------------------------------------------------------
# The tree's own facts. Everything that is likely to change stands here.

LIBRARY = ("include/", "core/", "ops/", "io/", "scheduler/", "worker/")

# Which "..." (and <tilegraph/...>) includes a folder may have. The longest prefix counts; what is
# not named here (tests, benchmarks) may include everything.
PURE_SCHEDULER = ("include/", "core/", "scheduler/state/", "scheduler/server/")
LAYERS = {
    "include/": ("include/",),
    "core/": ("include/", "core/"),
    "ops/": ("include/", "core/", "ops/"),
    "io/": ("include/", "core/", "io/"),
    "scheduler/": ("include/", "core/", "scheduler/"),
    "scheduler/state/": ("include/", "core/", "scheduler/state/"),
    "scheduler/server/": PURE_SCHEDULER,
    # The executor and its data know no sockets and no command line; shells stand above them.
    "worker/": ("include/", "core/", "ops/", "io/", "worker/", "!worker/net/", "!worker/cli/"),
    "worker/agent/": ("include/", "core/", "worker/agent/"),
    "worker/net/": ("include/", "core/", "ops/", "io/", "scheduler/", "worker/", "!worker/cli/"),
    "worker/cli/": ("include/", "core/", "ops/", "io/", "scheduler/", "worker/"),
    "python/": ("include/",),
    "examples/": ("include/",),
    "tests/install/": ("include/",),
}

NET = (
    r"(worker|scheduler)/net/|scheduler/(web|daemon)/"
    r"|worker/cli/(tg(worker|scheduler)|lifeline)\.c$"
)


@dataclass(frozen=True)
class Fence:
    """A header outside the tree that only some files may include."""

    header: str  # regular expression for the name in <...>
    where: str  # regular expression for the paths that may
    single: bool = False  # and there only one file


FENCES = [
    Fence(r"jemalloc/", r"core/mem/alloc\.c$"),
    Fence(r"msgpack(\.h$|/)", r"core/wire/"),
    Fence(r"xxhash\.h", r"core/|io/|worker/"),
    Fence(r"(tiff|tiffio)\.h", r"io/format/tiff\.c$"),
    Fence(r"jansson\.h", r"io/format/json\.c$"),
    Fence(r"png\.h", r"io/format/png\.c$"),
    Fence(r"blosc\.h", r"io/codec/", single=True),
    Fence(r"zstd(_errors)?\.h", r"io/codec/", single=True),
    Fence(r"lz4(hc|frame)?\.h", r"io/codec/", single=True),
    Fence(r"zlib\.h", r"io/codec/", single=True),
    # gzip and crc32c each have their own header of isa-l; never the umbrella.
    Fence(r"isa-l/igzip_lib\.h", r"io/codec/\w*g(un)?zip\.c$"),
    Fence(r"isa-l/(?!igzip)[a-z0-9_]+\.h", r"io/codec/", single=True),
    Fence(r"isa-l\.h", r"$^"),
    Fence(r"curl/", r"io/store/", single=True),
    Fence(r"sleef\.h", r"ops/kernel/"),
    Fence(r"(cblas|lapacke|lapack|openblas_config)\.h", r"ops/linalg/"),
    Fence(r"(uv|zmq)\.h", NET),
    Fence(r"uv/", NET),
    Fence(r"hwloc\.h", r"worker/"),
    Fence(r"cmocka\.h", r"tests/"),
    # Of the system: threads, clocks and sockets have their places too.
    Fence(r"(pthread|threads)\.h", r"worker/|io/|core/mem/|core/array/context\.c$|" + NET),
    Fence(r"(time|sys/time|sys/timerfd)\.h", r"worker/|io/|" + NET),
    # worker/child talks to its own child processes over a socketpair, which is no network; tg
    # doctor tries whether ports are open; tgworker waits for what its interpreter says.
    Fence(r"(sys/socket|netinet/.*|arpa/inet|netdb|sys/un)\.h|sys/(e)?poll\.h|poll\.h",
          r"worker/child/|worker/cli/(reach|python_check)\.c$|" + NET),
    Fence(r"(fcntl|dirent|sys/stat|sys/file)\.h", r"(core|io|worker)/|" + NET),
    Fence(r"([a-z]mmintrin|immintrin|x86intrin|cpuid|arm_neon)\.h",
          r"ops/kernel/|core/mem/stream\.c$"),
]

# What may be included without a fence: C11, POSIX, Linux and ourselves.
KNOWN_HEADERS = re.compile(
    r"(assert|complex|ctype|errno|fenv|float|inttypes|iso646|limits|locale|math|setjmp|signal"
    r"|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|strings"
    r"|uchar|wchar|wctype|unistd|dlfcn|sched|semaphore|spawn|glob|fnmatch|regex|getopt|pwd|grp"
    r"|endian|malloc|execinfo|features|sysexits|termios|ftw|poll"
    r"|sys/[a-z_]+|linux/[a-z0-9_]+|mach/[a-z_]+|libkern/[a-zA-Z]+)\.h$|tilegraph/"
)

ALLOC = r"core/mem/alloc\.c$"
NOWHERE = r"$^"
# Function -> where it may be called after all. Tests, examples and benchmarks are free.
BANNED = {
    **dict.fromkeys(
        "malloc calloc realloc free aligned_alloc posix_memalign memalign valloc "
        "strdup strndup asprintf vasprintf".split(),
        ALLOC,
    ),
    **dict.fromkeys("strcpy strcat sprintf vsprintf strtok atoi atol atof gets".split(), NOWHERE),
    **dict.fromkeys("rand srand random srandom drand48 rand_r".split(), NOWHERE),
    "getenv": r"worker/session/env\.c$",
    "secure_getenv": r"worker/session/env\.c$",
    **dict.fromkeys(
        "time gettimeofday clock clock_gettime timespec_get".split(), r"worker/exec/clock\.c$"
    ),
    # An assertion that fails may abort; a command may end itself. The library never does.
    "abort": r"core/base/assert\.c$",
    **dict.fromkeys("exit _exit quick_exit _Exit".split(), r"worker/cli/"),
}

FILE_LINES_MAX = 1200
LINE_COLUMNS_MAX = 100
HEADINGS = ("What", "Ownership", "Threads", "Errors")
SKIPPED = {"build", "node_modules", "__pycache__", "corpus", "golden"}

# ------------------------------------------------------------------------------------------------
# Reading the tree


class Finding(NamedTuple):
    path: str
    line: int
    text: str


class Include(NamedTuple):
    line: int
    name: str
    system: bool


@dataclass
class Source:
    path: str
    lines: list[str]
    code: list[str] = field(default_factory=list)  # the same lines, comments and strings blanked
    includes: list[Include] = field(default_factory=list)

    @property
    def is_c(self) -> bool:
        return self.path.endswith((".c", ".h", ".def"))

    @property
    def generated(self) -> bool:
        return any("@generated" in line for line in self.lines[:5])


TOKENS = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""", re.DOTALL | re.VERBOSE
)
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def blank(match: re.Match) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def read(root: Path, path: Path) -> Source:
    text = path.read_text(encoding="utf-8", errors="replace")
    source = Source(path.relative_to(root).as_posix(), text.split("\n"))
    if source.is_c:
        source.code = TOKENS.sub(blank, text).split("\n")
        for number, line in enumerate(source.lines, 1):
            # In the blanked line the quoted name is gone; there it only shows that this is code.
            if (m := INCLUDE.match(line)) and "#" in source.code[number - 1]:
                source.includes.append(Include(number, m[2], m[1] == "<"))
    return source


class Tree:
    def __init__(self, root: Path):
        self.root = root
        self.sources: dict[str, Source] = {}
        for path in sorted(self.walk(root)):
            source = read(root, path)
            self.sources[source.path] = source

    def walk(self, folder: Path) -> Iterator[Path]:
        for entry in folder.iterdir():
            if entry.name.startswith(".") or entry.is_symlink():
                continue
            if entry.is_dir():
                if entry.name not in SKIPPED:
                    yield from self.walk(entry)
            elif entry.suffix in (".c", ".h", ".def", ".py"):
                yield entry

    def c(self, *prefixes: str) -> Iterator[Source]:
        for source in self.sources.values():
            if source.is_c and source.path.startswith(prefixes or ""):
                yield source

    def exists(self, path: str) -> bool:
        return path in self.sources or (self.root / path).exists()


RULES: dict[str, Callable[[Tree], Iterator[Finding]]] = {}
NOTES: set[str] = set()


def rule(name: str, note: bool = False):
    def add(function):
        RULES[name] = function
        if note:
            NOTES.add(name)
        return function

    return add


# ------------------------------------------------------------------------------------------------
# Includes


def layer_of(path: str) -> tuple[str, ...] | None:
    prefixes = [p for p in LAYERS if path.startswith(p)]
    return LAYERS[max(prefixes, key=len)] if prefixes else None


def target_of(tree: Tree, source: Source, include: Include) -> str:
    """The path in the tree that an include names, however it is spelled."""
    if include.name.startswith("tilegraph/"):
        return "include/" + include.name
    if include.system or tree.exists(include.name):
        return include.name
    beside = f"{source.path.rpartition('/')[0]}/{include.name}"
    return beside if tree.exists(beside) else include.name


@rule("layer")
def layer(tree: Tree) -> Iterator[Finding]:
    """A folder includes only from itself and from below."""
    for source in tree.c():
        allowed = layer_of(source.path)
        if allowed is None:
            continue
        refused = tuple(a[1:] for a in allowed if a.startswith("!"))
        for include in source.includes:
            target = target_of(tree, source, include)
            if include.system and not target.startswith("include/"):
                continue
            if target.startswith(allowed) and not (refused and target.startswith(refused)):
                continue
            yield Finding(source.path, include.line, f"may not include {target}")


@rule("include-path")
def include_path(tree: Tree) -> Iterator[Finding]:
    """Internal includes name their file from the root, public ones are <tilegraph/...>."""
    for source in tree.c(*LIBRARY):
        for include in source.includes:
            if not include.system and not include.name.startswith((*LIBRARY, "tilegraph/")):
                yield Finding(
                    source.path, include.line, f'"{include.name}" is not a path from the root'
                )


@rule("fence")
def fence(tree: Tree) -> Iterator[Finding]:
    """A library outside the tree is known to the files named for it only."""
    users = defaultdict(list)
    for source in tree.c(*LIBRARY, "python/", "examples/", "tests/install/"):
        program = source.path.startswith(("examples/", "tests/install/"))
        for include in source.includes:
            if not include.system:
                continue
            fences = [f for f in FENCES if re.match(f.header, include.name)]
            if program:
                # A user's program may use the system as it likes, but none of our libraries.
                if not KNOWN_HEADERS.match(include.name) and include.name not in (
                    "time.h", "pthread.h", "threads.h", "sys/time.h",
                ):  # fmt: skip
                    yield Finding(
                        source.path, include.line, f"<{include.name}> in a program for users"
                    )
                continue
            for f in fences:
                if not re.match(f.where, source.path):
                    yield Finding(source.path, include.line, f"<{include.name}> is fenced")
                elif f.single:
                    users[include.name].append((source.path, include.line))
            if not fences and not KNOWN_HEADERS.match(include.name):
                yield Finding(
                    source.path, include.line,
                    f"<{include.name}> is unknown: give it a fence in tools/tidy.py",
                )  # fmt: skip
    for name, places in users.items():
        for path, line in places[1:]:
            yield Finding(path, line, f"<{name}> belongs to one file, and has {places[0][0]}")


# ------------------------------------------------------------------------------------------------
# Calls and constructs


@rule("banned-call")
def banned_call(tree: Tree) -> Iterator[Finding]:
    """Functions that have a better one of ours, or that a library must not call."""
    # `a->free(x)` and `a.free(x)` call a member, `->free = f` names one.
    call = re.compile(r"(?<![\w.])(?<!->)(%s)\s*\(" % "|".join(BANNED))
    for source in tree.c(*LIBRARY):
        for number, line in enumerate(source.code, 1):
            for m in call.finditer(line):
                if not re.match(BANNED[m[1]], source.path):
                    yield Finding(source.path, number, f"{m[1]}() is banned here")


@rule("op-switch")
def op_switch(tree: Tree) -> Iterator[Finding]:
    """What depends on an op stands in its descriptor, never in a switch."""
    on_op = re.compile(r"\bcase\s+\(?TG_OP_(?!CLASS_)\w|\bswitch\s*\(.*\bop(_id|->id|\.id)\b")
    for source in tree.c(*LIBRARY):
        for number, line in enumerate(source.code, 1):
            if on_op.search(line):
                yield Finding(source.path, number, "switch over ops")


@rule("constructor")
def constructor(tree: Tree) -> Iterator[Finding]:
    """Registration by constructor vanishes from a static library; use a table."""
    for source in tree.c(*LIBRARY):
        for number, line in enumerate(source.code, 1):
            if re.search(r"__attribute__\s*\(\(.*\b(con|de)structor\b", line):
                yield Finding(source.path, number, "constructor or destructor function")


@rule("dead-code")
def dead_code(tree: Tree) -> Iterator[Finding]:
    """No #if 0: git remembers."""
    for source in tree.c():
        for number, line in enumerate(source.code, 1):
            if re.match(r"\s*#\s*if\s+[01]\s*$", line):
                yield Finding(source.path, number, line.strip())


@rule("todo")
def todo(tree: Tree) -> Iterator[Finding]:
    """What is left to do has an issue."""
    words = "TO" + "DO|FIX" + "ME|XX" + "X"  # in two parts, lest this line be found
    for source in tree.sources.values():
        for number, line in enumerate(source.lines, 1):
            for m in re.finditer(rf"\b({words})\b(\(#\d+\))?", line):
                if not (m[1] == "TO" + "DO" and m[2]):
                    yield Finding(source.path, number, f"{m[1]} without an issue")


# ------------------------------------------------------------------------------------------------
# Form


@rule("file-length")
def file_length(tree: Tree) -> Iterator[Finding]:
    """A file is one thing."""
    for source in tree.sources.values():
        if len(source.lines) > FILE_LINES_MAX + 1 and not source.generated:
            yield Finding(source.path, len(source.lines), f"more than {FILE_LINES_MAX} lines")


@rule("line-length")
def line_length(tree: Tree) -> Iterator[Finding]:
    """Two files fit beside each other."""
    for source in tree.sources.values():
        for number, line in enumerate(source.lines, 1):
            if len(line) > LINE_COLUMNS_MAX and not source.generated:
                yield Finding(source.path, number, f"{len(line)} columns")


def is_template(path: str) -> bool:
    return path.endswith(".tmpl.h")


@rule("headings")
def headings(tree: Tree) -> Iterator[Finding]:
    """A header is the manual: What, Ownership, Threads, Errors, before its first declaration."""
    for source in tree.c(*LIBRARY):
        if not source.path.endswith(".h") or is_template(source.path):
            continue
        head = []
        for raw, code in zip(source.lines, source.code):
            stripped = code.strip()
            if stripped and not stripped.startswith("#"):
                break
            head.append(raw)
        text = "\n".join(head)
        missing = [h for h in HEADINGS if not re.search(rf"\b{h}\b[\w, ]*[:.]", text)]
        if missing:
            yield Finding(source.path, 1, f"no heading {', '.join(missing)}")


@rule("guard")
def guard(tree: Tree) -> Iterator[Finding]:
    """Every header has a guard TG_..._<FILE>_H, and no two the same."""
    seen: dict[str, str] = {}
    for source in tree.c(*LIBRARY, "tests/support/"):
        if not source.path.endswith(".h") or is_template(source.path):
            continue
        stem = re.sub(r"\W", "_", source.path.rpartition("/")[2][:-2]).upper()
        text = "\n".join(source.code)
        m = re.search(r"^\s*#\s*ifndef\s+(\w+)\s*\n\s*#\s*define\s+(\w+)", text, re.MULTILINE)
        if not m or m[1] != m[2] or not re.fullmatch(rf"TG_(\w+_)?{stem}_H", m[1]):
            yield Finding(source.path, 1, f"no guard TG_<FOLDER>_{stem}_H")
        elif m[1] in seen:
            yield Finding(source.path, 1, f"guard {m[1]} is also that of {seen[m[1]]}")
        else:
            seen[m[1]] = source.path


# ------------------------------------------------------------------------------------------------
# The build


@rule("unbuilt")
def unbuilt(tree: Tree) -> Iterator[Finding]:
    """Every .c is compiled, and every internal header included by somebody."""
    included = set()
    for source in tree.c():
        included.update(target_of(tree, source, i) for i in source.includes)
    found_by_cmake = re.compile(
        r"(core|ops|io|worker|scheduler)/.*\.c$|tests/(.*/)?test_\w+\.c$|tests/support/\w+\.c$"
        r"|tests/sim/sim\w*\.c$|tests/worker/child/example_plugin\.c$|tests/chaos/stranger\.c$"
        r"|tests/fuzz/fuzz_\w+\.c$|tests/install/|examples/[^/]+\.c$|benchmarks/(.*/)?bench_\w+\.c$"
        r"|python/cffi/\w+\.c$|tests/(.*/)?make_\w+\.c$"
    )
    # A template may be included through a macro that holds its name.
    named = {n for s in tree.c() for line in s.lines for n in re.findall(r'"([\w/.]+)"', line)}
    for source in tree.c():
        path = source.path
        if path.endswith(".c") and path not in included and not found_by_cmake.match(path):
            yield Finding(path, 1, "no build rule finds this file by its name")
        internal = path.startswith(LIBRARY[1:]) and path.endswith((".h", ".def"))
        if internal and path not in included | named:
            yield Finding(path, 1, "nobody includes this file")


def ops_of(tree: Tree) -> dict[str, int]:
    """The names in ops/op.def, and in the lists it includes, with their lines."""
    ops = {}
    for path in sorted(p for p in tree.sources if re.fullmatch(r"ops/op(_\w+)?\.def", p)):
        for number, line in enumerate(tree.sources[path].code, 1):
            if m := re.match(r"\s*TG_OP\(\s*(\w+)", line):
                ops[m[1]] = number
    return ops


def op_files(tree: Tree) -> Iterator[tuple[str, str, int]]:
    """(op, path, line) of each descriptor `const tg_op tg_op_<name> =`."""
    for source in tree.c("ops/"):
        for number, line in enumerate(source.code, 1):
            if m := re.match(r"\s*(?:\w+\s+)*?const\s+tg_op\s+tg_op_(\w+)\s*=", line):
                yield m[1], source.path, number


@rule("op-unlisted")
def op_unlisted(tree: Tree) -> Iterator[Finding]:
    """A descriptor without a line in op.def is never found by anybody."""
    listed = ops_of(tree)
    for name, path, line in op_files(tree):
        if name not in listed:
            yield Finding(path, line, f"no TG_OP({name}) in ops/op.def")


@rule("op-untested", note=True)
def op_untested(tree: Tree) -> Iterator[Finding]:
    """Every op is named in a test of its family or in a Python test. Internal ones, of which users
    cannot know, are tested through the ops that are made of them."""
    family = {name: path.split("/")[1] for name, path, _ in op_files(tree) if path.count("/") > 1}
    words = defaultdict(set)  # of tests by family; Python tests under ""
    for source in tree.sources.values():
        name = source.path.rpartition("/")[2]
        if not name.startswith("test_"):
            continue
        if m := re.match(r"tests/ops/(\w+)/test_\w+\.c$", source.path):
            key = m[1]
        elif source.path.endswith(".py"):
            key = ""
        else:
            continue
        words[key].update(re.findall(r"[A-Za-z]\w*", "\n".join(source.lines)))
    internal = set()
    for name, path, line in op_files(tree):
        descriptor = "\n".join(tree.sources[path].lines[line - 1 :]).partition("};")[0]
        if '.module = "_"' in descriptor:
            internal.add(name)
    for op, line in ops_of(tree).items():
        in_c = words[family.get(op, "?")]
        if op not in in_c | words[""] | internal and f"tg_{op}" not in in_c:
            yield Finding("ops/op.def", line, f"no test names {op}")


# ------------------------------------------------------------------------------------------------


def allowed_here(tree: Tree, name: str, finding: Finding) -> bool:
    source = tree.sources.get(finding.path)
    if source is None or finding.line > len(source.lines):
        return False
    return bool(re.search(rf"tidy: allow {name}: [^\s*]", source.lines[finding.line - 1]))


def check(root: Path) -> Iterator[tuple[str, Finding]]:
    tree = Tree(root)
    for name, function in RULES.items():
        for finding in function(tree):
            if not allowed_here(tree, name, finding):
                yield name, finding


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--strict", action="store_true", help="notes fail too")
    parser.add_argument("--rules", action="store_true", help="list the rules and end")
    args = parser.parse_args()
    if args.rules:
        for name, function in RULES.items():
            print(f"{name:14}{function.__doc__}")
        return 0
    failed = False
    for name, finding in check(args.root.resolve()):
        soft = name in NOTES and not args.strict
        failed |= not soft
        print(f"{finding.path}:{finding.line}: {'note: ' * soft}{name}: {finding.text}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
