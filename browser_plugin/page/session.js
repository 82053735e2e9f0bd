// The page's one session: asks the policy about each event, writes what it says, stamps, and tells who listens.
// The rules are in session.py; what is an event of ours and what takes a stamp is as in plugin.py.

import { handle } from "built";
import { pythonIn } from "./python.js";
import { readSettings, warn } from "./settings.js";
import { openStores } from "./stores.js";

/** @typedef {import("./settings.js").Settings} Settings */
/** @typedef {import("./session-plugin.d.ts").AnalyticsSession} AnalyticsSession */

const DESTINATION = "Actions Amplitude";
/** Milliseconds after which a tab no longer waits for another tab to begin the session. */
const PATIENCE = 500;

/** @param {string} base where the plugin's files are, with the slash */
export function openSession(base) {
  const python = pythonIn(base, handle);
  const born = Date.now();
  let settings = readSettings();
  let rank = -1;
  let explanation = "no event yet";
  /** @type {any} the instance whose events came last */
  let analytics;
  /** @type {ReturnType<typeof openStores> | undefined} */
  let stores;
  const stamped = new WeakSet();
  /** @type {Set<() => void>} what waits for its turn among tabs */
  const waiting = new Set();
  /** @type {Set<(session: AnalyticsSession, reason: string) => void>} */
  const listeners = new Set();

  /** @param {any} instance */
  function storesOf(instance) {
    if (!stores || (instance && instance !== analytics)) {
      analytics = instance;
      stores = openStores(settings.storage, analytics);
    }
    return stores;
  }

  /** @param {string} reason */
  function tell(reason) {
    for (const listener of listeners) {
      try {
        listener(api, reason);
      } catch (error) {
        warn(error);
      }
    }
  }

  /**
   * Asks the policy about an event at `now`; writes nothing.
   * @param {any} instance
   * @param {number} now
   * @param {boolean} forced
   */
  function ask(instance, now, forced) {
    const [id, last, reset] = storesOf(instance).read(now);
    const milliseconds = [settings.sessionLength, settings.maximumLength].map((one) => Math.max(0, Math.ceil(one)));
    const request = [id, last, now, ...milliseconds, +(forced || reset)].join("\t");
    const [session, started, reason, idle, endedId, endedLast] = python.answer(request).split("\t");
    return { id: +session, started: started === "1", reason, idle: +idle, endedId, endedLast, now, reset };
  }

  /**
   * Writes, stamps the event and emits session events, as decided.
   * @param {any} event
   * @param {any} instance
   * @param {ReturnType<typeof ask>} decided
   */
  function act(event, instance, decided) {
    const { id, started, reason, endedId, endedLast, now } = decided;
    storesOf(instance).write(id, now, started && decided.reset);
    const given = event.integrations ?? {};
    const options = given[DESTINATION];
    const stamps = options !== false && (given.All !== false || options);
    /** @param {number} session */
    const withId = (session) =>
      stamps ? { ...given, [DESTINATION]: { ...(typeof options === "object" && options), session_id: session } } : given;
    if (stamps) event.integrations = withId(id);
    explanation =
      `${event.type} "${event.event ?? event.name ?? ""}" is in session ${id}: ${because(decided, settings)}; ` +
      (stamps ? "" : "not stamped, its integrations say no; ") +
      `answered by ${python.state === "ready" ? "Python" : "the compiled policy"}`;
    if (!started) return;
    tell(reason);
    if (!settings.sessionEvents) return;
    /** @param {string} name @param {object} properties @param {number} at @param {number} session @param {string} kind */
    const emit = (name, properties, at, session, kind) =>
      instance
        .track(name, properties, {
          timestamp: new Date(at),
          // The same in every tab and at every try: whoever receives it twice knows it.
          messageId: `session-${kind}-${session}-${event.anonymousId ?? event.userId}`,
          integrations: withId(session),
        })
        .catch(warn);
    if (endedId) {
      emit(settings.endedName, { duration: Math.max(0, +endedLast - +endedId) }, +endedLast, +endedId, "ended");
    }
    emit(settings.startedName, {}, now, id, "started");
  }

  /**
   * Lets tabs that find the same session over take turns: the first begins the next one, the others find it.
   * A page that is going away takes its turn at once.
   * @param {() => void} act
   * @returns {Promise<void>}
   */
  function inTurn(act) {
    return new Promise((resolve) => {
      const once = () => {
        if (waiting.delete(once)) {
          act();
          resolve();
        }
      };
      waiting.add(once);
      navigator.locks.request("analytics_session_id", once).catch(once);
      setTimeout(once, PATIENCE);
    });
  }

  /** @param {any} event */
  function concerns(event) {
    const id = event.integrations?.[DESTINATION]?.session_id;
    const own = event.type === "track" && [settings.startedName, settings.endedName].includes(event.event);
    // Made by an earlier page and kept by Analytics.js until now: it belongs where that page put it.
    const older = new Date(event.timestamp).getTime() < born;
    return settings.eventTypes.includes(event.type) && !(typeof id === "number" && (own || older));
  }

  addEventListener("pagehide", () => waiting.forEach((once) => once()));
  addEventListener("storage", ({ key, newValue, oldValue }) => {
    if (key === "analytics_session_id" && oldValue !== newValue) tell("another tab");
  });

  const latest = () => storesOf(analytics ?? /** @type {any} */ (window).analytics);

  /** @param {(id: number, last: number) => number} what */
  function stored(what) {
    const [id, last] = latest().read(Date.now());
    return id ? what(+id, +last) : null;
  }

  /** @type {AnalyticsSession} */
  const api = {
    get id() {
      return stored((id) => id);
    },
    get startedAt() {
      return api.id;
    },
    get lastActivity() {
      return stored((_, last) => last);
    },
    get expiresAt() {
      const { sessionLength, maximumLength } = settings;
      return stored((id, last) => Math.min(last + sessionLength, maximumLength > 0 ? id + maximumLength : Infinity));
    },
    get python() {
      return python.state;
    },
    reset: () => latest().reset(),
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    explain: () => explanation,
  };

  return {
    api,
    /**
     * Takes settings unless some of a higher rank were given: by the page's own code (2), the forwarder (1), a script tag (0).
     * @param {any} raw
     * @param {number} given
     */
    configure(raw, given) {
      if (given < rank) return;
      rank = given;
      settings = readSettings(raw);
      stores = undefined;
      if (settings.startPython === "idle") (window.requestIdleCallback ?? setTimeout)(() => start());
      else start();
    },
    get settings() {
      return settings;
    },
    /**
     * Stamps one event; at once, unless another tab may be beginning the same session.
     * @param {any} context what Analytics.js hands to plugins
     * @param {any} instance of Analytics.js
     * @param {boolean} forced whether a new session has to begin
     */
    stamp(context, instance, forced) {
      const { event } = context;
      if (stamped.has(context) || !concerns(event)) return;
      stamped.add(context);
      const decide = () => ask(instance, Date.now(), forced);
      const decided = decide();
      // Nothing can be waited for on a page that is going away.
      const takesTurns = decided.started && decided.endedId && "locks" in navigator && !document.hidden;
      start();
      if (takesTurns) return inTurn(() => act(event, instance, decide()));
      act(event, instance, decided);
    },
  };

  function start() {
    python.start(settings.startPython, settings.runtime);
  }
}

/**
 * @param {{ started: boolean, reason: string, idle: number }} decided
 * @param {Settings} settings
 */
function because({ reason, idle }, { sessionLength, maximumLength }) {
  const seconds = (/** @type {number} */ ms) => `${ms / 1000} s`;
  /** @type {Record<string, string>} */
  const why = {
    active: `it goes on, ${seconds(idle)} after the last event (${seconds(sessionLength)} end it)`,
    idle: `the last event was ${seconds(idle)} ago, ${seconds(sessionLength)} end a session`,
    maximum: `the last one had reached ${seconds(maximumLength)}`,
    reset: "a reset asked for it",
    unusable: "what was stored is unusable",
    "first visit": "none was stored",
  };
  return (reason === "active" ? "" : "new, because ") + why[reason];
}
