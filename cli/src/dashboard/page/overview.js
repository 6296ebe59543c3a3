// The state of the session: a sentence, a sign and the number of tasks by state, also in the title and icon of the tab.

import { namedSession, now } from "./api.js";
import { byId, el, mark, say, show, sync } from "./dom.js";
import { RARE_STATES, STATES, STATUSES, counted, span, when } from "./words.js";

let last = null;
const listeners = [];

/** Calls back with the state whose tasks the user wants to see. */
export const onState = (listener) => listeners.push(listener);

export function drawOverview(session) {
  last = session;
  const isOver = session.status !== "running";
  const sign = isOver && session.health === "well" ? "done" : session.health;
  mark(byId("sign"), "data-health", sign);
  mark(document.body, "data-health", session.health);
  say(byId("verdict-line"), verdict(session));
  say(byId("where"), where(session));
  say(byId("version"), `autoissue ${session.version} · session ${session.session}`);
  drawProgress(session.counts);
  drawTab(session);
  const banner = byId("banner");
  show(banner, Boolean(namedSession()));
  if (namedSession() && !banner.firstChild) {
    banner.append(`This is session ${session.session}. `, el("a", { href: "/" }, "Show the current one"));
  }
  tick();
}

/** Updates the elapsed time. */
export function tick() {
  if (last) say(byId("verdict-more"), more(last));
}

export function drawEmpty() {
  mark(byId("sign"), "data-health", "idle");
  say(byId("verdict-line"), "No sessions yet");
  say(byId("verdict-more"), "Start one with `autoissue exec LABEL`; this page shows it as soon as it starts.");
  document.title = "autoissue";
}

function where(session) {
  const subject = session.directive || session.label;
  return subject ? `${session.repository} · ${subject}` : session.repository;
}

function verdict({ status, health, activity, counts, directive, circuit_breaker: breaker, n_attention: nAttention, message }) {
  const nThere = counts.already_open + counts.already_merged;
  const done = counts.done === counts.total ? `all ${counted(counts.total, "task")} done` : `${counts.done} of ${counted(counts.total, "task")} done`;
  const ended = nThere > 0 ? `${done}, ${nThere} already open or merged` : done;
  if (status === "failed") return message ? `Stopped: ${message}` : "The session failed";
  if (status === "cut_off") return "The process died";
  if (status === "interrupted") return "Interrupted; it can be resumed";
  if (status === "completed") {
    if (counts.total === 0) return directive === null ? "Finished: no issue has the label" : "Finished: no issues were run";
    return `Finished: ${ended}`;
  }
  if (breaker.state === "open") return "Paused: a service is unavailable";
  if (breaker.state === "half_open") return "Testing whether the service works again";
  if (breaker.state === "paused") return "Paused: a service asked to wait";
  if (health === "attention") return `Running, ${counted(nAttention, "item")} ${nAttention === 1 ? "needs" : "need"} attention`;
  const doing = {
    starting: "Starting",
    splitting_directive: "Splitting the directive into issues",
    awaiting_consent: "The plan is waiting for your approval",
    creating_issues: "Creating the issues of the plan",
    reading_backlog: "Reading the backlog",
    planning: "Classifying the backlog",
    checking_base: "Running the checks on the base",
  };
  return doing[activity] || "Running";
}

function more({ status, started_at: startedAt, finished_at: finishedAt, ran_ms: ranMs, now: seenAt, counts, slots }) {
  const parts = [];
  if (status === "running") {
    parts.push(`${counts.running} of ${counted(slots, "slot")} busy`, `running for ${span(ranMs + now() - Date.parse(seenAt))}`, `started ${when(startedAt)}`);
  } else {
    const end = finishedAt || startedAt;
    parts.push(STATUSES[status]);
    if (finishedAt) parts.push(`ran for ${span(ranMs)}`);
    parts.push(finishedAt ? `${when(startedAt)} to ${when(end)}` : `started ${when(startedAt)}`);
  }
  return parts.join(" · ");
}

function drawProgress(counts) {
  const present = STATES.filter(([key]) => counts[key] > 0);
  const bar = byId("progress");
  sync(bar, present, ([key]) => key, ([key]) => el("span", { "data-state": key }), (part, [key]) => {
    part.style.flexGrow = String(counts[key]);
  });
  mark(bar, "aria-label", present.length ? present.map(([key, name]) => `${counts[key]} ${name}`).join(", ") : "No tasks yet");
  const make = ([key]) => el("li", {}, el("button", { type: "button", class: "quiet", "data-state": key, onclick: () => listeners.forEach((listener) => listener(key)) },
    el("span", { class: "dot", "data-state": key, "aria-hidden": "true" }), el("b"), " ", el("span", { class: "name" })));
  sync(byId("legend"), STATES.filter(([key]) => counts[key] > 0 || !RARE_STATES.has(key)), ([key]) => key, make, (item, [key, name]) => {
    say(item.querySelector("b"), counts[key].toLocaleString("en"));
    say(item.querySelector(".name"), key === "needs_you" && counts[key] === 1 ? "needs you" : name);
    mark(item, "data-empty", counts[key] === 0 ? "yes" : null);
  });
}

function drawTab(session) {
  const { counts, health, status, repository } = session;
  const running = status === "running";
  const ended = counts.total - counts.running - counts.waiting;
  let text = running ? `${ended}/${counts.total}` : `${counts.done}/${counts.total} done`;
  if (counts.needs_you > 0) text = `${counts.needs_you} ${counts.needs_you === 1 ? "needs" : "need"} you`;
  if (health === "trouble") text = running ? "waiting" : STATUSES[status];
  const sign = { well: running ? "▶" : "✓", attention: "▲", trouble: "■" }[health];
  document.title = `${sign} ${text} · ${repository} · autoissue`;
  mark(byId("icon"), "href", `/icon-${health}.svg`);
}
