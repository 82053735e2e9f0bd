// The page's one session: asks the policy about each event, writes what it says, stamps, and tells who listens.
// The rules are in session.py; what is an event of ours and what takes a stamp is as in plugin.py.

import { answer, startPython, state } from "./python.js";
import { readSettings, warn } from "./settings.js";
import { ID, ask, openStores, read, whole, write } from "./stores.js";

/** @typedef {{ anonymousId?: string | null, userId?: string | null }} Visitor */
/** @typedef {import("./session-plugin.d.ts").Reason} Reason */
/** @typedef {[now: number, asked: boolean, ...answer: string[]]} Decision */

const DESTINATION = "Actions Amplitude";
/** Milliseconds after which a tab no longer waits for another tab to begin the session. */
const PATIENCE = 500;
/** Milliseconds after which what a tab has written is there for the others, in Firefox too. */
const SETTLED = 50;

const born = Date.now();
let files = "";
export let settings = readSettings();
let rank = -1;
/** Whether the page is going away: nothing can be waited for then. */
export let leaving = false;
let explanation = "no event yet";
/** @type {any} the instance of Analytics.js whose events came last */
let analytics;
/** The session of this page's last event, and who its visitor was then. */
let current = "";
/** @type {Visitor} */
let visitor = {};
/** @type {Record<string, Visitor>} whose a session event is, by message id: the visitor may be another by now */
const whose = {};
const seen = new WeakSet();
/** @type {(() => void)[]} events that wait for this tab's turn */
const waiting = [];
/** @type {Set<(session: typeof api, reason: Reason) => void>} */
const listeners = new Set();

/** @param {string} base where the plugin's files are, with the slash */
export function openSession(base) {
  files = base;
  // Captured: before the page's own listeners, whose events find that nothing can be waited for any more.
  addEventListener(
    "pagehide",
    () => {
      leaving = true;
      setTimeout(() => (leaving = false)); // only a page that comes back gets there
      go();
    },
    true,
  );
  addEventListener("storage", ({ key, newValue, oldValue }) => {
    if (key === ID && oldValue !== newValue) tell("another tab");
  });
}

/**
 * Takes settings unless some of a higher rank were given: by the page's own code (2), the forwarder (1), a script tag (0).
 * @param {any} raw
 * @param {number} given
 */
export function configure(raw, given) {
  if (given < rank) return;
  rank = given;
  settings = readSettings(raw);
  open();
  if (settings.startPython === "idle") (window.requestIdleCallback ?? setTimeout)(() => start());
  else start();
}

const start = () => startPython(files, settings.startPython, settings.runtime);
const open = () => openStores(settings.storage, analytics ?? /** @type {any} */ (window).analytics);

/** @param {any} instance of Analytics.js, now that it has loaded */
export function attach(instance) {
  if (instance === analytics) return;
  analytics = instance;
  open();
}

/** @param {any} context what Analytics.js hands to plugins @returns whether it is new to all plugins of the page */
export const first = (context) => !seen.has(context) && seen.add(context);

/**
 * Stamps one event: at once, or in turn with other tabs where it begins a session.
 * @param {any} event
 * @param {any} instance of Analytics.js
 * @param {boolean} forced whether a new session has to begin
 */
export async function stamp(event, instance, forced) {
  Object.assign(event, whose[event.messageId]);
  if (!concerns(event)) return;
  start();
  let decision = decide(instance, forced);
  if (decision[3] === "1" && navigator.locks && !leaving) {
    await turn();
    decision = decide(instance, forced);
  }
  act(event, instance, decision);
}

/** @param {any} event */
function concerns(event) {
  const id = event.integrations?.[DESTINATION]?.session_id;
  const own = [settings.startedName, settings.endedName].includes(event.event);
  // Made by an earlier page and kept by Analytics.js until now: it belongs where that page put it.
  const older = +new Date(event.timestamp) < born;
  return settings.eventTypes.includes(event.type) && !(typeof id === "number" && (own || older));
}

/**
 * Asks the policy about an event of now; writes nothing. Returns now, whether a new session was asked for, and
 * the policy's answer: session, started, reason, idle, ended session and its last access.
 * @param {any} instance
 * @param {boolean} forced whether a new session has to begin, unless another tab has begun one since
 * @returns {Decision}
 */
