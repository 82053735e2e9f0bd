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
  /** @param {string} text */
  const say = (text) => debug.call(console, "forwarder-verify:" + text);
  /** @param {object} what */
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

  // What a Blob or a Request holds cannot be asked in the turn in which it is sent: it is kept when it is made.
  const texts = new WeakMap();
  const LARGEST = 1000000; // bytes; no request of the tracking API is larger
  /** @param {unknown} body @returns {string} */
  const textOf = (body) => {
    if (typeof body === "string") return body;
    const bytes = body instanceof ArrayBuffer || ArrayBuffer.isView(body);
    if (bytes) return body.byteLength > LARGEST ? "" : new TextDecoder().decode(body);
    return texts.get(/** @type {object} */ (body)) || "";
  };
  /** @template {object} T @param {T} one @param {string} text @returns {T} */
  const keepText = (one, text) => {
    if (text.indexOf("messageId") >= 0) texts.set(one, text);
    return one;
  };
  /** Return a class whose objects' texts are kept. @param {any} of @param {(...words: any[]) => string} textIn */
  const keepingTexts = (of, textIn) => {
    /** @type {ProxyHandler<any>["construct"]} */
    const construct = (made, words, target) => keepText(Reflect.construct(made, words, target), textIn(...words));
    of.prototype.constructor = new Proxy(of, { construct });
    return of.prototype.constructor;
  };
  /** @param {unknown} input @param {RequestInit} [init] */
  const bodyOf = (input, init) => (init && init.body ? init.body : input instanceof Request ? input : "");
  window.Blob = keepingTexts(Blob, (parts) => (Array.isArray(parts) ? parts.map(textOf).join("") : ""));
  window.Request = keepingTexts(Request, (input, init) => textOf(bodyOf(input, init)));
  const { clone } = Request.prototype;
  Request.prototype.clone = function () {
    return keepText(clone.call(this), textOf(this));
  };

  // A request of Segment's tracking API, by whatever name it goes: one event, or a batch of them.
  /** @param {string} text @returns {object[]} */
  const eventsIn = (text) => {
    if (text.indexOf("messageId") < 0) return [];
    try {
      const said = JSON.parse(text);
      const some = /** @type {any[]} */ (Array.isArray(said.batch) ? said.batch : [said]);
      return some.filter((one) => one && types.includes(one.type));
    } catch (error) {
      return [];
    }
  };
  /** Tell of the events; return where the request is to go instead, null for as it is. */
  const told = (/** @type {string | URL} */ url, /** @type {unknown} */ body) => {
    const events = eventsIn(textOf(body));
    if (!events.length) return null;
    const to = new URL(url, document.baseURI);
    events.forEach((event) => tell({ kind: "event", url: to.href, leaving, event }));
    to.searchParams.set("forwarder-verify", "1"); // by which the browser's driver knows what to answer itself
    return to.href;
  };

  // What is sent then holds no event: a page that goes away may take its requests out of the driver's hands.
  const NO_EVENT = "";
  const { fetch } = window;
  /** @param {RequestInfo | URL} input */
  const partsOf = (input) => {
    if (!(input instanceof Request)) return { url: input };
    const { url, method, headers, mode, credentials } = input;
    return { url, method, headers, mode, credentials };
  };
  window.fetch = function (input, init) {
    const { url, ...parts } = partsOf(input);
    const instead = told(url, bodyOf(input, init));
    if (instead === null) return fetch.call(window, input, init);
    if (leaving) return Promise.resolve(new Response('{"success": true}'));
    return fetch.call(window, instead, { ...parts, ...init, body: NO_EVENT });
  };
  const { sendBeacon } = navigator;
  navigator.sendBeacon = function (url, body) {
    return told(url, body) !== null || sendBeacon.call(navigator, url, body);
  };
  const { open, send, setRequestHeader } = XMLHttpRequest.prototype;
  /** @type {WeakMap<XMLHttpRequest, {words: [string, string | URL, ...any[]], headers: [string, string][]}>} */
  const opened = new WeakMap();
  /** @param {[string, string | URL, ...any[]]} words */
  XMLHttpRequest.prototype.open = function (...words) {
    opened.set(this, { words, headers: [] });
    return open.apply(this, /** @type {any} */ (words));
  };
  XMLHttpRequest.prototype.setRequestHeader = function (...words) {
    opened.get(this)?.headers.push(words);
    return setRequestHeader.apply(this, words);
  };
  XMLHttpRequest.prototype.send = function (body) {
    const asked = opened.get(this);
    const url = asked ? told(asked.words[1], body) : null;
    if (asked && url !== null) {
      const [method, , ...others] = asked.words;
      open.apply(this, /** @type {any} */ ([method, url, ...others]));
      asked.headers.forEach((one) => setRequestHeader.apply(this, one));
    }
    return send.call(this, url === null ? body : NO_EVENT);
  };
})();
