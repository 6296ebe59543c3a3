// The stream of events. A hidden page closes it, because browsers open few connections per server and many tabs may be
// open; it only polls now and then, for its title and icon. When shown again, it continues where it stopped: no event is
// lost or repeated.

import { namedSession, read, setNow, streamAddress } from "./api.js";

const LOOK_EVERY_MS = 30_000;
const RETRY_MS = [1_000, 2_000, 4_000, 8_000, 15_000];

/** Starts following; `on` has listeners `overview`, `happened`, `progress`, `session` and `connection`. */
export function follow(on) {
  let source = null;
  let session = null;
  let lastSeq = 0;
  let shownSeq = 0;
  let nTries = 0;
  let timer = 0;
  let isOver = false;

  function later(ms, what) {
    clearTimeout(timer);
    timer = setTimeout(what, ms);
  }

  function close() {
    clearTimeout(timer);
    if (source) source.close();
    source = null;
  }

  /** Requests the overview. */
  async function look() {
    const overview = await read("/api/session");
    setNow(overview.now);
    if (overview.session !== session) {
      session = overview.session;
      lastSeq = shownSeq = overview.last_seq;
      isOver = false;
      on.session(overview);
    }
    shown(overview);
  }

  /** Shows the overview, unless a newer one was shown already. */
  function shown(overview) {
    if (overview.session !== session || overview.last_seq < shownSeq) return;
    shownSeq = overview.last_seq;
    on.overview(overview);
  }

  async function start() {
    close();
    if (document.hidden) return;
    try {
      await look();
      nTries = 0;
    } catch (error) {
      failed(error);
      return;
    }
    if (!document.hidden) open();
  }

  function failed(error) {
    const isEmpty = error.status === 404 && !namedSession();
    on.connection(isEmpty ? "empty" : "lost", error);
    const pause = isEmpty ? 3_000 : RETRY_MS[Math.min(nTries, RETRY_MS.length - 1)];
    nTries += 1;
    later(pause, start);
  }

  function open() {
    if (isOver) {
      on.connection("over");
      return;
    }
    // Several events may have triggered a start.
    close();
    // The URL contains the number of the last event received.
    source = new EventSource(streamAddress(lastSeq));
    const heard = (name, take) => source.addEventListener(name, (message) => take(JSON.parse(message.data), message));
    heard("hello", (hello) => {
      if (hello.session !== session) start();
      else on.connection("live");
    });
    heard("happened", (event) => {
      if (event.seq <= lastSeq) return;
      lastSeq = event.seq;
      on.happened(event);
    });
    heard("overview", (overview) => {
      setNow(overview.now);
      shown(overview);
    });
    heard("progress", on.progress);
    heard("bye", (bye) => {
      close();
      isOver = bye.reason === "over";
      if (isOver) on.connection("over");
      else later(RETRY_MS[0], start);
    });
    source.onerror = () => {
      // The browser would reconnect to the same URL; ours contains the events received in the meantime.
      close();
      on.connection("lost");
      later(RETRY_MS[Math.min(nTries, RETRY_MS.length - 1)], start);
      nTries += 1;
    };
  }

  function rest() {
    close();
    on.connection("hidden");
    const again = () => look().catch(() => {}).finally(() => { if (document.hidden) later(LOOK_EVERY_MS, again); });
    later(LOOK_EVERY_MS, again);
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? rest() : start()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => { if (event.persisted) start(); });
  addEventListener("online", start);
  if (document.hidden) look().catch(() => {}).finally(rest);
  else start();
}
