#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Prepares a machine for building tilegraph: system packages, a private jemalloc and the Python
# environments. Each stage first looks whether its work is already done and is then silent, so
# that `make` may call this script every time.
#
#   tools/setup.sh [stage ...]      default: system jemalloc python
#
#   system     compilers and libraries, from the system's package manager
#   jemalloc   the allocator, from source, into the user's cache folder
#   python     .venv, what the tests and the examples need
#   bench      .venv-bench, the peers that benchmarks/ measures against
#   format     clang-format
#   tidy       .venv-tidy, the clang-tidy that .clang-tidy is written for
#   chromium   a browser, for the tests of the dashboard
#
# Environment: PYTHON (python3), XDG_CACHE_HOME, and CC for jemalloc.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

# ---------------------------------------------------------------------------------------------
# System packages. One list per stage and package manager; a new dependency adds one name to each.

packages_of() { # stage manager
    case "$1:$2" in
        system:apt)
            echo cmake ninja-build ccache gcc make pkg-config python3-dev python3-venv \
                libmsgpack-dev libblosc-dev libzstd-dev liblz4-dev zlib1g-dev libisal-dev \
                libtiff-dev libjansson-dev libopenblas-dev libsleef-dev libxxhash-dev \
                libpng-dev libuv1-dev libzmq3-dev libcmocka-dev
            ;;
        system:dnf)
            echo cmake ninja-build ccache gcc make pkgconf-pkg-config python3-devel bzip2 \
                msgpack-devel blosc-devel libzstd-devel lz4-devel zlib-devel isa-l-devel \
                libtiff-devel jansson-devel openblas-devel sleef-devel xxhash-devel \
                libpng-devel libuv-devel zeromq-devel libcmocka-devel libasan libubsan libtsan
            ;;
        system:brew)
            echo cmake ninja ccache pkg-config python@3.12 msgpack c-blosc zstd lz4 zlib isa-l \
                libtiff jansson openblas sleef xxhash libpng libuv zeromq cmocka
            ;;
        format:apt) echo clang-format ;;
        format:dnf) echo clang-tools-extra ;;
        format:brew) echo clang-format ;;
        chromium:apt) echo chromium ;;
        chromium:dnf) echo chromium ;;
        chromium:brew) echo chromium ;;
    esac
}

package_manager() {
    if [[ $(uname) == Darwin ]]; then
        command -v brew >/dev/null && echo brew
    elif command -v apt-get >/dev/null; then
        echo apt
    elif command -v dnf >/dev/null; then
        echo dnf
    fi
}

missing_packages() { # manager package...
    local manager=$1 name installed
    shift
    case $manager in
        apt)
            installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
            for name in "$@"; do
                grep -qx "$name installed" <<<"$installed" || echo "$name"
            done
            ;;
        dnf)
            for name in "$@"; do
                rpm -q --whatprovides "$name" >/dev/null 2>&1 || echo "$name"
            done
            ;;
        brew)
            installed=$(brew list -1 2>/dev/null || true)
            for name in "$@"; do
                grep -qx "$name" <<<"$installed" || echo "$name"
            done
            ;;
    esac
}

# The interpreter that makes .venv need not be the system's (pyenv, conda). If it has what we need,
# the system's python packages are of no use to us, and their absence is no fault.
python_is_complete() {
    "${PYTHON:-python3}" - <<'END' >/dev/null 2>&1
import ensurepip, os, sysconfig, venv
assert os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
END
}

install_packages() { # stage
    local manager missing as_root=
    manager=$(package_manager)
    if [[ -z $manager ]]; then
        say "no apt, dnf or brew here: install by hand what packages_of() in tools/setup.sh names"
        return 0
    fi
    # shellcheck disable=SC2046  # package names are words
    missing=$(missing_packages "$manager" $(packages_of "$1" "$manager"))
    if [[ -n $missing ]] && python_is_complete; then
        missing=$(grep -v '^python' <<<"$missing" || true)
    fi
    missing=$(xargs <<<"$missing")
    [[ -n $missing ]] || return 0

    if [[ $manager != brew && $(id -u) != 0 ]]; then
        if sudo -n true 2>/dev/null; then
            as_root="sudo -n"
        else
            say "these packages are missing, and installing them needs root:"
            say "    $missing"
            return 1
        fi
    fi
    say "installing: $missing"
    # shellcheck disable=SC2086  # lists of words
    case $manager in
        apt)
            $as_root apt-get update -qq </dev/null
            # Another checkout may be at the same; wait for it.
            $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
                --no-install-recommends -o DPkg::Lock::Timeout=300 $missing </dev/null >/dev/null
            ;;
        dnf) $as_root dnf install -q -y $missing </dev/null ;;
        brew) brew install -q $missing </dev/null ;;
    esac
}

# ---------------------------------------------------------------------------------------------
# jemalloc. Packaged builds use initial-exec TLS and cannot be loaded into a running Python
# ("cannot allocate memory in static TLS block"), so we build our own, once per user.

jemalloc_version=5.3.0
jemalloc_sha256=2db82d1e7119df3e71b7640219b6dfe84789bc0537983c3b7ac4f7189aecfeaa
jemalloc_url=https://github.com/jemalloc/jemalloc/releases/download/$jemalloc_version/jemalloc-$jemalloc_version.tar.bz2
# cmake/TgJemalloc.cmake looks in the same place.
jemalloc_root=${XDG_CACHE_HOME:-$HOME/.cache}/tilegraph/jemalloc-$jemalloc_version-$(uname -m)

