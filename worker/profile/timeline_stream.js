/* SPDX-License-Identifier: BSD-3-Clause */
/* The charts: an overview of the whole run, the task stream and the memory on one time axis. */
const GUTTER = threads.some((thread) => thread.name) ? 140 : 64;
const AXIS = 20;
const FONT = '12px system-ui, "DejaVu Sans", sans-serif';
const view = { from: 0, to: duration };
const charts = {};
let chosen = null; /* { thread, inner, index } */
let hovered = null;
let pointerTime = null;
let singled = -1; /* the stage singled out in the legend */
let dragRange = null; /* [from, to] while shift is dragged */
let frame = 0;
const rowHeight = Math.max(7, Math.min(30, Math.floor(460 / Math.max(1, threads.length))));

const laneOf = (hit) => (hit.inner ? threads[hit.thread].inner : threads[hit.thread].outer);
const plotWidth = () => Math.max(1, charts.stream.width - GUTTER);
const toX = (time) => GUTTER + (time - view.from) / (view.to - view.from) * plotWidth();
const toTime = (x) => view.from + (x - GUTTER) / plotWidth() * (view.to - view.from);

function setView(from, to) {
  const least = Math.max(20, duration / 1e8);
  const span = Math.min(Math.max(to - from, least), duration);
  const start = Math.min(Math.max(from + (to - from - span) / 2, 0), duration - span);
  view.from = start;
  view.to = start + span;
  redraw();
}

function zoom(factor, at = (view.from + view.to) / 2) {
  setView(at - (at - view.from) * factor, at + (view.to - at) * factor);
}

function pan(part) {
  const by = (view.to - view.from) * part;
  setView(view.from + by, view.to + by);
}

function redraw() {
  if (!frame) {
    frame = requestAnimationFrame(() => {
      frame = 0;
      drawOverview();
      drawStream();
      drawMemory();
      byId("range").textContent = view.to - view.from >= duration ? "whole run, "
        + timeText(duration) : axisText(view.from, (view.to - view.from) / 100) + " + "
        + timeText(view.to - view.from);
    });
  }
}

/* The canvas in pixels of the screen, and a context in pixels of CSS. */
function fitCanvas(chart, height) {
  const ratio = window.devicePixelRatio || 1;
  chart.width = chart.canvas.clientWidth;
  chart.height = height;
  chart.canvas.style.height = height + "px";
  chart.canvas.width = Math.round(chart.width * ratio);
  chart.canvas.height = Math.round(height * ratio);
  chart.context.setTransform(ratio, 0, 0, ratio, 0, 0);
}

function fitAll() {
  fitCanvas(charts.overview, 34);
  fitCanvas(charts.stream, Math.max(1, threads.length) * rowHeight + 2);
  fitCanvas(charts.memory, 150);
  charts.busy = null;
  redraw();
}

function ticks() {
  const wanted = (view.to - view.from) / Math.max(2, plotWidth() / 110);
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= wanted);
  const list = [];
  for (let n = Math.ceil(view.from / step); n * step <= view.to; n++) {
    list.push(n * step);
  }
  return { list, step };
}

function drawGrid(context, height) {
  context.fillStyle = theme.grid;
  for (const time of ticks().list) {
    context.fillRect(Math.round(toX(time)), 0, 1, height);
  }
}

function drawPointer(context, height) {
  if (dragRange) {
    const [a, b] = dragRange.map(toX);
    context.fillStyle = theme.shade;
    context.fillRect(Math.min(a, b), 0, Math.abs(b - a), height);
  }
  if (pointerTime !== null) {
    context.fillStyle = theme.faint;
    context.fillRect(Math.round(toX(pointerTime)), 0, 1, height);
  }
}

