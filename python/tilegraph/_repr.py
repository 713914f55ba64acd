# SPDX-License-Identifier: BSD-3-Clause
"""HTML for notebooks: a table, and a picture of the chunks that stays small."""

import math
from html import escape

from ._engine import lib, text

#: Lines that are drawn along one axis at most: a million chunks must not become a page of SVG.
LINES_MAX = 64
_SIZE = 140  # pixels of the longest edge
_MARGIN = 28


def bytes_text(count):
    """A size for people: "1.50 GiB"."""
    if count != count:
        return "unknown"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if abs(count) < 1024 or unit == "PiB":
            return f"{count} B" if unit == "B" else f"{count:.2f} {unit}"
        count /= 1024
    return ""


def array_html(array):
    """Array._repr_html_."""
    chunk = math.prod(array.chunksize) * array.itemsize
    uri = text(lib.tg_array_uri(array._ptr))
    rows = [
        ("", "<b>Array</b>", "<b>Chunk</b>"),
        ("<b>Bytes</b>", bytes_text(array.nbytes), bytes_text(chunk)),
        ("<b>Shape</b>", _tuple(array.shape), _tuple(array.chunksize)),
        ("<b>Chunks</b>", f"{array.npartitions:,}", _tuple(array.numblocks)),
        ("<b>Data type</b>", str(array.dtype), ""),
        ("<b>Made by</b>", escape(text(lib.tg_array_op(array._ptr))), ""),
    ]
    if uri:
        rows.append(("<b>Store</b>", escape(text(lib.tg_array_format(array._ptr))), escape(uri)))
    table = "".join(
        "<tr>" + "".join(f"<td style='text-align:left'>{cell}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return ("<table><tr><td style='vertical-align:top'><table>" + table + "</table></td>"
            f"<td style='vertical-align:top'>{chunk_svg(array)}</td></tr></table>")


def explanation_html(explanation, page):
    """Explanation._repr_html_."""
    rows = (
        ("tasks", f"{explanation.tasks:,}"),
        ("peak memory", bytes_text(explanation.peak_bytes)),
        ("chunks read", f"{explanation.chunks_read:,}"),
        ("bytes read", bytes_text(explanation.bytes_read)),
        ("bytes written", bytes_text(explanation.bytes_written)),
    )
    table = "".join(
        f"<tr><td style='text-align:left'><b>{name}</b></td><td>{value}</td></tr>"
        for name, value in rows
    )
    return (f"<table>{table}</table><details><summary>plan</summary><pre>{page}</pre></details>")


def _tuple(values):
    return "(" + ", ".join("?" if v != v else str(v) for v in values) + ")"


# --- the picture -------------------------------------------------------------------------------


def chunk_svg(array):
    """The chunk grid: the last three axes as a box, axes before them as a line of text."""
    shape = array.shape
    if not shape or any(n != n for n in shape) or 0 in shape:
        return ""
    axes = range(max(len(shape) - 3, 0), len(shape))
    last = shape[-3:]
    lines = [_positions(array, axis, edge) for axis, edge in zip(axes, _edges(last))]
    names = [str(n) for n in shape[-3:]]
    if len(last) == 1:
        body, width, height = _flat([0.0, 30.0], lines[0], ["", names[0]])
    elif len(last) == 2:
        body, width, height = _flat(lines[0], lines[1], names)
    else:
        body, width, height = _box(lines, names)
    if len(shape) > 3:
        body += (f'<text x="0" y="{height + 12:.0f}" font-size="11">x '
                 f"{escape(_tuple(shape[:-3]))}</text>")
        height += 16
    return (f'<svg width="{width:.0f}" height="{height:.0f}" '
            'style="stroke:currentColor;stroke-width:1;fill:none" '
            f'xmlns="http://www.w3.org/2000/svg">{body}</svg>')


def _edges(shape):
    """Pixels of each axis: the ratio is kept, up to 1 to 5."""
    longest = max(shape)
    return [_SIZE * max(n / longest, 0.2) for n in shape]


def _positions(array, axis, pixels):
    """Where lines are drawn: chunk borders, thinned to LINES_MAX."""
    total = array.shape[axis]
    if array.numblocks[axis] > 1 << 20:  # regular, and closer than a pixel
        return [pixels * i / (LINES_MAX - 1) for i in range(LINES_MAX)]
    sizes = array.chunks[axis]
    borders, at = [0], 0
    for size in sizes:
        at += size
        borders.append(at)
    if len(borders) > LINES_MAX:
        step = (len(borders) - 1) / (LINES_MAX - 1)
        borders = [borders[round(i * step)] for i in range(LINES_MAX)]
    return [pixels * border / total for border in borders]


def _line(x0, y0, x1, y1):
    return f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"/>'


def _label(x, y, name):
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="11" stroke="none" fill="currentColor">' \
           f"{name}</text>"


def _flat(rows, columns, names):
    height, width = rows[-1], columns[-1]
    body = '<g transform="translate(1,1)">'
    body += f'<rect width="{width:.1f}" height="{height:.1f}" fill="#8ab4d8" fill-opacity="0.3"/>'
    body += "".join(_line(0, y, width, y) for y in rows)
    body += "".join(_line(x, 0, x, height) for x in columns) + "</g>"
    body += _label(width / 2 - 8, height + 16, names[1]) + _label(width + 6, height / 2, names[0])
    return body, width + _MARGIN + 12, height + _MARGIN


def _box(lines, names):
    """Three axes: the first one goes back to the right."""
    depth, rows, columns = lines
    height, width = rows[-1], columns[-1]
    skew = 0.5
    dx, dy = depth[-1] * skew, depth[-1] * skew
    body = f'<g transform="translate(1,{dy + 1:.1f})">'
    body += f'<rect width="{width:.1f}" height="{height:.1f}" fill="#8ab4d8" fill-opacity="0.3"/>'
    body += "".join(_line(0, y, width, y) for y in rows)
    body += "".join(_line(x, 0, x, height) for x in columns)
    body += "".join(
        _line(d * skew, -d * skew, width + d * skew, -d * skew)
        + _line(width + d * skew, -d * skew, width + d * skew, height - d * skew)
        for d in depth
    )
    body += "".join(_line(x, 0, x + dx, -dy) for x in columns)
    body += "".join(_line(width, y, width + dx, y - dy) for y in rows) + "</g>"
    body += _label(width / 2 - 8, height + dy + 16, names[2])
    body += _label(width + dx + 6, height / 2, names[1])
    body += _label(width + dx / 2 + 8, height + dy / 2 + 10, names[0])
    return body, width + dx + _MARGIN + 12, height + dy + _MARGIN
