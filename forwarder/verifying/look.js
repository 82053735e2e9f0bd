// How the checked page is now, as a value.

(/** @type {string} */ name) => {
  const { [name]: analytics, analyticsSession: session } = /** @type {Record<string, any>} */ (window);
  const tried = (/** @type {() => unknown} */ what) => {
    try {
      return String(what() || "");
    } catch (error) {
      return String(error);
    }
  };
  const kept = tried(() => localStorage.getItem("analytics_session_id"));
  const failed = tried(() => void localStorage.setItem("forwarder-verify-tried", "1"));
  tried(() => localStorage.removeItem("forwarder-verify-tried"));
  const cookies = tried(() => document.cookie);
  const options = (analytics && (analytics.options || analytics._loadOptions)) || {};
  return {
    analytics: !!analytics,
    initialized: !!(analytics && analytics.initialized),
    cdn: String((analytics && analytics._cdn) || ""),
    plugins: /** @type {any[]} */ ((analytics && analytics.queue && analytics.queue.plugins) || [])
      .map((one) => one.action || one) // what the settings document brought is wrapped
      .filter((one) => one.type === "enrichment")
      .map((one) => String(one.name)),
    scripts: Array.from(document.scripts, (one) => one.src).filter((src) => src.includes("session-plugin")),
    session_id: session ? session.id : null,
    last_activity: session ? session.lastActivity : null,
    expires_at: session ? session.expiresAt : null,
    python: String((session && session.python) || ""),
    explained: String(session ? session.explain() : ""),
    local: failed ? "" : kept,
    cookie: (/(?:^|; )analytics_session_id=([^;]*)/.exec(cookies) || ["", ""])[1],
    storage_error: failed,
    cookies_off: navigator.cookieEnabled === false,
    memory_only: !!options.disableClientPersistence,
  };
}
