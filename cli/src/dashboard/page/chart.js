// Budget: as a bar now, and as a chart over time.

import { now, read } from "./api.js";
import { byId, el, mark, say, svg } from "./dom.js";
import { clock, clockSeconds, usd, when } from "./words.js";

const HEIGHT = 168;
const PAD = { top: 18, right: 8, bottom: 22, left: 46 };

/** How often the history is requested while costs change. */
const REFRESH_MS = 5_000;

let history = [];
let session = null;
let lastAsked = 0;
let timer = 0;

export function drawMoney(next) {
  session = next;
  const { budget_usd: budget, spent_usd: spent, in_flight_usd: inFlight, reserved_usd: reserved, assumed_usd: assumed, available_usd: available, cost_per_pull_request_usd: perPull } = next.budget;
  say(byId("spent"), usd(spent));
  say(byId("budget"), usd(budget));
  const whole = Math.max(budget, spent + reserved, 0.01);
  const bar = byId("money-bar");
  if (!bar.firstChild) bar.append(...["spent", "flight", "reserved"].map((part) => el("span", { "data-part": part })));
  const settled = Math.max(0, spent - inFlight);
  const parts = [settled, inFlight, reserved];
  parts.forEach((part, at) => { bar.children[at].style.width = `${(100 * part) / whole}%`; });
  mark(bar, "aria-label", `${usd(spent)} spent, ${usd(inFlight)} of it in progress, ${usd(reserved)} reserved, of ${usd(budget)}`);
  const facts = [
    ["settled", "spent", usd(settled)],
    ["in progress", "flight", usd(inFlight)],
    ["reserved", "reserved", usd(reserved)],
    ["available", null, usd(available)],
    ["per pull request", null, perPull === null ? "–" : usd(perPull)],
    ["estimated", null, assumed > 0 ? usd(assumed) : null],
  ].filter(([, , value]) => value !== null);
  const list = byId("money-facts");
  if (list.childElementCount !== 2 * facts.length) {
    list.replaceChildren(...facts.flatMap(([name, part]) => [el("dt", {}, part ? el("span", { class: "key", "data-part": part, "aria-hidden": "true" }) : null, name), el("dd", { class: "number" })]));
  }
  facts.forEach(([, , value], at) => say(list.querySelectorAll("dd")[at], value));
  refresh();
}

export function startChart() {
  new ResizeObserver(() => drawChart()).observe(byId("cost-chart"));
  byId("cost-table-part").addEventListener("toggle", drawTable);
}

function refresh() {
  if (timer || document.hidden) return;
  timer = setTimeout(async () => {
    timer = 0;
    lastAsked = Date.now();
    const answer = await read("/api/metrics/budget").catch(() => null);
    if (!answer) return;
    history = answer.history.map((point) => ({ at: Date.parse(point.at), spent: point.spent_usd, reserved: point.reserved_usd }));
    drawChart();
    drawTable();
  }, Math.max(0, lastAsked + REFRESH_MS - Date.now()));
}

function drawChart() {
  const figure = byId("cost-chart");
  const width = Math.floor(figure.clientWidth);
  if (!session || width < 80) return;
  figure.querySelector("svg")?.remove();
  figure.querySelector(".empty")?.remove();
  const peak = Math.max(0, ...history.map((point) => point.spent + point.reserved));
  if (history.length === 0 || peak === 0) {
    figure.append(el("p", { class: "empty" }, "Nothing spent yet."));
    return;
  }
  figure.append(picture(width, peak));
}

