// The Analytics.js plugin: hands each event to the session, in the turn in which Analytics.js hands it over.

import { VERSION } from "built";
import { warn } from "./settings.js";

/** @typedef {import("./session-plugin.d.ts").SessionPlugin} SessionPlugin */

/** Milliseconds after which Analytics.js has begun to send an event, or has stored it for the next page. */
const GAP = 50;

/**
 * @param {ReturnType<typeof import("./session.js").openSession>} session
 * @returns {SessionPlugin}
 */
export function pluginOf(session) {
  /** @type {any} */
  let analytics;
  /** @type {string | null | undefined} */
  let user;

  let leaving = false;
  /** @type {Set<any>} events that Analytics.js has not begun to send */
  const passing = new Set();
  const send = (/** @type {any} */ event) => sendNow(event, analytics);
  // Captured: before the page's own listeners, whose events are the ones this is for.
  addEventListener(
    "pagehide",
    () => {
      leaving = true;
      setTimeout(() => (leaving = false)); // only a page that comes back gets there
      passing.forEach(send);
    },
    true,
  );

  const reset = () => session.settings.newOnReset && session.api.reset();

  /** @param {any} context */
  async function stamp(context) {
    try {
      const { userId } = context.event;
      const changed = session.settings.newOnUserChange && user && userId && userId !== user;
      user = userId || user;
      await session.stamp(context, analytics, !!changed);
    } catch (error) {
      warn(`an event has no session: ${error}`);
    }
    if (leaving) send(context.event);
    passing.add(context.event);
    setTimeout(() => passing.delete(context.event), GAP);
    return context;
  }

  return {
    name: "Amplitude Session",
    type: "enrichment",
    version: VERSION,
    isLoaded: () => true,
    // Analytics.js holds every event back until this is done, so it is done at once.
    async load(_, instance) {
      analytics = instance;
      user = instance.user?.().id?.();
      instance.on?.("reset", reset);
    },
    async unload() {
      analytics?.off?.("reset", reset);
    },
    track: stamp,
    page: stamp,
    identify: stamp,
    group: stamp,
    alias: stamp,
    screen: stamp,
  };
}

/**
 * Sends an event of a page that is going away, for Analytics.js sends in a later task and there is none. Should there
 * be one after all (the page comes back), the event goes out twice under one message id and is counted once.
 * @param {any} event
 * @param {any} analytics
 */
function sendNow(event, analytics) {
  const to = analytics.queue?.plugins.find((/** @type {any} */ one) => one.name === "Segment.io")?.metadata;
  if (!to || event.integrations?.["Segment.io"] === false) return;
  const body = JSON.stringify({ ...event, writeKey: to.writeKey, sentAt: new Date() });
  navigator.sendBeacon(`${to.protocol}://${to.apiHost}/${event.type[0]}`, body);
}