/* Draws runs of equal columns of pixels as one rectangle. */
function columnPainter(context, y, height, colorOf, alphaOf) {
  const sums = new Float64Array(stageCount + 1 + IDLE + 1);
  const touched = [];
  let column = -1, covered = 0;
  let from = 0, to = 0, color = -1, alpha = 0;
  const paint = () => {
    if (color >= 0) {
      context.globalAlpha = alpha;
      context.fillStyle = colorOf(color);
      context.fillRect(from, y, to - from, height);
    }
    color = -1;
  };
  const close = () => {
    if (column >= 0) {
      let most = touched[0];
      for (const c of touched) {
        most = sums[c] > sums[most] ? c : most;
      }
      /* White shows the idle part of a column; what is there at all must stay visible. */
      const a = alphaOf(most) * Math.round(8 * Math.min(1, 0.3 + 0.7 * covered)) / 8;
      if (most !== color || a !== alpha || column !== to) {
        paint();
        from = column;
      }
      color = most;
      alpha = a;
      to = column + 1;
      for (const c of touched) {
        sums[c] = 0;
      }
      touched.length = 0;
    }
    column = -1;
    covered = 0;
  };
  return {
    add(x, width, c) {
      const at = Math.floor(x);
      if (at !== column) {
        close();
        column = at;
      }
      if (sums[c] === 0) {
        touched.push(c);
      }
      sums[c] += Math.max(width, 1e-9);
      covered += width;
    },
    end() {
      close();
      paint();
      context.globalAlpha = 1;
    },
  };
}

const colorIndex = (lane, i) => (lane.kind[i] === TASK ? lane.stage[i]
  : stageCount + 1 + lane.kind[i]);
const colorFor = (c) => (c <= stageCount ? theme.task[c] : theme.kind[c - stageCount - 1]);

/* Events of less than 1.5 pixels are summed by column, so that a million of them cost one pass. */
function drawLane(context, lane, y, height, labels) {
  const scale = plotWidth() / (view.to - view.from);
  const right = charts.stream.width;
  const alphaOf = (c) => (singled < 0 || c === singled ? 1 : 0.13);
  const columns = columnPainter(context, y, height, colorFor, alphaOf);
  const wide = [];
  for (let i = firstAfter(lane, view.from); i < lane.count && lane.start[i] < view.to; i++) {
    if (lane.kind[i] !== IDLE) {
      const x = GUTTER + (lane.start[i] - view.from) * scale;
      /* What takes no time is seen all the same. */
      const width = Math.max((lane.end[i] - lane.start[i]) * scale, lane.kind[i] >= RETRY ? 1 : 0);
      if (width < 1.5) {
        columns.add(Math.max(x, GUTTER), width, colorIndex(lane, i));
      } else {
        wide.push(i);
      }
    }
  }
  columns.end();
  context.font = FONT;
  context.textBaseline = "middle";
  for (const i of wide) {
    const c = colorIndex(lane, i);
    const a = Math.max(GUTTER, toX(lane.start[i]));
    const b = Math.min(right, toX(lane.end[i]));
    /* Lets neighbours of one colour be told apart. */
    const gap = b - a > 4 ? 1 : b - a > 2 ? 0.5 : 0;
    context.globalAlpha = alphaOf(singled < 0 ? c : lane.stage[i]);
    context.fillStyle = colorFor(c);
    context.fillRect(a, y, b - a - gap, height);
    if (labels && lane.kind[i] === TASK && b - a > 70 && height >= 14) {
      drawLabel(context, data.stages[lane.stage[i]].label, theme.text[c], a + 6, b - 6,
        y + height * 0.42);
    }
  }
  context.globalAlpha = 1;
}

function drawLabel(context, text, color, from, to, y) {
  const room = to - from;
  let label = text;
  if (context.measureText(label).width > room) {
    label = label.slice(0, Math.max(1, Math.floor(room / 6.6) - 1)) + "\u2026";
  }
  context.fillStyle = color;
  context.fillText(label, from, y, room);
}

function outline(context, hit, color, width) {
  const lane = laneOf(hit);
  const a = Math.max(GUTTER, toX(lane.start[hit.index]));
  const b = Math.min(charts.stream.width, toX(lane.end[hit.index]));
  if (b >= GUTTER && a <= charts.stream.width) {
    context.strokeStyle = color;
    context.lineWidth = width;
    context.strokeRect(a - 1, hit.thread * rowHeight + 1, Math.max(b - a, 1) + 1, rowHeight - 1);
  }
}

