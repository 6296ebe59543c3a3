// The timeline of attempts, with a lane per domain.

import { read } from "./api.js";
import { byId, el, svg } from "./dom.js";
import { openTask } from "./list.js";
import { clock, counted, span } from "./words.js";

const ROW = 14;
const GAP = 3;
const LANE_GAP = 10;
const AXIS = 20;
const REFRESH_MS = 5_000;
const RESULTS = { running: "running", published: "published", failed: "failed", needs_you: "needs you", interrupted: "interrupted" };

let data = null;
let lastAsked = 0;
let timer = 0;

export function startTimeline() {
  new ResizeObserver(() => draw()).observe(byId("timeline"));
}

export function refreshTimeline() {
  if (timer || document.hidden) return;
  timer = setTimeout(async () => {
    timer = 0;
    lastAsked = Date.now();
    const answer = await read("/api/session/timeline").catch(() => null);
    if (!answer) return;
    data = answer;
    draw();
  }, Math.max(0, lastAsked + REFRESH_MS - Date.now()));
}

function draw() {
  const box = byId("timeline");
  const width = Math.floor(box.clientWidth);
  if (!data || width < 80) return;
  if (data.attempts.length === 0) {
    box.replaceChildren(el("p", { class: "empty" }, "No attempts yet."));
    return;
  }
  box.replaceChildren(picture(width));
}

function picture(width) {
  const left = width < 520 ? 84 : 116;
  const start = Date.parse(data.started_at);
  const end = Math.max(Date.parse(data.ends_at), start + 1_000);
  const x = (at) => left + ((at - start) / (end - start)) * (width - left - 4);
  const lanes = makeLanes(end);
  let y = 0;
  const parts = [];
  for (const lane of lanes) {
    const height = lane.nRows * (ROW + GAP) - GAP;
    parts.push(svg("rect", { class: "lane", x: left, y: y - 2, width: width - left - 4, height: height + 4, rx: 3 }),
      svg("text", { class: "axis lane-name", x: left - 8, y: y + ROW - 3, "text-anchor": "end" }, short(lane.domain, left)));
    let reach = new Map();
    for (const bar of lane.bars) {
      const [from, to] = [x(bar.from), x(bar.to)];
      // Bars that overlap in a crowded picture are drawn once.
      if (to < (reach.get(bar.row) ?? -1)) continue;
      reach.set(bar.row, Math.max(to, from + 2));
      parts.push(makeBar(bar, from, Math.max(to - from, 2), y + bar.row * (ROW + GAP)));
    }
    y += height + LANE_GAP;
  }
  for (const at of times(start, end, width - left)) {
    parts.unshift(svg("line", { class: "grid", x1: x(at), x2: x(at), y1: -2, y2: y - 4 }));
    const anchor = x(at) > width - 24 ? "end" : at === start ? "start" : "middle";
    parts.push(svg("text", { class: "axis", x: x(at), y: y + AXIS - 8, "text-anchor": anchor }, clock(at)));
  }
  const label = `${counted(data.attempts.length, "attempt")} in ${counted(lanes.length, "domain")}: ${lanes.map((lane) => `${lane.domain} ${lane.bars.length}`).join(", ")}`;
  return svg("svg", { viewBox: `0 -2 ${width} ${y + AXIS}`, width, height: y + AXIS, role: "img", "aria-label": label }, parts);
}

/** Stacks overlapping attempts of one domain. */
function makeLanes(end) {
  const lanes = new Map();
  for (const attempt of data.attempts) {
    const lane = lanes.get(attempt.domain) ?? { domain: attempt.domain, bars: [], ends: [] };
    lanes.set(attempt.domain, lane);
    const from = Date.parse(attempt.started_at);
    const to = attempt.ended_at ? Date.parse(attempt.ended_at) : end;
    let row = lane.ends.findIndex((until) => until <= from);
    if (row < 0) row = lane.ends.length;
    lane.ends[row] = to;
    lane.bars.push({ attempt, from, to, row });
  }
  const sorted = [...lanes.values()].sort((one, other) => one.domain.localeCompare(other.domain));
  return sorted.map((lane) => ({ ...lane, nRows: lane.ends.length }));
}

function makeBar({ attempt, from, to }, x, width, y) {
  const words = `#${attempt.issue}, attempt ${attempt.attempt}: ${RESULTS[attempt.result]}, ${clock(from)}, ${span(to - from)}`;
  const bar = svg("rect", { class: "bar-of", "data-result": attempt.result, x: x.toFixed(1), y, width: width.toFixed(1), height: ROW, rx: 3, onclick: () => openTask(attempt.issue) }, svg("title", {}, words));
  if (width < 34) return bar;
  return svg("g", {}, bar, svg("text", { class: "bar-name", x: (x + 5).toFixed(1), y: y + ROW - 4 }, `#${attempt.issue}`));
}

function times(start, end, width) {
  const n = Math.max(2, Math.min(7, Math.floor(width / 110)));
  return Array.from({ length: n }, (_, at) => start + ((end - start) * at) / (n - 1));
}

const short = (name, left) => (name.length * 7 > left - 10 ? `${name.slice(0, Math.floor((left - 16) / 7))}…` : name);
