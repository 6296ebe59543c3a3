// Past sessions.

import { namedSession, read } from "./api.js";
import { byId, el, show } from "./dom.js";
import { STATUSES, span, usd, when } from "./words.js";

const N_PER_PAGE = 10;

let nShown = N_PER_PAGE;

export async function drawSessions(currentSession) {
  const list = await read("/api/sessions", { session: null, limit: nShown });
  const table = byId("sessions");
  show(table, list.total > 0);
  show(byId("sessions-empty"), list.total === 0);
  show(byId("more-sessions"), list.total > list.sessions.length && nShown < 100);
  const head = el("thead", {}, el("tr", {}, ["Session", "Repository", "Started", "Duration", "Tasks", "Spent", "Status"].map((name) => el("th", { scope: "col" }, name))));
  table.replaceChildren(head, el("tbody", {}, list.sessions.map((session) => row(session, list.current, currentSession))));
}

function row(session, current, shown) {
  const isShown = session.session === (shown ?? namedSession());
  const link = el("a", { href: session.session === current ? "/" : `/?session=${encodeURIComponent(session.session)}`, "aria-current": isShown ? "page" : null }, session.session);
  const ran = session.finished_at ? span(Date.parse(session.finished_at) - Date.parse(session.started_at)) : "";
  return el("tr", { "data-status": session.status },
    el("th", { scope: "row" }, link),
    el("td", {}, session.repository),
    el("td", {}, when(session.started_at)),
    el("td", {}, ran),
    el("td", {}, tally(session)),
    el("td", { class: "number" }, usd(session.spent_usd)),
    el("td", {}, el("span", { class: "pill", "data-status": session.status }, STATUSES[session.status])));
}

function tally({ n_tasks: nTasks, outcomes }) {
  if (nTasks === 0) return "none";
  const ended = Object.entries(outcomes).map(([name, n]) => `${n} ${name.replaceAll("_", " ")}`);
  return ended.length ? `${ended.join(", ")} of ${nTasks}` : `${nTasks}`;
}

export function showMore(currentSession) {
  nShown += 2 * N_PER_PAGE;
  return drawSessions(currentSession);
}
