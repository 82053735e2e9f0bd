// Where the session is kept: its two texts, in every store that works. No store that fails breaks an event.

/**
 * @typedef {object} Store what Analytics.js' own stores are like
 * @property {(key: string) => unknown} get
 * @property {(key: string, value: any) => void} set
 * @property {(key: string) => void} remove
 */

export const ID = "analytics_session_id";
export const LAST = ID + ".last_access";
/** Set while a new session was asked for and no event has come yet, also across pages. */
const RESET = ID + ".reset";

/** @type {Store} */
const local = {
  get: (key) => localStorage.getItem(key),
  set: (key, value) => localStorage.setItem(key, value),
  remove: (key) => localStorage.removeItem(key),
};

/** @type {Store} */
const cookie = {
  get: (key) => document.cookie.split("; ").find((one) => one.startsWith(key + "="))?.slice(key.length + 1),
  set: bake,
  remove: (key) => bake(key, "", 0),
};

/** @param {string} key @param {unknown} value @param {number} [seconds] a year, as Analytics.js keeps its cookies */
function bake(key, value, seconds = 31536000) {
  document.cookie = `${key}=${value}; path=/; max-age=${seconds}; SameSite=Lax`;
}

/** @type {Map<string, unknown>} */
const kept = new Map();
/** @type {Store} */
const memory = { get: (key) => kept.get(key), set: (key, value) => kept.set(key, value), remove: (key) => kept.delete(key) };

/**
 * Returns the stores to read, and those to write where Analytics.js does not write itself.
 * @param {string} kind the setting `storage`
 * @param {any} analytics
 */
export function openStores(kind, analytics) {
  const own = kind === "auto" && analytics?.storage;
  // Analytics.js answers from the first store that has a value; which is the newest, only the stores know.
  /** @type {Store[]} */
  const stores = own ? [...(own.stores ?? [own])] : [];
  if (!own && kind !== "memory" && !analytics?.options?.disableClientPersistence) {
    stores.push(kind === "cookie" ? cookie : local);
  }
  stores.push(memory);

  /** @param {(store: Store) => void} act what every store does that can: one that is full or forbidden is passed over */
  function all(act) {
    for (const store of stores) {
      try {
        act(store);
      } catch {
        // The other stores, memory in the end, hold it.
      }
    }
  }

  return {
    /**
     * Returns the stored id and last access as texts, empty where there is none, and whether a new session was
     * asked for. Where stores disagree, the newest last access wins, and the id beside the newest one; a time to
     * come is the least to be believed.
     * @param {number} now
     * @returns {[id: string, last: string, reset: boolean]}
     */
    read(now) {
      let id = "";
      let last = "";
      let [newest, beside, reset] = [-1, -2, false];
      all((store) => {
        const [storedId, storedLast, asked] = [ID, LAST, RESET].map((key) => text(store.get(key)));
        const weight = !whole(storedLast) ? -1 : +storedLast > now ? 0 : +storedLast;
        if (weight > newest || !last) [last, newest] = [storedLast, weight];
        if (whole(storedId) ? weight > beside : !id) [id, beside] = [storedId, whole(storedId) ? weight : -2];
        reset ||= asked === "1";
      });
      return [id, last, reset];
    },

    /** @param {number} id @param {number} last @param {boolean} reset whether a new session that was asked for has begun */
    write(id, last, reset) {
      all((store) => {
        store.set(ID, id);
        store.set(LAST, last);
        if (reset) store.remove(RESET);
      });
    },

    /** Asks for a new session. */
    reset: () => all((store) => store.set(RESET, 1)),
  };
}

/** @param {string} text */
const whole = (text) => /^\d{1,15}$/.test(text);

/** @param {unknown} value @returns {string} short enough to be asked about, on one line, in one field */
const text = (value) => String(value ?? "").slice(0, 64).replace(/\s/g, " ");
