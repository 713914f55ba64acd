/* SPDX-License-Identifier: BSD-3-Clause */
/* The rest of the page: facts, verdict, legend, details, tables; and what pointer and keys do. */
const dot = (color) => make("span", { class: "dot", color });
const rows = (pairs) => pairs.flatMap(([name, value]) => [make("dt", {}, name),
  make("dd", {}, value)]);
const covered = (t) => t.task_ns + t.read_ns + t.write_ns + t.memory_ns + t.idle_ns + t.transfer_ns
  + t.disk_ns - t.inside_ns;
const compute = (t) => t.task_ns - t.inside_ns;

function fillHeader() {
  const total = data.totals;
  const planned = data.stages.slice(0, -1).reduce((sum, stage) => sum + stage.tiles, 0);
  document.title = data.title + " \u2013 timeline";
  byId("title").textContent = data.title;
  byId("version").textContent = data.version;
  const facts = [
    [data.ended ? "Time" : "Time so far", timeText(data.duration)],
    ["Tasks", countText(total.count) + (planned > total.count ? " of " + countText(planned) : "")],
    ["Threads", String(working.length)],
    ["Read", bytesText(total.bytes_read)],
    ["Written", bytesText(total.bytes_written)],
    ...(total.bytes_transferred > 0 ? [["Transferred", bytesText(total.bytes_transferred)]] : []),
    ...(total.bytes_spilled > 0 ? [["Spilled", bytesText(total.bytes_spilled)]] : []),
    ...(total.retries + total.deaths > 0 ? [["Retries, deaths", countText(total.retries) + ", "
      + countText(total.deaths)]] : []),
    ["Peak memory", bytesText(data.peak) + (data.limit > 0 ? " of " + bytesText(data.limit) : "")],
  ];
  byId("facts").replaceChildren(...facts.map(([name, value]) => make("div", {},
    make("dt", {}, name), make("dd", {}, value))));
  if (data.dropped > 0) {
    byId("notice").textContent = countText(data.dropped) + " older events were dropped, because "
      + "the recorder keeps the newest of each thread. The chart begins later than the run; all "
      + "totals are of the whole run.";
    byId("notice").hidden = false;
  }
}

function fillLost() {
  if (data.lost > 0) {
    byId("notice").textContent += " " + countText(data.lost)
      + " events of workers did not come here: rows and totals lack them.";
    byId("notice").hidden = false;
  }
}

function fillVerdict() {
  const verdict = data.verdict;
  const sum = Math.max(1, verdict.shares.reduce((s, share) => s + share.ns, 0));
  byId("verdict-title").textContent = verdict.title;
  byId("verdict-text").textContent = verdict.text;
  byId("share-bar").replaceChildren(...verdict.shares.map((share) => make("span", {
    color: theme.share[share.name], width: 100 * share.ns / sum + "%",
  })));
  byId("share-bar").setAttribute("aria-label", verdict.shares.map((share) => share.label + " "
    + percentText(share.ns / sum)).join(", "));
  byId("share-list").replaceChildren(...verdict.shares.map((share) => make("li", {},
    dot(theme.share[share.name]), share.label, make("b", {}, percentText(share.ns / sum)))));
}

function fillLegend() {
  const used = data.stages.map((stage, i) => i).filter((i) => data.stages[i].totals.count > 0);
  const sums = ["", "read_ns", "write_ns", "memory_ns", "", "transfer_ns", "disk_ns", "disk_ns",
    "retries", "deaths"];
  const kinds = [READ, WRITE, MEMORY, TRANSFER, SPILL, LOAD, RETRY, DEATH].filter((kind) =>
    data.totals[sums[kind]] > 0);
  byId("legend").replaceChildren(...used.slice(0, 200).map((i) => {
    const button = make("button", { type: "button", "aria-pressed": String(i === singled),
      title: data.stages[i].ops }, dot(theme.task[i]), make("span", {}, data.stages[i].label));
    button.addEventListener("click", () => {
      singled = i === singled ? -1 : i;
      fillLegend();
      byId("legend").children[used.indexOf(i)].focus();
      redraw();
    });
    return button;
  }), ...kinds.map((kind) => {
    const button = make("button", { type: "button", disabled: "" }, dot(theme.kind[kind]),
      make("span", {}, kindNames[kind]));
    return button;
  }));
}

function stageCell(i) {
  return make("td", { title: data.stages[i].ops }, dot(theme.task[i]),
    make("span", { class: "label" }, data.stages[i].label));
}