function decide(instance, forced) {
  attach(instance);
  const now = Date.now();
  const [id, last, asked] = read(now);
  const reset = asked || (forced && (!current || current === id));
  const request = [id, last, now, settings.sessionLength, settings.maximumLength, +reset].join("\t");
  return [now, asked, ...answer(request).split("\t")];
}

/**
 * Waits until it is this tab's turn: the first tab begins a session, the others find it.
 * @returns {Promise<void>}
 */
function turn() {
  return new Promise((resolve) => {
    waiting.push(resolve);
    const take = () => {
      if (!waiting.length) return;
      go();
      return new Promise((done) => setTimeout(done, SETTLED));
    };
    navigator.locks.request(ID, take).catch(go);
    setTimeout(() => waiting.includes(resolve) && go(), PATIENCE);
  });
}

const go = () => waiting.splice(0).forEach((resolve) => resolve());

/**
 * Writes, stamps the event and emits session events, as decided.
 * @param {any} event
 * @param {any} instance
 * @param {Decision} decision
 */
function act(event, instance, [now, asked, stored, started, why, idle, endedId, endedLast]) {
  const id = +stored;
  const reason = /** @type {Reason} */ (why === "reset" && !asked ? "another user" : why);
  write(id, now, asked);
  const given = event.integrations ?? {};
  const options = given[DESTINATION];
  const stamps = options !== false && (given.All !== false || options);
  /** @param {number} session */
  const withId = (session) =>
    stamps ? { ...given, [DESTINATION]: { ...(typeof options === "object" && options), session_id: session } } : given;
  if (stamps) event.integrations = withId(id);
  const name = event.event ?? event.name;
  explanation =
    `${event.type}${name ? ` "${name}"` : ""} is in session ${id}, ${because(reason, +idle)}; ` +
    (stamps ? "" : "not stamped: its integrations say no; ") +
    `answered by ${state === "ready" ? "Python" : "the compiled policy"}`;
  const { anonymousId, userId } = event;
  const before = { anonymousId, userId, ...visitor };
  current = stored;
  visitor = { anonymousId, userId };
  if (started === "0") return;
  tell(reason);
  if (!settings.sessionEvents) return;
  /** @param {string} kind @param {string} name @param {number} session @param {number} at @param {Visitor} who @param {object} [properties] */
  const emit = (kind, name, session, at, who, properties = {}) => {
    // The same in every tab and at every try: whoever receives it twice knows it.
    const messageId = `session-${kind}-${session}-${who.anonymousId ?? who.userId}`;
    whose[messageId] = who;
    instance.track(name, properties, { timestamp: new Date(at), messageId, integrations: withId(session) }).catch(warn);
  };
  if (endedId) {
    emit("ended", settings.endedName, +endedId, +endedLast, before, { duration: Math.max(0, +endedLast - +endedId) });
  }
  emit("started", settings.startedName, id, now, visitor);
}

/** @param {Reason | "active"} reason @param {number} idle milliseconds */
function because(reason, idle) {
  const { sessionLength, maximumLength } = settings;
  const after = `${idle / 1000} s after the last event (${sessionLength / 1000} s end one)`;
  /** @type {Record<string, string>} */
  const why = {
    idle: after,
    maximum: `the last one had reached ${maximumLength / 1000} s`,
    reset: "a reset asked for it",
    "another user": "another user came",
    unusable: "what was stored is unusable",
    "first visit": "none was stored",
  };
  return reason === "active" ? `which goes on, ${after}` : `which is new: ${why[reason]}`;
}

/** @param {Reason} reason */
function tell(reason) {
  for (const listener of listeners) {
    try {
      listener(api, reason);
    } catch (error) {
      warn(error);
    }
  }
}

/** @param {(id: number, last: number) => number} what */
function stored(what) {
  const [id, last] = read(Date.now());
  return whole(id) && whole(last) ? what(+id, +last) : null;
}

/** @type {import("./session-plugin.d.ts").AnalyticsSession} */
export const api = {
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
    return stored((id, last) => Math.min(last + sessionLength, id + (maximumLength || Infinity)));
  },
  get python() {
    return state;
  },
  reset: () => ask(!!analytics),
  onChange(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  explain: () => explanation,
};
