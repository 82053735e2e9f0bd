// Times and numbers that the page's code goes by.

/** Milliseconds after which a tab no longer waits for another tab to begin the session. */
export const PATIENCE = 500;
/** Milliseconds after which what a tab has written is there for the others, in Firefox too. */
export const SETTLED = 50;
/** Milliseconds after which the browser has written down which requests came before the plugin. */
export const LATE = 1000;
/** Milliseconds after which what waits for an idle browser starts: one that draws nothing may never call itself idle. */
export const IDLE = 2000;
/** Events kept for the next page, at most: a forwarder that stays away must not fill the visitor's storage. */
export const MOST_KEPT = 100;
/** Events and characters that wait for the owner's Python where it is required: what a busy page makes in its first seconds. */
export const MOST_HELD = 100;
export const MOST_HELD_CHARACTERS = 500000;
/** Seconds for which a cookie is kept. */
export const YEAR = 31536000;
