// The Analytics.js plugin: hands each event to the session, in the turn in which Analytics.js hands it over.

import { VERSION } from "built";
import { warn } from "./settings.js";

/** @typedef {import("./session-plugin.d.ts").SessionPlugin} SessionPlugin */

/**
 * @param {ReturnType<typeof import("./session.js").openSession>} session
 * @returns {SessionPlugin}
 */
export function pluginOf(session) {
  /** @type {any} */
  let analytics;
  /** @type {string | null | undefined} */
  let user;

  const reset = () => session.settings.newOnReset && session.api.reset();

  /** @param {any} context */
  async function stamp(context) {
    try {
      const { userId } = context.event;
      const changed = session.settings.newOnUserChange && user && userId && userId !== user;
      user = userId || user;
      await session.stamp(context, analytics, !!changed);
    } catch (error) {
      warn(`an event went by without its session: ${error}`);
    }
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
