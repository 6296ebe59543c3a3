// The stream of events. A page that is hidden closes it, for a browser opens few connections to one server, and a hundred
// tabs may be open: a hidden page looks now and then, for its title and icon. A page that comes back goes on where it was:
// no event is lost, none comes twice.

import { namedSession, read, setNow, streamAddress } from "./api.js";

const LOOK_EVERY_MS = 30_000;
const RETRY_MS = [1_000, 2_000, 4_000, 8_000, 15_000];

/** Starts; `on` has listeners `overview`, `happened`, `progress`, `session` and `connection`. */
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

  /** Asks how the session stands. */
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

  /** Shows how the session stands; an answer that was overtaken on its way shows nothing. */
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
    // Two reasons to start may have come at once.
    close();
    // The address says after which event: this page has had all before.
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
      // Its own new try would go on from the same address: ours knows what has come meanwhile.
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
