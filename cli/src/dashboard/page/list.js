// The list of tasks, which contains only the visible rows, and the details of one task.

import { read } from "./api.js";
import { byId, el, mark, say, show } from "./dom.js";
import { STAGES, STATE_NAMES, counted, usd, when } from "./words.js";

/** Height of a row in pixels, as in the style sheet, and number of rows requested at a time. */
const ROW_PX = 64;
const N_PER_PAGE = 50;

/** How often a visible list is refreshed while there are events. */
const REFRESH_MS = 1_500;

let state = "waiting";
let isChosen = false;
let text = "";
let total = 0;
let pages = new Map();
/** Increases with each selected list, to discard answers for earlier ones. */
let epoch = 0;
let isDue = false;
let timer = 0;
const rows = new Map();

export function startList() {
  const box = byId("rows");
  box.addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true });
  new ResizeObserver(() => draw()).observe(box);
  let pause = 0;
  byId("search").addEventListener("input", (event) => {
    clearTimeout(pause);
    pause = setTimeout(() => {
      text = event.target.value.trim();
      restart();
    }, 200);
  });
  for (const key of [null, ...Object.keys(STATE_NAMES)]) {
    const button = el("button", { type: "button", "data-state": key ?? "all", "aria-pressed": "false", onclick: () => choose(key) },
      key === null ? "All" : STATE_NAMES[key], " ", el("span", { class: "count" }));
    byId("tabs").append(button);
  }
}

/** Shows the tasks of a state; null for all. */
export function choose(wanted, isPerson = true) {
  isChosen ||= isPerson;
  state = wanted;
  for (const button of byId("tabs").children) {
    mark(button, "aria-pressed", String(button.dataset.state === (state ?? "all")));
  }
  restart();
}

/** Updates the numbers of tasks, and schedules a refresh. */
export function refreshList(session) {
  for (const button of byId("tabs").children) {
    const n = button.dataset.state === "all" ? session.counts.total : session.counts[button.dataset.state];
    say(button.querySelector(".count"), n.toLocaleString("en"));
    mark(button, "data-empty", n === 0 ? "yes" : null);
    button.hidden = n === 0 && button.dataset.state !== state && button.dataset.state.startsWith("already_");
  }
  if (!isChosen) {
    // Without a choice by the user, show the most informative list.
    const { counts } = session;
    const best = session.status === "running" && counts.waiting > 0 ? "waiting" : null;
    if (best !== state || epoch === 0) choose(best, false);
  }
  isDue = true;
  if (!timer) timer = setTimeout(renew, REFRESH_MS);
}

function renew() {
  timer = 0;
  if (!isDue || document.hidden) return;
  isDue = false;
  const stale = new Set(pages.keys());
  for (const page of pagesInView()) {
    stale.delete(page);
    fetchPage(page);
  }
  for (const page of stale) pages.delete(page);
}

function restart() {
  epoch += 1;
  pages = new Map();
  byId("rows").scrollTop = 0;
  fetchPage(0);
}

async function fetchPage(page) {
  const mine = epoch;
  const before = pages.get(page);
  // Reserves the page, so that it is not requested twice.
  pages.set(page, before ?? []);
  try {
    const answer = await read("/api/session/tasks", { state, text, offset: page * N_PER_PAGE, limit: N_PER_PAGE });
    if (mine !== epoch) return;
    total = answer.total;
    pages.set(page, answer.tasks);
    draw();
  } catch {
    // The connection line reports it; the next change requests it again.
    if (mine === epoch && !before) pages.delete(page);
  }
}

function inView() {
  const box = byId("rows");
  const first = Math.max(0, Math.floor(box.scrollTop / ROW_PX) - 4);
  const last = Math.min(total, Math.ceil((box.scrollTop + box.clientHeight) / ROW_PX) + 4);
  return [first, last];
}

function pagesInView() {
  const [first, last] = inView();
  const found = [];
  for (let page = Math.floor(first / N_PER_PAGE); page * N_PER_PAGE < Math.max(last, 1); page += 1) found.push(page);
  return found;
}

function draw() {
  const inner = byId("rows-inner");
  inner.style.height = `${total * ROW_PX}px`;
  show(byId("rows"), total > 0);
  show(byId("rows-empty"), total === 0);
  if (total === 0) say(byId("rows-empty"), emptyWords());
  const [first, last] = inView();
  const wanted = new Set();
  // Rows are in visual order, for the Tab key and screen readers.
  let place = inner.firstElementChild;
  for (let at = first; at < last; at += 1) {
    const page = Math.floor(at / N_PER_PAGE);
    if (!pages.has(page)) fetchPage(page);
    const task = pages.get(page)?.[at % N_PER_PAGE];
    if (!task) continue;
    wanted.add(task.issue);
    let row = rows.get(task.issue);
    if (!row) {
      row = makeRow(task.issue);
      rows.set(task.issue, row);
    }
    drawRow(row, task, at);
    if (row === place) place = place.nextElementSibling;
    else inner.insertBefore(row, place);
  }
  for (const [issue, row] of rows) {
    if (wanted.has(issue)) continue;
    row.remove();
    rows.delete(issue);
  }
}

function emptyWords() {
  if (text) return `No task matches “${text}”.`;
  return {
    waiting: "No tasks are waiting.",
    running: "No tasks are running.",
    done: "No tasks are done yet.",
    needs_you: "Nothing needs your attention.",
    failed: "No tasks have failed.",
    not_started: "No tasks have been left out.",
  }[state] ?? "No tasks yet.";
}

