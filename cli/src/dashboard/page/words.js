// Formats figures and times, and names states.

export const STATES = [
  ["done", "done"],
  ["already_open", "already open"],
  ["already_merged", "already merged"],
  ["running", "running"],
  ["waiting", "waiting"],
  ["needs_you", "need you"],
  ["failed", "failed"],
  ["not_started", "not started"],
];

/** States that are shown only if there are such tasks. */
export const RARE_STATES = new Set(["already_open", "already_merged", "not_started"]);

export const STATE_NAMES = {
  waiting: "Waiting",
  running: "Running",
  done: "Done",
  already_open: "Already open",
  already_merged: "Already merged",
  needs_you: "Needs you",
  failed: "Failed",
  not_started: "Not started",
};

export const STAGES = {
  worktree: "preparing the worktree",
  agent: "agent running",
  collect: "collecting the work",
  checks: "running checks",
  publish: "publishing",
};

export const STATUSES = {
  running: "running",
  interrupted: "interrupted",
  completed: "finished",
  failed: "failed",
  cut_off: "process died",
};

export const BREAKERS = { closed: "working", paused: "paused", half_open: "being tested", open: "unavailable" };

export function usd(amount) {
  const digits = amount !== 0 && Math.abs(amount) < 0.01 ? 4 : 2;
  return `${amount < 0 ? "−" : ""}$${Math.abs(amount).toFixed(digits)}`;
}

export function counted(n, noun, plural = `${noun}s`) {
  return `${n.toLocaleString("en")} ${n === 1 ? noun : plural}`;
}

/** `45 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`. */
export function span(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const [d, h, min] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (d > 0) return `${d} d ${h} h`;
  if (h > 0) return `${h} h ${min} min`;
  return min > 0 ? `${min} min ${s % 60} s` : `${s} s`;
}

const TIME = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const SECONDS = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat([], { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

export const clock = (at) => TIME.format(new Date(at));
export const clockSeconds = (at) => SECONDS.format(new Date(at));
export const day = (at) => DAY.format(new Date(at));

/** The time, with the day if it is not today. */
export function when(at) {
  const date = new Date(at);
  return date.toDateString() === new Date().toDateString() ? clock(date) : day(date);
}
