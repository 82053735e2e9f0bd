// What the console's pages do beyond their markup: the Live page is fed, its rows open in place.
// Every page works without this; nothing here makes markup of what senders sent: the server has escaped it.

const MOST_ROWS = 200; // in the table: more nobody reads, and the browser stays quick
const RATE_S = 10; // the rate is that of the last seconds: shorter ones flicker
const MOST_HELD = 500; // rows kept while paused; of more, the newest

/** @typedef {{rows: string[], chips: Record<string, string>, more: number}} News */

/**
 * @param {string} id
 * @returns {HTMLElement | null}
 */
const byId = (id) => document.getElementById(id);

/**
 * @param {string} markup of a table's rows, made by the server
 * @returns {HTMLTableRowElement[]}
 */
const rowsOf = (markup) => {
  const template = document.createElement("template");
  template.innerHTML = markup;
  return [...template.content.querySelectorAll("tr")];
};

/** The Live page: its table, and what was not shown yet. */
class Live {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
    this.body = /** @type {HTMLElement} */ (place.querySelector("tbody"));
    this.button = /** @type {HTMLButtonElement} */ (byId("live-pause"));
    this.form = /** @type {HTMLFormElement} */ (byId("live-filter"));
    this.said = /** @type {HTMLElement} */ (byId("live-said"));
    this.paused = false;
    /** @type {string[]} */
    this.held = [];
    this.heldCount = 0;
    this.more = 0;
    /** @type {{ at: number, events: number }[]} */
    this.came = [];
    /** @type {EventSource | undefined} */
    this.source = undefined;
  }

  /** Connect, from where the page was made. */
  connect() {
    this.source?.close();
    const wanted = new FormData(this.form).get("q") ?? "";
    const query = new URLSearchParams({ since: this.place.dataset.since ?? "", q: String(wanted) });
    const source = new EventSource(`${this.place.dataset.stream}?${query}`);
    source.onmessage = (message) => this.take(JSON.parse(message.data));
    source.addEventListener("over", () => {
      source.close();
      this.say("The stream has ended: reload the page to sign in again.");
    });
    source.onopen = () => this.tell();
    source.onerror = () => {
      const refused = source.readyState === EventSource.CLOSED;
      this.say(refused ? "Not live: too many pages are, or you are signed out. Reload the page to try again."
        : "Not live: the forwarder does not answer. It is asked again and again.");
    };
    this.source = source;
  }

  /** @param {News} news */
  take(news) {
    for (const [key, chips] of Object.entries(news.chips)) {
      const place = byId(key)?.querySelector(".chips");
      if (place) place.innerHTML = chips;
    }
    this.more += news.more;
    this.came.push({ at: Date.now(), events: news.rows.length + news.more });
    if (this.paused) {
      this.heldCount += news.rows.length;
      this.held = [...this.held, ...news.rows].slice(-MOST_HELD);
    } else {
      this.show(news.rows);
    }
    this.tell();
  }

  /** @param {string[]} rows oldest first */
  show(rows) {
    for (const row of rows.flatMap(rowsOf)) {
      if (byId(row.id)) continue;
      row.classList.add("came");
      this.body.prepend(row);
    }
    while (this.body.children.length > MOST_ROWS) this.body.lastElementChild?.remove();
    const empty = byId("live-empty");
    if (empty) empty.hidden = this.body.children.length > 0;
  }

  /** Say how many events come. */
  rate() {
    this.came = this.came.filter(({ at }) => Date.now() - at < RATE_S * 1000);
    const events = this.came.reduce((sum, one) => sum + one.events, 0);
    const place = byId("live-rate");
    if (place) place.textContent = events ? `${(events / RATE_S).toFixed(1)} a second` : "";
  }

  /** Say what is not in the table. */
  tell() {
    const parts = [];
    if (this.paused) parts.push(`Paused: ${this.heldCount} new`);
    if (this.more) parts.push(`${this.more} more came too quickly to be listed; Events has them all`);
    this.say(parts.join(". "));
  }

  /** @param {string} text */
  say(text) {
    if (this.said.textContent !== text) this.said.textContent = text;
    this.said.hidden = !text;
  }

  pause() {
    this.paused = !this.paused;
    this.button.setAttribute("aria-pressed", String(this.paused));
    const label = this.button.querySelector("span");
    if (label) label.textContent = this.paused ? "Go on" : "Pause";
    if (!this.paused) {
      this.show(this.held);
      this.held = [];
      this.heldCount = this.more = 0;
    }
    this.tell();
  }

  /** Show what the filter lets through: the page as the server makes it for it, then what comes. */
  async filter() {
    const address = `?${new URLSearchParams({ q: String(new FormData(this.form).get("q") ?? "") })}`;
    const answer = await fetch(address);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const place = page.getElementById("live");
    const body = place?.querySelector("tbody");
    if (!place || !body) return location.assign(address); // it leads to the sign-in
    history.replaceState(null, "", address);
    this.body.replaceChildren(...body.children);
    byId("live-empty")?.replaceWith(/** @type {HTMLElement} */ (page.getElementById("live-empty")));
    this.place.dataset.since = place.dataset.since;
    this.held = [];
    this.heldCount = this.more = 0;
    this.connect();
  }

  start() {
    this.button.hidden = false;
    this.button.addEventListener("click", () => this.pause());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.filter();
    });
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let typing;
    this.form.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => void this.filter(), 250);
    });
    document.addEventListener("keydown", (event) => {
      const at = /** @type {HTMLElement} */ (event.target);
      if (event.ctrlKey || event.metaKey || event.altKey || at.closest("input, textarea, select")) return;
      if (event.key === "/") {
        event.preventDefault();
        this.form.querySelector("input")?.focus();
      } else if (event.key === " " && !at.closest("button, summary, a")) {
        event.preventDefault();
        this.pause();
      }
    });
    addEventListener("pagehide", () => this.source?.close());
    addEventListener("pageshow", (event) => {
      if (event.persisted) this.connect();
    });
    setInterval(() => this.rate(), 1000);
    this.connect();
  }
}

/**
 * Open a row in place, or close it.
 * @param {HTMLTableRowElement} row
 * @param {HTMLAnchorElement} link
 */
const toggle = async (row, link) => {
  const below = row.nextElementSibling;
  if (below?.classList.contains("opened")) {
    below.remove();
    link.setAttribute("aria-expanded", "false");
    return;
  }
  const answer = await fetch(`${link.href}?part=1`);
  if (!answer.ok || answer.redirected) return location.assign(link.href);
  const opened = document.createElement("tr");
  opened.className = "opened";
  const cell = opened.insertCell();
  cell.colSpan = row.cells.length;
  cell.innerHTML = await answer.text();
  row.after(opened);
  link.setAttribute("aria-expanded", "true");
};

document.addEventListener("click", (event) => {
  const at = /** @type {HTMLElement} */ (event.target);
  const row = at.closest("tr");
  const link = row?.querySelector("a.open");
  const special = event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0;
  if (!row || !(link instanceof HTMLAnchorElement) || special || getSelection()?.toString()) return;
  const other = at.closest("a, button, input, label");
  if (other && other !== link) return;
  event.preventDefault();
  void toggle(row, link);
});

for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!(button instanceof HTMLButtonElement) || !navigator.clipboard) continue; // plain http by name has none
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(byId(button.dataset.copy ?? "")?.textContent ?? "");
    button.textContent = "Copied";
  });
}

const place = byId("live");
if (place) new Live(place).start();