function meter(part, ...text) {
  return make("span", {}, make("span", { class: "meter" }, make("i", {
    width: 100 * Math.min(1, part) + "%" })), ...text);
}

/* Columns of the table of stages: name, what it sorts by, what it shows. */
const columns = [
  ["Stage", (s) => s.label, null],
  ["Tasks", (s) => s.totals.count, (s) => (s.tiles > 0 ? meter(s.totals.count / s.tiles,
    countText(s.totals.count) + " / " + countText(s.tiles)) : countText(s.totals.count))],
  ["Tile", (s) => s.shape, (s) => s.shape],
  ["Busy", (s) => s.totals.task_ns, (s) => timeText(s.totals.task_ns)],
  ["Share", (s) => s.totals.task_ns, (s) => percentText(s.totals.task_ns
    / Math.max(1, data.totals.task_ns))],
  ["A task", (s) => s.totals.task_ns / Math.max(1, s.totals.count), (s) => timeText(
    s.totals.task_ns / Math.max(1, s.totals.count))],
  ["Waited", (s) => s.totals.wait_ns / Math.max(1, s.totals.count), (s) => timeText(
    s.totals.wait_ns / Math.max(1, s.totals.count))],
  ["Read", (s) => s.totals.read_ns, (s) => (s.totals.read_ns > 0 ? timeText(s.totals.read_ns)
    : "\u2013")],
  ["Write", (s) => s.totals.write_ns, (s) => (s.totals.write_ns > 0 ? timeText(s.totals.write_ns)
    : "\u2013")],
  ["In", (s) => s.totals.bytes_in, (s) => bytesText(s.totals.bytes_in)],
  ["Out", (s) => s.totals.bytes_out, (s) => bytesText(s.totals.bytes_out)],
  ["Predicted out", (s) => s.predicted, (s) => (s.predicted > 0 ? bytesText(s.predicted)
    : "\u2013")],
];
let sorted = { column: 3, down: true };

function fillStages() {
  const key = columns[sorted.column][1];
  const shown = data.stages.map((stage, i) => i).filter((i) => i < stageCount
    || covered(data.stages[i].totals) - data.stages[i].totals.idle_ns > 0);
  shown.sort((a, b) => {
    const [x, y] = [key(data.stages[a]), key(data.stages[b])];
    const order = typeof x === "string" ? x.localeCompare(y) : x - y;
    return (sorted.down ? -order : order) || a - b;
  });
  const head = make("tr", {}, ...columns.map(([name], i) => {
    const button = make("button", { type: "button" }, name);
    button.addEventListener("click", () => {
      sorted = { column: i, down: sorted.column === i ? !sorted.down : i > 0 && i !== 2 };
      fillStages();
      byId("stages").querySelectorAll("th button")[i].focus();
    });
    return make("th", { scope: "col", "aria-sort": sorted.column !== i ? undefined
      : sorted.down ? "descending" : "ascending" }, button);
  }));
  const body = shown.map((i) => make("tr", {}, stageCell(i), ...columns.slice(1).map(
    ([, , show]) => make("td", {}, show(data.stages[i])))));
  const all = { totals: data.totals, tiles: 0, shape: "", predicted: 0 };
  const foot = make("tr", { class: "total" }, make("td", {}, "All"), ...columns.slice(1).map(
    ([, , show]) => make("td", {}, show(all))));
  byId("stages").replaceChildren(make("thead", {}, head), make("tbody", {}, ...body, foot));
}

function fillThreads() {
  const parts = [["compute", compute, "compute"], ["reading", (t) => t.read_ns, "reading"],
    ["writing", (t) => t.write_ns, "writing"], ["memory", (t) => t.memory_ns, "memory limit"]];
  const head = make("tr", {}, ...["Thread", "", "Compute", "Read", "Write", "Memory", "Idle",
    "Tasks"].map((name) => make("th", { scope: "col" }, name)));
  const body = threads.map(({ totals }, k) => {
    const part = (ns) => percentText(Math.max(0, ns) / duration);
    return make("tr", {}, make("td", {}, threads[k].name || String(k)),
      make("td", {}, make("span", { class: "meter wide" }, ...parts.map(([, of, name]) => make("i",
        { color: theme.share[name], width: 100 * Math.max(0, of(totals)) / duration + "%" })))),
      ...parts.map(([, of]) => make("td", {}, part(of(totals)))),
      make("td", {}, part(duration - covered(totals) + totals.idle_ns
        + totals.transfer_ns)),
      make("td", {}, countText(totals.count)));
  });
  byId("threads").replaceChildren(make("thead", {}, head), make("tbody", {}, ...body));
}

