// Where the session is kept: its two texts, in every store that works. No store that fails breaks an event.

import { whole_ms } from "built";

/**
 * @typedef {object} Store what Analytics.js' own stores are like
 * @property {(key: string) => unknown} get
 * @property {(key: string, value: any) => void} set
 */

export const ID = "analytics_session_id";
const LAST = ID + ".last_access";
/** 1 while a new session was asked for and no event has come yet, also across pages. */
const RESET = ID + ".reset";
/** Milliseconds by which the clocks of two tabs may differ. */
const APART = 1000;

/** @type {Store} */
const local = {
  get: (key) => localStorage.getItem(key),
  set: (key, value) => localStorage.setItem(key, value),
};

/** @type {Store} kept for a year, as Analytics.js keeps its cookies */
const cookie = {
  get: (key) => document.cookie.split("; ").find((one) => one.startsWith(key + "="))?.slice(key.length + 1),
  set(key, value) {
    document.cookie = `${key}=${value}; path=/; max-age=31536000; SameSite=Lax`;
    if (cookie.get(key) != value) throw 0; // a browser that takes no cookies does not say so
  },
};

const memory = new Map();

/** @type {any} analytics.storage, where it is used */
let own;
/** @type {Store[]} */
let stores = [memory];

/**
 * Uses the stores that `kind` names.
 * @param {string} kind the setting `storage`
 * @param {any} analytics Analytics.js; before it has loaded its buffer or nothing
 */
export function openStores(kind, analytics) {
  own = kind === "auto" && analytics?.storage;
  const options = analytics?.options ?? analytics?._loadOptions;
  // Analytics.js answers from the first store that has a value; which is the newest, only the stores know.
  stores = own ? [...(own.stores ?? [own])] : [];
  if (!own && kind !== "memory" && !options?.disableClientPersistence) stores.push(kind === "cookie" ? cookie : local);
  stores.push(memory);
}

/**
 * @param {(store: Store) => void} act what every store does that can: one that is full or forbidden is passed over
 * @param {boolean} [once] whether one that can is enough
 */
function all(act, once) {
  for (const store of stores) {
    try {
      act(store);
      if (once) return;
    } catch {
      // The other stores, memory in the end, hold it.
    }
  }
}

/**
 * Returns the stored id and last access as texts, empty where there is none, and whether a new session was
 * asked for. Where stores disagree, the newest last access wins, and the id beside the newest one; a time to
 * come is the least to be believed.
 * @param {number} now
 * @returns {[id: string, last: string, asked: boolean]}
 */
export function read(now) {
  let id = "";
  let last = "";
  let [newest, beside, asked] = [-1, -2, false];
  all((store) => {
    // In the opposite order of writing: the last access of a session that another tab begins now never meets the old id.
    const [storedLast, storedId, reset] = [LAST, ID, RESET].map((key) => text(store.get(key)));
    const weight = !whole(storedLast) ? -1 : +storedLast > now + APART ? 0 : +storedLast;
    if (weight > newest || !last) [last, newest] = [storedLast, weight];
    if (whole(storedId) ? weight > beside : !id) [id, beside] = [storedId, whole(storedId) ? weight : -2];
    asked ||= reset === "1";
  });
  return [id, last, asked];
}

/** @param {number} id @param {number} last @param {boolean} asked whether a new session that was asked for has begun */
export function write(id, last, asked) {
  memory.clear(); // it holds what the page's own store could not
  all((store) => {
    store.set(ID, id);
    store.set(LAST, last);
    if (asked) store.set(RESET, 0);
  }, !own);
}

/** Asks for a new session. @param {boolean} known whether Analytics.js is there, and so where it may be kept */
export function ask(known) {
  if (known) all((store) => store.set(RESET, 1));
  else memory.set(RESET, 1);
}

/** @param {string} text */
export const whole = (text) => whole_ms(text) !== null;

/** @param {unknown} value @returns {string} a time, nothing, or x for whatever else there is: Python sees no text of others */
function text(value) {
  const stored = String(value ?? "");
  return !stored || whole(stored) ? stored : "x";
}
