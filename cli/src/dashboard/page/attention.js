// Items that need attention, most urgent first.

import { byId, el, mark, say, sayWithCode, show, sync } from "./dom.js";
import { openTask } from "./list.js";

const KINDS = { session: "Session", service: "Service", needs_you: "Needs you", failed: "Failed" };

/** Number of items listed; the others are reached through the counts. */
const N_SHOWN = 6;

export function drawAttention(session) {
  show(byId("attention-part"), session.n_attention > 0);
  const title = session.n_attention > N_SHOWN ? `Needs attention (first ${N_SHOWN} of ${session.n_attention})` : `Needs attention (${session.n_attention})`;
  say(byId("attention-title"), title);
  const items = session.attention.slice(0, N_SHOWN);
  show(byId("more-attention"), session.n_attention > N_SHOWN);
  sync(byId("attention"), items, (item) => `${item.kind} ${item.issue ?? item.text}`, make, update);
}

function make(item) {
  const row = el("li", {}, el("span", { class: "badge" }), el("div", {}, el("p", { class: "what" }), el("p", { class: "muted why" })));
  if (item.issue !== null) {
    row.querySelector(".what").append(el("button", { type: "button", class: "link", onclick: () => openTask(item.issue) }));
  }
  return row;
}

function update(row, item) {
  mark(row, "data-kind", item.kind);
  say(row.querySelector(".badge"), KINDS[item.kind]);
  const what = row.querySelector(".what");
  if (item.issue !== null) sayWithCode(what.firstElementChild, `#${item.issue} ${item.title}`);
  else sayWithCode(what, item.text);
  const why = item.issue !== null ? [item.text, item.hint] : [item.hint];
  sayWithCode(row.querySelector(".why"), why.filter(Boolean).join(" · "));
}
