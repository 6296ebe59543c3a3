// The slots: stage, duration, cost and output of each running attempt.

import { now, read } from "./api.js";
import { byId, el, mark, say, show, sync } from "./dom.js";
import { openTask } from "./list.js";
import { STAGES, span, usd } from "./words.js";

/** Maximum number of lines in an open output; the transcript has all of them. */
const N_LINES_MAX = 400;

const outputs = new Map();
let running = [];

export function drawRunning(session) {
  running = session.running;
  say(byId("running-count"), running.length ? `${running.length} of ${session.slots}` : "");
  sync(byId("running"), running, (item) => `${item.issue}.${item.attempt}`, make, update);
  const keys = new Set(running.map((item) => `${item.issue}.${item.attempt}`));
  for (const key of outputs.keys()) if (!keys.has(key)) outputs.delete(key);
  const empty = session.status !== "running" ? "Nothing is running." : session.counts.waiting > 0 ? "Nothing is running; see below what the tasks are waiting for." : "Nothing is running at the moment.";
  say(byId("running-empty"), empty);
  show(byId("running-empty"), running.length === 0);
}

/** Updates the elapsed times. */
export function tickRunning() {
  for (const item of running) {
    const clock = document.getElementById(`clock-${item.issue}`);
    if (clock) say(clock, span(now() - Date.parse(item.started_at)));
  }
}

function make(item) {
  const key = `${item.issue}.${item.attempt}`;
  const output = el("pre", { class: "output", tabindex: "0", role: "log", "aria-live": "off", "aria-label": `Output of #${item.issue}`, hidden: true });
  const toggle = el("button", { type: "button", class: "quiet more", "aria-expanded": "false", onclick: () => flip(item, key, toggle, output) }, "Output");
  outputs.set(key, { output, isOpen: false });
  return el("li", { class: "slot" },
    el("div", { class: "slot-head" },
      el("h3", {}, el("button", { type: "button", class: "link title", onclick: () => openTask(item.issue) })),
      el("p", { class: "slot-figures" }, el("span", { class: "elapsed", id: `clock-${item.issue}` }), el("span", { class: "cost" }))),
    el("p", { class: "muted slot-facts" }),
    el("div", { class: "slot-foot" }, el("p", { class: "line" }), toggle),
    output);
}

function update(slot, item) {
  mark(slot, "data-stage", item.stage);
  say(slot.querySelector(".title"), `#${item.issue} ${item.title}`);
  say(slot.querySelector(".elapsed"), span(now() - Date.parse(item.started_at)));
  say(slot.querySelector(".cost"), item.reserved_usd === 0 && item.spent_usd === 0 ? "" : usd(item.spent_usd));
  const facts = [item.domain, item.model, STAGES[item.stage] ?? item.stage, item.attempt > 1 ? `attempt ${item.attempt}` : null];
  say(slot.querySelector(".slot-facts"), facts.filter(Boolean).join(" · "));
  const line = slot.querySelector(".line");
  if (item.why) say(line, item.why);
  else if (item.last_line) say(line, item.last_line);
  else say(line, item.stage === "agent" ? "No output yet" : "");
}

/** Opens or closes the output. Earlier output is requested once; the rest arrives through the stream. */
async function flip(item, key, toggle, output) {
  const entry = outputs.get(key);
  entry.isOpen = !entry.isOpen;
  show(output, entry.isOpen);
  mark(toggle, "aria-expanded", String(entry.isOpen));
  say(toggle, entry.isOpen ? "Hide output" : "Output");
  if (!entry.isOpen) return;
  const before = await read(`/api/session/tasks/${item.issue}/output`, { attempt: item.attempt }).catch(() => null);
  if (!before || !entry.isOpen) return;
  output.replaceChildren();
  if (before.is_cut && before.lines.length > 0) note(output, "… more in the transcript");
  before.lines.forEach((line) => add(output, line));
  output.scrollTop = output.scrollHeight;
}

export function takeProgress(progress) {
  for (const item of progress.attempts) {
    const key = `${item.issue}.${item.attempt}`;
    const entry = outputs.get(key);
    const last = item.lines.findLast((line) => line.trim() !== "");
    const slot = [...byId("running").children].find((child) => child.dataset.key === key);
    if (slot && last) say(slot.querySelector(".line"), last);
    if (!entry?.isOpen) continue;
    const { output } = entry;
    const follows = output.scrollHeight - output.scrollTop - output.clientHeight < 40;
    if (item.n_left_out > 0) note(output, `… ${item.n_left_out.toLocaleString("en")} lines omitted; see the transcript`);
    item.lines.forEach((line) => add(output, line));
    while (output.childElementCount > N_LINES_MAX) output.firstElementChild.remove();
    if (follows) output.scrollTop = output.scrollHeight;
  }
}

const add = (output, line) => output.append(el("span", {}, `${line}\n`));
const note = (output, text) => output.append(el("span", { class: "note" }, `${text}\n`));