function drawStream() {
  const { context, width, height } = charts.stream;
  context.clearRect(0, 0, width, height);
  for (let k = 0; k < threads.length; k++) {
    context.fillStyle = k % 2 ? theme.card : theme.row;
    context.fillRect(GUTTER, k * rowHeight + 1, width - GUTTER, rowHeight);
  }
  drawGrid(context, height);
  for (let k = 0; k < threads.length; k++) {
    const y = k * rowHeight + 2;
    const tall = rowHeight - 2;
    const strip = Math.max(2, Math.round(tall * 0.28));
    drawLane(context, threads[k].outer, y, tall, true);
    drawLane(context, threads[k].inner, y + tall - strip, strip, false);
    if (rowHeight >= 13 || k % Math.ceil(13 / rowHeight) === 0) {
      context.font = FONT;
      context.textBaseline = "middle";
      context.fillStyle = chosen && chosen.thread === k ? theme.ink : theme.soft;
      context.fillText(threads[k].name || "thread " + k, 0, k * rowHeight + rowHeight / 2 + 1,
        GUTTER - 8);
    }
  }
  if (hovered) {
    outline(context, hovered, theme.soft, 1);
  }
  if (chosen) {
    outline(context, chosen, theme.ink, 2);
  }
  drawPointer(context, height);
}

/* The part of all threads that computed, read or wrote, by pixel of the whole run. */
function busyColumns(width) {
  const columns = new Float64Array(width + 1);
  const scale = width / duration;
  for (const thread of working) {
    const lane = thread.outer;
    for (let i = 0; i < lane.count; i++) {
      if (lane.kind[i] < MEMORY) {
        const a = Math.max(0, lane.start[i] * scale);
        const b = Math.min(width, lane.end[i] * scale);
        for (let c = Math.floor(a); c < b; c++) {
          columns[c] += Math.min(b, c + 1) - Math.max(a, c);
        }
      }
    }
  }
  return columns.map((sum) => sum / Math.max(1, working.length));
}

function drawOverview() {
  const { context, width, height } = charts.overview;
  const room = Math.max(1, Math.floor(width - GUTTER));
  if (!charts.busy) {
    charts.busy = busyColumns(room);
  }
  context.clearRect(0, 0, width, height);
  context.fillStyle = theme.row;
  context.fillRect(GUTTER, 0, room, height);
  context.fillStyle = theme.accent;
  context.globalAlpha = 0.55;
  for (let c = 0; c < room; c++) {
    context.fillRect(GUTTER + c, height - charts.busy[c] * (height - 2), 1, height);
  }
  context.globalAlpha = 1;
  context.font = FONT;
  context.textBaseline = "middle";
  context.fillStyle = theme.soft;
  context.fillText("busy", 0, height / 2, GUTTER - 8);
  const a = GUTTER + view.from / duration * room;
  const b = GUTTER + view.to / duration * room;
  if (b - a < room) {
    context.fillStyle = theme.shade;
    context.fillRect(GUTTER, 0, a - GUTTER, height);
    context.fillRect(b, 0, GUTTER + room - b, height);
    context.strokeStyle = theme.ink;
    context.lineWidth = 1;
    context.strokeRect(Math.round(a) + 0.5, 0.5, Math.max(2, Math.round(b - a)) - 1, height - 1);
  }
}

/* The largest value in each column; a column without a sample holds the value before it. */
function memoryColumns(valueAt, width) {
  const list = data.memory;
  const count = list.length / 4;
  const scale = width / (view.to - view.from);
  const columns = new Float64Array(width);
  let value = 0, filled = 0;
  for (let i = 0; i < count; i++) {
    const c = Math.floor((list[4 * i] - view.from) * scale);
    for (; filled < Math.min(c, width); filled++) {
      columns[filled] = value;
    }
    value = c === filled - 1 && c >= 0 && c < width ? Math.max(value, valueAt(4 * i))
      : valueAt(4 * i);
    if (c >= 0 && c < width) {
      columns[c] = Math.max(columns[c], value);
      filled = Math.max(filled, c + 1);
    }
    if (c >= width) {
      break;
    }
  }
  /* Nothing is known past the last sample: the run ended there. */
  const last = count > 0 ? (list[4 * count - 4] - view.from) * scale : 0;
  for (; filled < Math.min(width, last + 1); filled++) {
    columns[filled] = value;
  }
  return columns;
}

