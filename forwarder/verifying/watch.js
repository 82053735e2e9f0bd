// Runs in the checked page before anything else: tells of each event that the page sends, and of each thing that
// its policy forbids. Told on the console, whatever that policy says; what a page that goes away sends is told by
// the next one, for not every browser's console hears of it.

(() => {
  if (window !== window.top) return;
  const { debug } = console;
  const types = ["track", "page", "identify", "group", "alias", "screen"];
  let leaving = false;
  addEventListener("pagehide", () => (leaving = true), true);

  const KEPT = "forwarder-verify";
  const say = (text) => debug.call(console, "forwarder-verify:" + text);
  const tell = (what) => {
    const text = JSON.stringify(what);
    if (!leaving) return say(text);
    try {
      localStorage.setItem(KEPT, (localStorage.getItem(KEPT) || "") + text + "\n");
    } catch (error) {
      say(text);
    }
  };
  try {
    (localStorage.getItem(KEPT) || "").split("\n").filter(Boolean).forEach(say);
    localStorage.removeItem(KEPT);
  } catch (error) {
    // Nothing can be kept there.
  }

  addEventListener("securitypolicyviolation", ({ blockedURI, effectiveDirective, disposition }) => {
    if (disposition !== "report") tell({ kind: "violation", blocked: blockedURI, directive: effectiveDirective });
  }, true);

  // A request of Segment's tracking API, by whatever name it goes: one event, or a batch of them.
  const eventsIn = (body) => {
    if (typeof body !== "string" || body.indexOf("messageId") < 0) return [];
    try {
      const said = JSON.parse(body);
      return (Array.isArray(said.batch) ? said.batch : [said]).filter((one) => one && types.includes(one.type));
    } catch (error) {
      return [];
    }
  };
  const told = (url, body) => {
    const events = eventsIn(body);
    const to = new URL(url, document.baseURI);
    events.forEach((event) => tell({ kind: "event", url: to.href, leaving, event }));
    to.searchParams.set("forwarder-verify", "1"); // by which the browser's driver knows what to answer itself
    return events.length ? to.href : null;
  };

  // What is sent then holds no event: a page that goes away may take its requests out of the driver's hands.
  const NO_EVENT = "";
  const { fetch } = window;
  window.fetch = function (input, init) {
    const url = init && (typeof input === "string" || input instanceof URL) ? told(input, init.body) : null;
    if (url === null) return fetch.apply(this, arguments);
    if (leaving) return Promise.resolve(new Response('{"success": true}'));
    return fetch.call(window, url, { ...init, body: NO_EVENT });
  };
  const { sendBeacon } = navigator;
  navigator.sendBeacon = function (url, body) {
    return told(url, body) !== null || sendBeacon.apply(navigator, arguments);
  };
  const { open, send, setRequestHeader } = XMLHttpRequest.prototype;
  const opened = new WeakMap();
  XMLHttpRequest.prototype.open = function (...words) {
    opened.set(this, { words, headers: [] });
    return open.apply(this, words);
  };
  XMLHttpRequest.prototype.setRequestHeader = function (...words) {
    if (opened.has(this)) opened.get(this).headers.push(words);
    return setRequestHeader.apply(this, words);
  };
  XMLHttpRequest.prototype.send = function (body) {
    const { words, headers } = opened.get(this) || { words: [] };
    const url = words.length ? told(words[1], body) : null;
    if (url !== null) {
      open.call(this, words[0], url, ...words.slice(2));
      headers.forEach((one) => setRequestHeader.apply(this, one));
    }
    return send.call(this, url === null ? body : NO_EVENT);
  };
})();
