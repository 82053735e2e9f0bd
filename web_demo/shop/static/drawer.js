// The drawer: what the session plugin decides, what becomes of events, and buttons that let things happen.

/** @typedef {{ path: string, name: string, receivedAt: string, states: { text: string, kind: string }[] }} Came */

{
  const page = /** @type {any} */ (window);
  const HALF_HOUR = 30 * 60_000;
  const LOOK_MS = 1500;
  const LONGEST = 60; // characters of why Python is not there: browsers quote the whole policy
  const AHEAD = "shop_clock_ahead";
  const OPEN = "shop_drawer";
  const PEOPLE = [
    { name: "Grace", email: "grace@example.com" },
    { name: "Alan", email: "alan@example.com" },
    { name: "Ada Byron", email: "ada@example.com" },
  ];

  /** @param {string} id @returns {any} null where the demo has no such part */
  const part = (id) => document.getElementById(id);
  /** @param {string} text */
  const say = (text) => (part("drawer-said").textContent = text);
  const ahead = () => Number(localStorage.getItem(AHEAD)) || 0;
  const noWasm = () => document.cookie.includes("shop_wasm=off");

  /** @param {boolean} open */
  const show = (open) => {
    part("drawer").hidden = !open;
    part("drawer-open").setAttribute("aria-expanded", String(open));
    part("drawer-open").hidden = open;
    localStorage.setItem(OPEN, open ? "open" : "");
    if (open) look();
  };

  const tell = () => {
    const session = page.analyticsSession;
    const left = session?.expiresAt ? Math.max(0, session.expiresAt - Date.now()) : 0;
    part("ring").setAttribute("stroke-dasharray", `${Math.min(100, (100 * left) / HALF_HOUR)} 100`);
    part("session-id").textContent = session?.id ?? "none yet";
    const minutes = Math.floor(left / 60_000);
    const seconds = String(Math.floor(left / 1000) % 60).padStart(2, "0");
    const clock = ahead() ? `; this page's clock is ${Math.round(ahead() / 60_000)} min ahead` : "";
    part("session-left").textContent = session?.id
      ? `${left ? `${minutes}:${seconds} left without another event` : "over; the next event begins another"}${clock}`
      : "";
    part("session-why").textContent = session?.explain?.() ?? "";
    const python = String(session?.python ?? "not here yet");
    part("session-python").textContent = python.length > LONGEST ? `${python.slice(0, LONGEST)}…` : python;
    part("session-python").title = python;
  };

  /** @param {Came} event */
  const line = (event) => {
    const item = document.createElement("li");
    const name = document.createElement("a");
    name.href = part("drawer-events").dataset.console + event.path;
    name.target = "console";
    name.textContent = event.name;
    const time = document.createElement("time");
    time.dateTime = event.receivedAt;
    time.textContent = new Date(event.receivedAt).toLocaleTimeString();
    item.append(name, time);
    for (const { text, kind } of event.states) {
      const chip = document.createElement("b");
      chip.className = `chip ${kind}`;
      chip.textContent = text;
      item.append(chip);
    }
    return item;
  };

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let next;
  const look = async () => {
    clearTimeout(next);
    if (part("drawer").hidden) return;
    tell();
    const device = page.analytics?.user?.()?.anonymousId?.();
    if (part("drawer-events") && device && !document.hidden) {
      try {
        const answer = await fetch(`/_/events?${new URLSearchParams({ device })}`);
        const events = /** @type {Came[]} */ (answer.ok ? await answer.json() : []);
        if (events.length) part("drawer-events").replaceChildren(...events.map(line));
      } catch {
        say("The shop does not answer.");
      }
    }
    next = setTimeout(look, LOOK_MS);
  };

  /** @type {Record<string, () => void>} */
  const DO = {
    later() {
      localStorage.setItem(AHEAD, String(ahead() + 31 * 60_000));
      location.reload(); // which is an event, 31 minutes later
    },
    now() {
      localStorage.removeItem(AHEAD);
      location.reload();
    },
    tab() {
      open(location.href);
      say("The other tab has the same session: look at its drawer.");
    },
    another() {
      const now = localStorage.getItem("shop_person");
      const at = PEOPLE.findIndex((one) => one.name === now);
      const { name, email } = PEOPLE[(at + 1) % PEOPLE.length];
      page.analytics.identify(`user-${email}`, { name, email, plan: "regular" });
      page.analytics.track("Signed In", { method: "drawer" });
      localStorage.setItem("shop_person", name);
      part("person").textContent = name;
      say(`${name} has signed in.`);
    },
    wasm() {
      document.cookie = `shop_wasm=${noWasm() ? "on" : "off"}; path=/; samesite=lax`;
      location.reload(); // the policy comes with the page
    },
  };

  document.addEventListener("click", async ({ target }) => {
    const button = /** @type {HTMLElement} */ (target).closest("button");
    const fault = button?.dataset.fault;
    DO[button?.dataset.do ?? ""]?.();
    if (fault) {
      const headers = { "content-type": "application/json" };
      const asked = { method: "POST", headers, body: JSON.stringify({ fault }) };
      const answer = await fetch("/_/faults", asked).catch(() => null);
      say(answer?.ok ? `Amplitude ${fault}: its next answers show it. Click something in the shop.` : "It could not be reached.");
    }
  });
  part("drawer-open").addEventListener("click", () => show(true));
  part("drawer-close").addEventListener("click", () => {
    show(false);
    part("drawer-open").focus();
  });
  document.addEventListener("keydown", ({ key }) => {
    if (key === "Escape" && !part("drawer").hidden) part("drawer-close").click();
  });
  /** @type {any} */ (document.querySelector("[data-do=now]")).hidden = !ahead();
  document.querySelector("[data-do=wasm]")?.setAttribute("aria-pressed", String(noWasm()));
  if (noWasm()) say("The site's policy forbids WebAssembly: the compiled rules answer instead of Python.");
  setInterval(() => !part("drawer").hidden && tell(), 1000);
  show(localStorage.getItem(OPEN) === "open");
  part("drawer-open").disabled = false; // until now nobody would have heard of a click
}
