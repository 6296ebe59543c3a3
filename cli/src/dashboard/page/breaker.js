// The circuit breakers, and resetting one manually.

import { send } from "./api.js";
import { byId, confirmed, el, mark, say, show, sync } from "./dom.js";
import { BREAKERS, clockSeconds, counted } from "./words.js";

const nameOf = (service) => service.name.replaceAll("`", "");

export function drawBreakers(session) {
  const runs = session.status === "running";
  sync(byId("services"), session.circuit_breaker.services, (service) => service.service, make, (row, service) => update(row, service, runs));
}

function make(service) {
  const reset = el("button", { type: "button", class: "reset", onclick: () => ask(service, row) }, "Reset");
  const row = el("li", {}, el("span", { class: "dot", "aria-hidden": "true" }),
    el("div", {}, el("p", {}, el("b", { class: "name" }), " ", el("span", { class: "state" })), el("p", { class: "muted why" }), el("p", { class: "said", role: "status" })), reset);
  return row;
}

function update(row, service, runs) {
  mark(row, "data-breaker", service.state);
  mark(row.querySelector(".dot"), "data-breaker", service.state);
  say(row.querySelector(".name"), nameOf(service));
  say(row.querySelector(".state"), BREAKERS[service.state]);
  const until = service.until ? { paused: `until ${clockSeconds(service.until)}`, open: `next try at ${clockSeconds(service.until)}` }[service.state] : null;
  const failures = service.consecutive_failures > 0 ? `${counted(service.consecutive_failures, "failure")} in a row` : null;
  const probe = service.probe ? `being tested by #${service.probe}` : null;
  say(row.querySelector(".why"), [failures, until, probe, service.message].filter(Boolean).join(" · "));
  const isResettable = runs && service.state !== "closed";
  show(row.querySelector(".reset"), isResettable);
  mark(row.querySelector(".reset"), "aria-label", `Reset the breaker of ${nameOf(service)}`);
  if (!isResettable) say(row.querySelector(".said"), "");
}

async function ask(service, row) {
  const text = `Tasks waiting for ${nameOf(service)} will start immediately. If it still fails, its breaker opens again.`;
  if (!(await confirmed("Reset the breaker?", text, "Reset"))) return;
  const said = row.querySelector(".said");
  try {
    await send("/api/circuit-breaker/reset", { service: service.service });
    say(said, "Requested; this takes a moment.");
  } catch (error) {
    say(said, `Reset failed: ${error.message}`);
  }
}
