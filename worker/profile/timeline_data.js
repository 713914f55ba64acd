/* SPDX-License-Identifier: BSD-3-Clause */
/* The data of the page, unpacked into typed arrays; numbers as text; colours. The format is
 * described in worker/profile/timeline_export.h. */
const data = JSON.parse(document.getElementById("data").textContent);
const TASK = 0, READ = 1, WRITE = 2, MEMORY = 3, IDLE = 4, TRANSFER = 5, SPILL = 6, LOAD = 7,
  RETRY = 8, DEATH = 9;
const FIELDS = 10;
const kindNames = ["task", "reading", "writing", "waiting for memory", "idle: no task was ready",
  "transfer", "spilling", "loading", "a task came back", "the worker died"];
const stageCount = data.stages.length - 1; /* the last row is of events without a stage */
const duration = Math.max(1, data.duration);

function byId(id) {
  return document.getElementById(id);
}

/* One element; texts only ever become text nodes, so no name can be markup. */
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "color") {
      element.style.background = value;
    } else if (name === "width") {
      element.style.width = value;
    } else if (value !== undefined) {
      element.setAttribute(name, value);
    }
  }
  element.append(...children);
  return element;
}

/* Events of one thread, as columns. The outer ones do not overlap; the inner lie inside them. */
function makeLane(count) {
  return {
    count: 0, start: new Float64Array(count), end: new Float64Array(count),
    kind: new Uint8Array(count), stage: new Uint16Array(count), task: new Uint32Array(count),
    tile: new Uint32Array(count), wait: new Float64Array(count), in: new Float64Array(count),
    out: new Float64Array(count),
  };
}

function unpackThread(thread) {
  const list = thread.events;
  const count = list.length / FIELDS;
  let inside = 0;
  for (let i = 0; i < count; i++) {
    inside += list[i * FIELDS + 1];
  }
  const lanes = [makeLane(count - inside), makeLane(inside)];
  let time = 0;
  for (let i = 0, at = 0; i < count; i++, at += FIELDS) {
    const lane = lanes[list[at + 1]];
    const n = lane.count++;
    time += list[at + 5];
    lane.kind[n] = list[at];
    lane.stage[n] = Math.min(list[at + 2], stageCount);
    lane.task[n] = list[at + 3];
    lane.tile[n] = list[at + 4];
    lane.start[n] = time;
    lane.end[n] = time + list[at + 6];
    lane.wait[n] = list[at + 7];
    lane.in[n] = list[at + 8];
    lane.out[n] = list[at + 9];
  }
  thread.events = null;
  return { name: thread.name, aside: thread.aside, outer: lanes[0], inner: lanes[1],
    dropped: thread.dropped, totals: thread.totals };
}

const threads = data.threads.map(unpackThread);
const working = threads.filter((thread) => !thread.aside);

/* The first event that ends after `time`. */
function firstAfter(lane, time) {
  let low = 0, high = lane.count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lane.end[middle] > time) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

function threeDigits(value) {
  const size = Math.abs(value);
  return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}

function scaled(value, step, units) {
  let unit = 0;
  while (Math.abs(value) >= step - 0.5 && unit < units.length - 1) {
    value /= step;
    unit++;
  }
  return (unit === 0 ? String(Math.round(value)) : threeDigits(value)) + "\u202f" + units[unit];
}

const timeText = (ns) => scaled(ns, 1000, ["ns", "\u00b5s", "ms", "s"]);
const bytesText = (bytes) => scaled(bytes, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]);
const countText = (count) => Math.round(count).toLocaleString("en").replace(/,/g, "\u202f");
const percentText = (part) => (part >= 0.0995 || part === 0 ? (100 * part).toFixed(0)
  : (100 * part).toFixed(1)) + "\u202f%";

/* Where on the axis: enough decimals to tell two ticks apart. */
function axisText(ns, step) {
  const units = [["s", 1e9], ["ms", 1e6], ["\u00b5s", 1e3], ["ns", 1]];
  const [unit, size] = units.find(([, s]) => duration >= s) || units[3];
  const decimals = Math.max(0, Math.ceil(-Math.log10(step / size) - 1e-9));
  return (ns / size).toFixed(Math.min(decimals, 9)) + "\u202f" + unit;
}

/* Nine steps of viridis; a stage sits on one of 13 places between them, chosen by the hash of its
 * label, so that it keeps its colour from run to run. When the place is too near to a taken one it
 * passes on, five at a time; how near is too near depends on how many stages there are. */
const VIRIDIS = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141],
  [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]];
const PLACES = 13;

function hashOf(text) {
  let hash = 2166136261;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
  }
  hash ^= hash >>> 15;
  return hash >>> 0;
}

const places = (() => {
  const taken = [];
  const gapOf = (place) => Math.min(...taken.map((other) => Math.abs(other - place)), PLACES);
  return data.stages.map((stage) => {
    const first = hashOf(stage.label) % PLACES;
    let best = first;
    for (let gap = Math.floor(PLACES / (stageCount + 1)) + 1; gap >= 0; gap--) {
      const tries = [...taken, 0].map((unused, n) => (first + 5 * n) % PLACES);
      const free = [...new Set(tries)].find((place) => gapOf(place) >= gap);
      if (free !== undefined) {
        best = free;
        break;
      }
    }
    taken.push(best);
    return best;
  });
})();

function viridis(part) {
  const at = Math.min(Math.max(part, 0), 1) * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(at), VIRIDIS.length - 2);
  return VIRIDIS[low].map((c, i) => Math.round(c + (VIRIDIS[low + 1][i] - c) * (at - low)));
}

/* The colours of now: `task` by stage, `kind` by kind, and of the page by the names of the CSS. */
let theme = {};

function readTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue("--" + name).trim();
  const [low, high] = dark ? [0.24, 0.97] : [0.06, 0.9]; /* away from the page's own tone */
  const rgb = places.map((place) => viridis(low + (high - low) * place / (PLACES - 1)));
  theme = {
    task: rgb.map((c) => `rgb(${c.join(",")})`),
    text: rgb.map((c) => (0.3 * c[0] + 0.59 * c[1] + 0.11 * c[2] > 128 ? "#10151a" : "#ffffff")),
    kind: [of("accent"), of("read"), of("write"), of("wait"), of("idle"), of("transfer"),
      of("write"), of("read"), of("wait"), of("ink")],
    share: { compute: of("accent"), reading: of("read"), writing: of("write"),
      "memory limit": of("wait"), "too few tiles": of("idle"), transfers: of("transfer"),
      scheduling: of("between") },
  };
  for (const name of ["card", "ink", "soft", "faint", "line", "grid", "row", "focus", "accent",
    "used", "used-fill", "kept-fill", "limit", "shade"]) {
    theme[name] = of(name);
  }
}
readTheme();