sha256_of() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}

# The archive through apt: works where only the distribution's mirror can be reached. The list of
# sources, the indexes and the cache are all in a folder of our own; /etc stays untouched.
jemalloc_from_apt() { # folder -> $folder/jemalloc_5.3.0.orig.tar.bz2
    local dir=$1 distro keyring opts
    command -v apt-get >/dev/null || return 1
    # shellcheck source=/dev/null
    distro=$(. /etc/os-release && echo "${ID:-}")
    keyring=/usr/share/keyrings/$distro-archive-keyring.gpg
    [[ -r $keyring ]] || return 1
    mkdir -p "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial"
    apt-get indextargets 'Created-By: Packages' 'Component: main' \
        --format "\$(ORIGIN) deb-src [signed-by=$keyring] \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" |
        sed -n "s/^$distro deb-src/deb-src/Ip" | sort -u >"$dir/apt/sources.list"
    [[ -s $dir/apt/sources.list ]] || return 1
    opts=(-qq -o "Dir::Etc::SourceList=$dir/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$dir/apt/lists" -o "Dir::Cache=$dir/apt/cache")
    # The unprivileged user that apt switches to cannot read our folder.
    [[ $(id -u) != 0 ]] || opts+=(-o APT::Sandbox::User=root)
    (cd "$dir" && apt-get "${opts[@]}" update && apt-get "${opts[@]}" source --download-only \
        "jemalloc") >"$dir/apt.log" 2>&1 </dev/null || return 1
    [[ -f $dir/jemalloc_$jemalloc_version.orig.tar.bz2 ]]
}

setup_jemalloc() {
    local dir archive configure_flags
    [[ ! -f $jemalloc_root/lib/libjemalloc.a ]] || return 0
    dir=$(mktemp -d)
    # shellcheck disable=SC2064  # the folder's name is wanted now, not at exit
    trap "rm -rf '$dir'" EXIT
    say "building jemalloc $jemalloc_version (once; takes up to a minute)"
    if jemalloc_from_apt "$dir"; then
        archive=$dir/jemalloc_$jemalloc_version.orig.tar.bz2
    else
        archive=$dir/jemalloc.tar.bz2
        curl -fsSL --retry 3 -o "$archive" "$jemalloc_url" </dev/null ||
            { say "jemalloc cannot be fetched: the build falls back to the system allocator"; return 0; }
    fi
    # Debian's original archive is upstream's release, byte for byte: one checksum for both ways.
    [[ $(sha256_of "$archive") == "$jemalloc_sha256" ]] || die "jemalloc: wrong checksum: $archive"
    tar -xjf "$archive" -C "$dir"

    configure_flags=(--disable-initial-exec-tls --disable-cxx --disable-libdl
        --with-jemalloc-prefix=je_ --with-private-namespace=tg_ --without-export --disable-shared)
    (
        cd "$dir/jemalloc-$jemalloc_version"
        ./configure --prefix="$dir/out" "${configure_flags[@]}" EXTRA_CFLAGS=-fPIC
        make -j"$(getconf _NPROCESSORS_ONLN)" build_lib_static
        make install_lib_static install_include
    ) >"$dir/build.log" 2>&1 </dev/null || {
        tail -20 "$dir/build.log" >&2
        die "jemalloc: the build failed"
    }
    cp "$dir/jemalloc-$jemalloc_version/COPYING" "$dir/out/COPYING"
    # Another checkout may have finished first; whoever moves second keeps the first one's files.
    mkdir -p "$(dirname "$jemalloc_root")"
    rm -f "$dir/out/lib/libjemalloc_pic.a"
    [[ -f $jemalloc_root/lib/libjemalloc.a ]] ||
        { rm -rf "$jemalloc_root" && mv "$dir/out" "$jemalloc_root"; }
    rm -rf "$dir"
    trap - EXIT
}

# ---------------------------------------------------------------------------------------------
# Python environments. The stamp holds the hash of the requirement file that was installed.

setup_venv() { # folder requirements
    local folder=$1 requirements=$2 stamp wanted
    stamp=$folder/.requirements.sha256
    wanted=$(sha256_of "$requirements")
    [[ -x $folder/bin/python && -f $stamp && $(<"$stamp") == "$wanted" ]] && return 0
    say "installing $requirements into $folder"
    [[ -x $folder/bin/python ]] || "${PYTHON:-python3}" -m venv "$folder"
    "$folder/bin/python" -m pip install -q --disable-pip-version-check -r "$requirements" </dev/null
    echo "$wanted" >"$stamp"
}

# ---------------------------------------------------------------------------------------------

[[ $# -gt 0 ]] || set -- system jemalloc python

for stage in "$@"; do
    case $stage in
        system | format | chromium) install_packages "$stage" ;;
        jemalloc) setup_jemalloc ;;
        python) setup_venv .venv python/requirements-dev.txt ;;
        bench) setup_venv .venv-bench benchmarks/requirements.txt ;;
        tidy) setup_venv .venv-tidy tools/requirements-tidy.txt ;;
        *) die "unknown stage '$stage' (system jemalloc python bench format tidy chromium)" ;;
    esac
done