function picture(width, peak) {
  const { budget_usd: budget } = session.budget;
  const start = Date.parse(session.started_at);
  const end = Math.max(session.finished_at ? Date.parse(session.finished_at) : now(), start + 1_000);
  // If the budget is far above the cost, a curve on its scale would be flat.
  const isFar = peak < 0.3 * budget;
  const top = isFar ? 1.5 * peak : 1.08 * Math.max(peak, budget);
  const x = (at) => PAD.left + ((Math.min(Math.max(at, start), end) - start) / (end - start)) * (width - PAD.left - PAD.right);
  const y = (amount) => HEIGHT - PAD.bottom - (amount / top) * (HEIGHT - PAD.top - PAD.bottom);
  const points = [...history, { ...history.at(-1), at: end }];
  const steps = (of) => points.map((point, at) => {
    const before = at === 0 ? "" : `L${x(point.at).toFixed(1)} ${y(of(points[at - 1])).toFixed(1)}`;
    return `${at === 0 ? "M" : `${before}L`}${x(point.at).toFixed(1)} ${y(of(point)).toFixed(1)}`;
  }).join("");
  const area = (of) => `${steps(of)}L${x(end).toFixed(1)} ${y(0)}L${x(points[0].at).toFixed(1)} ${y(0)}Z`;
  const last = history.at(-1);
  const label = `${usd(last.spent)} spent by ${clock(end)}, of a budget of ${usd(budget)}`;
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": label });
  for (const amount of ticks(top)) {
    drawing.append(svg("line", { class: "grid", x1: PAD.left, x2: width - PAD.right, y1: y(amount), y2: y(amount) }),
      svg("text", { class: "axis", x: PAD.left - 6, y: y(amount) + 4, "text-anchor": "end" }, usdShort(amount)));
  }
  drawing.append(svg("path", { class: "reserved", d: area((point) => point.spent + point.reserved) }),
    svg("path", { class: "spent", d: area((point) => point.spent) }),
    svg("path", { class: "curve", d: steps((point) => point.spent) }));
  const line = isFar ? PAD.top - 6 : y(budget);
  if (!isFar) drawing.append(svg("line", { class: "limit", x1: PAD.left, x2: width - PAD.right, y1: line, y2: line }));
  drawing.append(svg("text", { class: "axis limit-name", x: width - PAD.right, y: line - (isFar ? 0 : 5), "text-anchor": "end" }, isFar ? `budget ${usd(budget)} ↑` : `budget ${usd(budget)}`));
  drawing.append(svg("text", { class: "axis", x: PAD.left, y: HEIGHT - 5 }, clock(start)),
    svg("text", { class: "axis", x: width - PAD.right, y: HEIGHT - 5, "text-anchor": "end" }, session.finished_at ? clock(end) : "now"));
  hover(drawing, points, x, y, width);
  return drawing;
}

/** Shows the figures at the pointer. */
function hover(drawing, points, x, y, width) {
  const rule = svg("line", { class: "rule", y1: PAD.top, y2: HEIGHT - PAD.bottom, visibility: "hidden" });
  const words = svg("text", { class: "axis rule-words", y: PAD.top + 2, visibility: "hidden" });
  drawing.append(rule, words);
  const set = (visibility) => [rule, words].forEach((node) => mark(node, "visibility", visibility));
  drawing.addEventListener("pointerleave", () => set("hidden"));
  drawing.addEventListener("pointermove", (event) => {
    const at = event.clientX - drawing.getBoundingClientRect().left;
    const point = points.findLast((one) => x(one.at) <= at) ?? points[0];
    mark(rule, "x1", at);
    mark(rule, "x2", at);
    mark(words, "x", at + (at > width / 2 ? -6 : 6));
    mark(words, "text-anchor", at > width / 2 ? "end" : "start");
    say(words, `${clockSeconds(point.at)}  ${usd(point.spent)} + ${usd(point.reserved)}`);
    set("visible");
  });
}

function ticks(top) {
  const raw = top / 3;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * size).find((n) => n >= raw) ?? raw;
  const found = [];
  for (let amount = 0; amount <= top; amount += step) found.push(amount);
  return found;
}

const usdShort = (amount) => (amount >= 100 ? `$${Math.round(amount)}` : `$${+amount.toFixed(amount < 1 ? 3 : 2)}`);

function drawTable() {
  if (!byId("cost-table-part").open) return;
  const step = Math.max(1, Math.ceil(history.length / 20));
  const some = history.filter((_, at) => at % step === 0 || at === history.length - 1);
  const row = (point) => el("tr", {}, el("th", { scope: "row" }, when(point.at)), el("td", { class: "number" }, usd(point.spent)), el("td", { class: "number" }, usd(point.reserved)));
  byId("cost-table").replaceChildren(el("thead", {}, el("tr", {}, ["When", "Spent", "Reserved"].map((name) => el("th", { scope: "col" }, name)))), el("tbody", {}, some.map(row)));
}