function makeRow(issue) {
  return el("div", { class: "row", role: "listitem" },
    el("span", { class: "dot", "aria-hidden": "true" }),
    el("div", { class: "row-words" },
      el("p", { class: "row-title" }, el("button", { type: "button", class: "link", onclick: () => openTask(issue) })),
      el("p", { class: "muted row-why" })),
    el("p", { class: "row-end" }));
}

function drawRow(row, task, at) {
  row.style.transform = `translateY(${at * ROW_PX}px)`;
  mark(row, "aria-posinset", at + 1);
  mark(row, "aria-setsize", total);
  mark(row.querySelector(".dot"), "data-state", task.state);
  say(row.querySelector("button"), `#${task.issue} ${task.title}`);
  const why = row.querySelector(".row-why");
  say(why, `${task.domain} · ${reason(task)}`);
  mark(why, "title", why.textContent);
  const end = row.querySelector(".row-end");
  const spent = task.spent_usd > 0 ? usd(task.spent_usd) : task.state === "waiting" && task.estimate_usd > 0 ? `≈ ${usd(task.estimate_usd)}` : "";
  const pull = task.pull_request;
  const key = `${spent}|${pull?.number}|${pull?.url}`;
  if (end.dataset.key !== key) {
    end.dataset.key = key;
    end.replaceChildren(...[pull ? pullLink(pull) : null, el("span", { class: "cost" }, spent)].filter(Boolean));
  }
}

function reason(task) {
  const again = task.attempts > 0 ? `attempt ${task.attempts + 1}: ` : "";
  if (task.state === "waiting") return `${again}${task.why ?? "waiting"}`;
  if (task.state === "running") return STAGES[task.stage] ?? task.stage;
  if (task.state === "done") return task.changes ? diff(task.changes) : "done";
  if (task.state === "already_open") return "already open";
  if (task.state === "already_merged") return "already merged";
  return task.reason ?? task.outcome;
}

const diff = (changes) => `+${changes.added} −${changes.removed} in ${counted(changes.files, "file")}`;

/** A link only if the server says that a browser can open the URL. */
function pullLink(pull) {
  const words = `PR #${pull.number}`;
  return pull.url ? el("a", { href: pull.url, target: "_blank", rel: "noopener noreferrer" }, words) : el("span", {}, words);
}

// ---- details of a task

export async function openTask(issue) {
  const dialog = byId("task");
  say(byId("task-title"), `#${issue}`);
  byId("task-body").replaceChildren(el("p", { class: "muted" }, "Loading…"));
  if (!dialog.open) dialog.showModal();
  try {
    const task = await read(`/api/session/tasks/${issue}`);
    say(byId("task-title"), `#${task.issue} ${task.title}`);
    byId("task-body").replaceChildren(facts(task), ...checks(task), ...outputPart(task));
  } catch (error) {
    byId("task-body").replaceChildren(el("p", {}, error.message));
  }
}

function facts(task) {
  const list = el("dl", { class: "facts" });
  const fact = (name, value) => { if (value) list.append(el("dt", {}, name), el("dd", {}, value)); };
  fact("State", el("span", { class: "pill", "data-state": task.state }, STATE_NAMES[task.state]));
  fact(task.state === "waiting" ? "Waiting because" : "Reason", task.why ?? task.reason);
  fact("Last failure", task.last_failure);
  fact("Domain", task.domain);
  fact("Model", task.model);
  fact("Attempts", String(task.attempts));
  const estimated = task.estimated_usd > 0 ? `, ${usd(task.estimated_usd)} of it estimated` : "";
  fact("Cost", `${usd(task.spent_usd)}${estimated}; initial estimate ${usd(task.estimate_usd)}`);
  fact("Changes", task.changes ? diff(task.changes) : null);
  fact("Pull request", task.pull_request ? pullLink(task.pull_request) : null);
  fact("Branch", task.branch ? el("code", {}, task.branch) : null);
  fact("Issue", task.url ? el("a", { href: task.url, target: "_blank", rel: "noopener noreferrer" }, "open on the forge") : null);
  fact("Ended", task.ended_at ? when(task.ended_at) : null);
  return list;
}

function checks(task) {
  if (task.checks.length === 0) return [];
  const item = (check) => el("li", { "data-passed": String(check.passed) }, el("b", {}, check.passed ? "✓ " : "✗ "), check.name, el("span", { class: "muted" }, ` · ${check.ended}`));
  return [el("h3", {}, "Checks"), el("ul", { class: "checks" }, task.checks.map(item))];
}

function outputPart(task) {
  if (task.attempts === 0) return [];
  const output = el("pre", { class: "output", tabindex: "0", "aria-label": "End of the attempt's output" });
  const pick = el("select", { "aria-label": "Attempt", onchange: () => fill(Number(pick.value)) });
  for (let attempt = task.attempts; attempt > 0; attempt -= 1) pick.append(el("option", { value: attempt }, `attempt ${attempt}`));
  async function fill(attempt) {
    output.replaceChildren("Loading…");
    try {
      const answer = await read(`/api/session/tasks/${task.issue}/output`, { attempt });
      const lines = answer.lines.map((line) => `${line}\n`).join("");
      const cut = answer.is_cut && answer.lines.length ? "… more in the transcript\n" : "";
      output.replaceChildren(lines ? cut + lines : "No output, or the transcript was removed.");
      output.scrollTop = output.scrollHeight;
    } catch (error) {
      output.replaceChildren(error.message);
    }
  }
  fill(task.attempts);
  return [el("div", { class: "output-head" }, el("h3", {}, "Output"), pick), output];
}