function figureText(value, unit) {
  if (value === null) {
    return "\u2013";
  }
  return unit === "bytes" ? bytesText(value) : unit === "ns" ? timeText(value)
    : (Number.isInteger(value) ? countText(value) : String(Number(value.toPrecision(4))))
      + (unit ? "\u202f" + unit : "");
}

function fillFigures() {
  byId("figures-section").hidden = data.figures.length === 0;
  const head = make("tr", {}, ...["", "Predicted", "Measured", "Ratio"].map((name) => make("th",
    { scope: "col" }, name)));
  const body = data.figures.map((f) => {
    const ratio = f.predicted > 0 && f.measured !== null ? f.measured / f.predicted : null;
    const off = ratio !== null && (ratio > 1.25 || ratio < 0.75);
    return make("tr", {}, make("td", {}, f.name), make("td", {}, figureText(f.predicted, f.unit)),
      make("td", {}, figureText(f.measured, f.unit)), make("td", { class: off ? "off" : undefined,
        title: off ? "more than 25 % away" : undefined }, ratio === null ? "\u2013"
        : ratio.toFixed(2) + "\u202f\u00d7"));
  });
  byId("figures").replaceChildren(make("thead", {}, head), make("tbody", {}, ...body));
}

/* Name and lines of what an event says of itself; for the tip and for the details. */
function describe(hit) {
  const lane = laneOf(hit);
  const i = hit.index;
  const length = lane.end[i] - lane.start[i];
  const stage = data.stages[lane.stage[i]];
  const known = lane.kind[i] === TASK || lane.stage[i] < stageCount;
  const lines = [["Starts", axisText(lane.start[i], (view.to - view.from) / 1000)],
    ["Takes", timeText(length)]];
  if (lane.kind[i] === TASK) {
    const mean = stage.totals.task_ns / Math.max(1, stage.totals.count);
    lines.push(["Against the mean", mean > 0 ? (length / mean).toFixed(2) + "\u202f\u00d7"
      : "\u2013"], ["Waited before", timeText(lane.wait[i])]);
  }
  if (lane.in[i] > 0) {
    lines.push([lane.kind[i] === READ ? "Stored bytes" : "In", bytesText(lane.in[i])]);
  }
  if (lane.out[i] > 0) {
    lines.push([lane.kind[i] === WRITE ? "Stored bytes" : "Out", bytesText(lane.out[i])]);
  }
  if (length > 0 && lane.in[i] + lane.out[i] > 0) {
    lines.push(["In and out", bytesText((lane.in[i] + lane.out[i]) / length * 1e9) + "/s"]);
  }
  const name = lane.kind[i] === TASK ? stage.label : kindNames[lane.kind[i]];
  return { name, stage: known ? stage : null, kind: lane.kind[i], lines, lane, i,
    color: colorFor(colorIndex(lane, i)) };
}

/* Time of reads and writes inside a task. */
function insideTimes(hit, lane, i) {
  const inner = threads[hit.thread].inner;
  const sums = kindNames.map(() => 0);
  for (let n = firstAfter(inner, lane.start[i]); n < inner.count
      && inner.start[n] < lane.end[i]; n++) {
    sums[inner.kind[n]] += inner.end[n] - inner.start[n];
  }
  return [READ, WRITE, MEMORY].filter((kind) => sums[kind] > 0).map((kind) => [kindNames[kind],
    timeText(sums[kind])]);
}

function fillDetails() {
  const pane = byId("details");
  if (!chosen) {
    pane.removeAttribute("data-task");
    pane.replaceChildren(make("p", { class: "empty" }, "Click a task to see its details."));
    return;
  }
  const { name, stage, kind, lines, lane, i, color } = describe(chosen);
  const place = [["Task", countText(lane.task[i])], [kind === TASK ? "Tile" : "Chunk",
    countText(lane.tile[i]) + (kind === TASK && stage.tiles > 0 ? " of "
      + countText(stage.tiles) : "")], ["Thread",
    threads[chosen.thread].name || String(chosen.thread)]];
  if (kind === TASK && stage.shape) {
    place.push(["Shape", stage.shape]);
  }
  if (kind !== TASK && stage) {
    place.unshift(["Stage", stage.label]);
  }
  const button = (text, action) => {
    const element = make("button", { type: "button" }, text);
    element.addEventListener("click", action);
    return element;
  };
  pane.setAttribute("data-task", String(lane.task[i]));
  pane.replaceChildren(make("h3", {}, dot(color), make("span", {}, name)),
    make("p", { class: "ops" }, kind === TASK ? stage.ops : ""),
    make("dl", {}, ...rows([...place, ...lines,
      ...(kind === TASK && !chosen.inner ? insideTimes(chosen, lane, i) : [])])),
    make("div", { class: "row" }, button("Before", () => step(-1)), button("After", () => step(1)),
      button("Zoom to it", zoomToChosen)));
}

