// Requests to the server. The only place that builds URLs and handles failed requests.

const wanted = new URLSearchParams(location.search).get("session");

/** The session in the URL of the page; null for the current one. */
export const namedSession = () => wanted;

/** How far the server's clock is ahead of ours, in milliseconds. */
let ahead = 0;
export const now = () => Date.now() + ahead;
export const setNow = (at) => { ahead = Date.parse(at) - Date.now(); };

export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || `the server responded with status ${status}`);
    this.status = status;
    this.title = problem.title || "refused";
  }
}

function address(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ session: wanted, ...parameters })) {
    if (value !== null && value !== undefined && value !== "") query.set(name, value);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

async function ask(path, parameters, options) {
  const headers = { accept: "application/json", "autoissue-page": "1", ...options.headers };
  const response = await fetch(address(path, parameters), { ...options, headers, credentials: "same-origin" });
  if (response.status === 401) {
    // The log-in has expired.
    location.assign("/login");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, body);
  return body;
}

export const read = (path, parameters) => ask(path, parameters, {});

export function send(path, body) {
  const options = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  return ask(path, {}, options);
}

export const streamAddress = (after) => address("/api/events", { after });
