# SPDX-License-Identifier: BSD-3-Clause
"""What the tests ask the system about processes, their own children or not."""

import re
from pathlib import Path


def alive(pid):
    """Whether there is such a process, that has not ended; one that nobody waited for has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def catches(pid, number):
    """Whether a process has a handler of its own for the signal; also when it has ended."""
    caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
    return caught is None or int(caught[1], 16) >> (number - 1) & 1 == 1