function fillArea(context, low, high, toY) {
  context.beginPath();
  context.moveTo(GUTTER, toY(low ? low[0] : 0));
  for (let c = 0; c < high.length; c++) {
    context.lineTo(GUTTER + c, toY(high[c]));
    context.lineTo(GUTTER + c + 1, toY(high[c]));
  }
  for (let c = high.length - 1; c >= 0; c--) {
    context.lineTo(GUTTER + c + 1, toY(low ? low[c] : 0));
    context.lineTo(GUTTER + c, toY(low ? low[c] : 0));
  }
  context.fill();
}

function drawAxis(context, y) {
  const { list, step } = ticks();
  context.font = FONT;
  context.textBaseline = "top";
  context.fillStyle = theme.soft;
  for (const time of list) {
    const text = axisText(time, step);
    const half = context.measureText(text).width / 2;
    const x = Math.min(Math.max(toX(time), GUTTER + half), charts.memory.width - half);
    context.fillText(text, x - half, y + 5);
  }
}

function drawMemory() {
  const { context, width, height } = charts.memory;
  const room = Math.max(1, Math.floor(width - GUTTER));
  const bottom = height - AXIS;
  const top = Math.max(data.limit, data.peak, 1) * 1.12;
  const toY = (bytes) => bottom - Math.min(bytes / top, 1) * (bottom - 2);
  context.clearRect(0, 0, width, height);
  context.fillStyle = theme.row;
  context.fillRect(GUTTER, 0, room, bottom);
  drawGrid(context, bottom);
  const used = memoryColumns((at) => data.memory[at + 1], room);
  const both = memoryColumns((at) => data.memory[at + 1] + data.memory[at + 3], room);
  context.fillStyle = theme["kept-fill"];
  fillArea(context, used, both, toY);
  context.fillStyle = theme["used-fill"];
  fillArea(context, null, used, toY);
  context.strokeStyle = theme.used;
  context.lineWidth = 1.25;
  context.beginPath();
  used.forEach((bytes, c) => context.lineTo(GUTTER + c + 0.5, toY(bytes)));
  context.stroke();
  context.font = FONT;
  context.textBaseline = "middle";
  context.fillStyle = theme.soft;
  context.fillText("memory", 0, bottom - 8, GUTTER - 8);
  if (data.limit > 0) {
    const y = Math.round(toY(data.limit)) + 0.5;
    context.strokeStyle = theme.limit;
    context.setLineDash([5, 4]);
    context.beginPath();
    context.moveTo(GUTTER, y);
    context.lineTo(width, y);
    context.stroke();
    context.setLineDash([]);
    context.fillStyle = theme.limit;
    context.fillText(bytesText(data.limit), 0, y, GUTTER - 6);
  }
  const half = data.limit > 0 ? data.limit / 2 : top / 2;
  context.fillStyle = theme.line;
  context.fillRect(GUTTER, Math.round(toY(half)), room, 1);
  context.fillStyle = theme.soft;
  context.fillText(bytesText(half), 0, toY(half), GUTTER - 6);
  drawAxis(context, bottom);
  drawPointer(context, bottom);
}

/* What lies under a point of the stream: an event, or one within two pixels of it. */
function hitAt(x, y) {
  const thread = Math.floor((y - 1) / rowHeight);
  if (thread < 0 || thread >= threads.length || x < GUTTER) {
    return null;
  }
  const low = y - thread * rowHeight > rowHeight * 0.7;
  const slack = 2 / plotWidth() * (view.to - view.from);
  const time = toTime(x);
  for (const inner of low ? [true, false] : [false]) {
    const lane = inner ? threads[thread].inner : threads[thread].outer;
    const index = firstAfter(lane, time);
    if (index < lane.count && lane.start[index] <= time) {
      return { thread, inner, index };
    }
    if (index < lane.count && lane.start[index] <= time + slack) {
      return { thread, inner, index };
    }
    if (index > 0 && lane.end[index - 1] >= time - slack) {
      return { thread, inner, index: index - 1 };
    }
  }
  return null;
}
