// Times and numbers that the page's code goes by.

export const LIMITS = {
  /** Milliseconds after which a tab no longer waits for another tab to begin the session. */
  patience: 500,
  /** Milliseconds after which what a tab has written is there for the others, in Firefox too. */
  settled: 50,
  /** Milliseconds after which the browser has written down which requests came before the plugin. */
  late: 1000,
  /** Events kept for the next page, at most: a forwarder that stays away must not fill the visitor's storage. */
  kept: 100,
  /** Seconds for which a cookie is kept. */
  year: 31536000,
};
