// Assembles the page: passes incoming data to the parts that show it.

import { read } from "./api.js";
import { drawAttention } from "./attention.js";
import { drawBreakers } from "./breaker.js";
import { drawMoney, startChart } from "./chart.js";
import { byId, el, mark, say, show } from "./dom.js";
import { follow } from "./feed.js";
import { choose, openTask, refreshList, startList } from "./list.js";
import { drawEmpty, drawOverview, onState, tick } from "./overview.js";
import { drawRunning, takeProgress, tickRunning } from "./running.js";
import { drawSessions, showMore } from "./sessions.js";
import { refreshTimeline, startTimeline } from "./timeline.js";
import { clockSeconds, counted } from "./words.js";

const N_EVENTS_SHOWN = 60;

/** How often ended tasks are announced to screen readers. */
const NEWS_EVERY_MS = 10_000;

let session = null;
let counts = {};
let seen = null;
let news = { done: 0, failed: 0 };
let newsTimer = 0;

function drawSession(overview) {
  ({ session, counts } = overview);
  drawOverview(overview);
  drawAttention(overview);
  drawMoney(overview);
  drawRunning(overview);
  drawBreakers(overview);
  const change = `${overview.session}:${overview.last_seq}`;
  if (change !== seen) {
    seen = change;
    refreshList(overview);
    refreshTimeline();
  }
}

async function beginSession(overview) {
  const recent = await read("/api/session/recent").catch(() => ({ events: [] }));
  if (overview.session !== recent.session) return;
  byId("events").replaceChildren();
  recent.events.forEach(addEvent);
  show(byId("events-empty"), recent.events.length === 0);
  drawSessions(session).catch(() => {});
}

function happened(event) {
  addEvent(event);
  if (event.type === "session.finished" || event.type === "session.interrupted") drawSessions(session).catch(() => {});
  if (event.type === "task.finished") {
    const isGood = event.sentences.some((sentence) => sentence.tone === "good" || sentence.tone === "plain");
    news[isGood ? "done" : "failed"] += 1;
    newsTimer ||= setTimeout(tellNews, NEWS_EVERY_MS);
  }
}

function tellNews() {
  newsTimer = 0;
  const parts = [news.done > 0 ? `${counted(news.done, "task")} done` : null, news.failed > 0 ? `${counted(news.failed, "task")} not done` : null];
  say(byId("news"), parts.filter(Boolean).join(", "));
  news = { done: 0, failed: 0 };
}

function addEvent(event) {
  const list = byId("events");
  for (const sentence of event.sentences) {
    if (sentence.tone === "detail") continue;
    const issue = event.issue === null ? null : el("button", { type: "button", class: "link", onclick: () => openTask(event.issue) }, `#${event.issue}`);
    list.prepend(el("li", { "data-tone": sentence.tone }, el("time", { datetime: event.at }, clockSeconds(event.at)), el("span", {}, issue, issue ? " " : null, ...linked(sentence.text))));
  }
  while (list.childElementCount > N_EVENTS_SHOWN) list.lastElementChild.remove();
  show(byId("events-empty"), list.childElementCount === 0);
}

/** Turns web addresses into links; everything else stays text. */
function linked(text) {
  const found = text.match(/^(.*?)(https?:\/\/\S+)(.*)$/);
  if (!found) return [text];
  const [, before, address, after] = found;
  return [before, el("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, "open"), after];
}

const CONNECTIONS = {
  live: "Live",
  over: "This session has ended.",
  lost: "Connection lost. The session is not affected; reconnecting…",
  hidden: "Paused while the page is hidden",
  empty: "Waiting for the first session",
};

function connection(state) {
  const line = byId("connection");
  mark(line, "data-state", state);
  mark(document.body, "data-connection", state);
  say(line, CONNECTIONS[state]);
  if (state === "empty") {
    drawEmpty();
    drawSessions(null).catch(() => {});
  }
}

startList();
startChart();
startTimeline();
/** Scrolls to the tasks of a state. */
function goTo(state) {
  choose(state);
  byId("tasks-part").scrollIntoView({ block: "start" });
  byId("rows").focus({ preventScroll: true });
}
onState(goTo);
byId("more-attention").addEventListener("click", () => goTo(counts.needs_you > 0 ? "needs_you" : "failed"));
byId("more-sessions").addEventListener("click", () => showMore(session).catch(() => {}));
// A click outside of the dialog closes it.
byId("task").addEventListener("click", (event) => { if (event.target === byId("task")) byId("task").close(); });
read("/api/access").then((access) => show(byId("log-out"), access.asks_for_credentials)).catch(() => {});
setInterval(() => {
  if (document.hidden) return;
  tick();
  tickRunning();
}, 1_000);
follow({ overview: drawSession, happened, progress: takeProgress, session: beginSession, connection });