function choose(hit) {
  chosen = hit;
  fillDetails();
  redraw();
}

function zoomToChosen() {
  const lane = laneOf(chosen);
  const length = Math.max(lane.end[chosen.index] - lane.start[chosen.index], 50);
  setView(lane.start[chosen.index] - 2 * length, lane.end[chosen.index] + 2 * length);
}

/* Moves the choice along its thread over what is not idle, and the view with it. */
function step(by) {
  const from = chosen || { thread: 0, inner: false,
    index: threads.length ? firstAfter(threads[0].outer, view.from) - by : 0 };
  if (threads.length === 0) {
    return;
  }
  const lane = laneOf(from);
  let index = from.index + by;
  while (index >= 0 && index < lane.count && lane.kind[index] === IDLE) {
    index += by;
  }
  if (index >= 0 && index < lane.count) {
    const span = view.to - view.from;
    if (lane.start[index] < view.from || lane.end[index] > view.to) {
      const middle = (lane.start[index] + lane.end[index]) / 2;
      setView(middle - span / 2, middle + span / 2);
    }
    choose({ thread: from.thread, inner: from.inner, index });
  }
}

function changeThread(by) {
  const at = chosen ? laneOf(chosen).start[chosen.index] : view.from;
  for (let k = (chosen ? chosen.thread : by > 0 ? -1 : threads.length) + by;
    k >= 0 && k < threads.length; k += by) {
    const lane = threads[k].outer;
    const index = Math.min(firstAfter(lane, at), lane.count - 1);
    if (index >= 0) {
      choose({ thread: k, inner: false, index });
      return;
    }
  }
}

function onKey(event) {
  const actions = {
    ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), "+": () => zoom(0.6),
    "=": () => zoom(0.6), "-": () => zoom(1 / 0.6), 0: () => setView(0, duration),
    Home: () => setView(0, duration), ",": () => step(-1), ".": () => step(1),
    ArrowUp: () => changeThread(-1), ArrowDown: () => changeThread(1),
    Enter: () => (chosen ? zoomToChosen() : step(1)), Escape: () => choose(null),
  };
  if (actions[event.key] && !event.ctrlKey && !event.metaKey && !event.altKey) {
    actions[event.key]();
    event.preventDefault();
  }
}

function onWheel(event) {
  const unit = event.deltaMode === 1 ? 16 : 1;
  const x = event.clientX - charts.stream.canvas.getBoundingClientRect().left;
  if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    pan((event.deltaX || event.deltaY) * unit / plotWidth());
  } else {
    zoom(Math.exp(Math.max(-240, Math.min(240, event.deltaY * unit)) * 0.0022),
      toTime(Math.max(x, GUTTER)));
  }
  event.preventDefault();
}

function showTip(hit, event) {
  const tip = byId("tip");
  tip.hidden = !hit;
  if (hit) {
    const { name, stage, kind, lines } = describe(hit);
    tip.replaceChildren(make("b", {}, name), ...(kind !== TASK && stage && stage.label
      ? [make("span", {}, stage.label)] : []), ...lines.slice(1).map(([key, value]) => make("span",
      {}, key + ": " + value)));
    const box = tip.getBoundingClientRect();
    const left = event.clientX + 16 + box.width > innerWidth ? event.clientX - box.width - 12
      : event.clientX + 16;
    const top = Math.min(event.clientY + 16, innerHeight - box.height - 8);
    tip.style.left = Math.max(4, left) + "px";
    tip.style.top = Math.max(4, top) + "px";
  }
}

/* Drags on a chart: `move(x)` while the button is down, `up(moved)` at its end. */
function onDrag(canvas, down) {
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) {
      return;
    }
    const at = (e) => e.clientX - canvas.getBoundingClientRect().left;
    const startX = at(event);
    const handlers = down(startX, event);
    let moved = false;
    const onMove = (e) => {
      moved = moved || Math.abs(at(e) - startX) > 3;
      if (moved) {
        handlers.move(at(e));
      }
    };
    const onUp = (e) => {
      canvas.removeEventListener("pointermove", onMove);
      canvas.removeEventListener("pointerup", onUp);
      canvas.removeEventListener("pointercancel", onUp);
      handlers.up(moved, e);
    };
    canvas.setPointerCapture(event.pointerId);
    canvas.addEventListener("pointermove", onMove);
    canvas.addEventListener("pointerup", onUp);
    canvas.addEventListener("pointercancel", onUp);
  });
}

function startPan(x, event) {
  const at = { ...view };
  const canvas = charts.stream.canvas;
  if (event.shiftKey) {
    const from = toTime(Math.max(x, GUTTER));
    return {
      move(to) {
        dragRange = [from, toTime(Math.max(to, GUTTER))];
        redraw();
      },
      up(moved) {
        const range = dragRange;
        dragRange = null;
        if (moved && range) {
          setView(Math.min(...range), Math.max(...range));
        }
      },
    };
  }
  return {
    move(to) {
      canvas.classList.add("drag");
      const by = (x - to) / plotWidth() * (at.to - at.from);
      setView(at.from + by, at.to + by);
    },
    up(moved, e) {
      canvas.classList.remove("drag");
      if (!moved && e.type === "pointerup" && e.currentTarget === canvas) {
        const box = canvas.getBoundingClientRect();
        choose(hitAt(e.clientX - box.left, e.clientY - box.top));
      }
    },
  };
}

function startOverview(x) {
  const room = plotWidth();
  const timeAt = (px) => Math.min(Math.max((px - GUTTER) / room, 0), 1) * duration;
  return {
    move(to) {
      setView(Math.min(timeAt(x), timeAt(to)), Math.max(timeAt(x), timeAt(to)));
    },
    up(moved) {
      if (!moved) {
        const half = (view.to - view.from) / 2;
        setView(timeAt(x) - half, timeAt(x) + half);
      }
    },
  };
}

function onHover(canvas, hits) {
  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    const x = event.clientX - box.left;
    pointerTime = x >= GUTTER ? toTime(x) : null;
    hovered = hits && event.buttons === 0 ? hitAt(x, event.clientY - box.top) : null;
    showTip(hovered, event);
    redraw();
  });
  canvas.addEventListener("pointerleave", () => {
    pointerTime = hovered = null;
    showTip(null);
    redraw();
  });
}

function fillAll() {
  fillHeader();
  fillLost();
fillVerdict();
  fillLegend();
  fillStages();
  fillThreads();
  fillFigures();
  fillDetails();
}

function start() {
  for (const name of ["overview", "stream", "memory"]) {
    const canvas = byId(name);
    charts[name] = { canvas, context: canvas.getContext("2d"), width: 0, height: 0, busy: null };
  }
  for (const name of ["stream", "memory"]) {
    charts[name].canvas.addEventListener("wheel", onWheel, { passive: false });
    onDrag(charts[name].canvas, startPan);
    onHover(charts[name].canvas, name === "stream");
  }
  onDrag(charts.overview.canvas, startOverview);
  charts.stream.canvas.addEventListener("dblclick", () => chosen && zoomToChosen());
  charts.stream.canvas.addEventListener("keydown", onKey);
  charts.stream.canvas.setAttribute("aria-label", "Task stream: " + countText(data.totals.count)
    + " tasks on " + working.length + " threads in " + timeText(data.duration));
  charts.memory.canvas.setAttribute("aria-label", "Memory in use: at most " + bytesText(data.peak)
    + (data.limit > 0 ? ", limit " + bytesText(data.limit) : ""));
  byId("zoom-in").addEventListener("click", () => zoom(0.5));
  byId("zoom-out").addEventListener("click", () => zoom(2));
  byId("zoom-fit").addEventListener("click", () => setView(0, duration));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    readTheme();
    fillAll();
    redraw();
  });
  new ResizeObserver(fitAll).observe(byId("charts"));
  fillAll();
  fitAll();
}

/* For tests and for scripts on the console: the view, and where on the screen an event is. */
window.timeline = {
  view,
  setView,
  boxOf(thread, index) {
    const lane = threads[thread].outer;
    const box = charts.stream.canvas.getBoundingClientRect();
    return { x: box.left + toX(lane.start[index]), y: box.top + thread * rowHeight + 2,
      width: toX(lane.end[index]) - toX(lane.start[index]), height: rowHeight - 2,
      task: lane.task[index], kind: lane.kind[index] };
  },
};
start();
