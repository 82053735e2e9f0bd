// The arrivals in local time, renewed while rows stay open.

{
  const LOOK_MS = 1500;
  const arrivals = /** @type {HTMLElement} */ (document.getElementById("arrivals"));

  const local = () => {
    for (const time of arrivals.querySelectorAll("time")) {
      const at = new Date(Number(time.dataset.at));
      time.dateTime = at.toISOString();
      time.title = time.dateTime;
      time.textContent = at.toLocaleTimeString([], {
        hour: "numeric", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3,
      });
    }
  };

  const renew = async () => {
    if (document.hidden) return;
    const answer = await fetch("/").catch(() => null);
    if (!answer?.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = /** @type {HTMLElement} */ (page.getElementById("arrivals"));
    if (fresh.innerHTML === known) return;
    known = fresh.innerHTML;
    const open = new Set([...arrivals.querySelectorAll("details[open]")].map((one) => one.id));
    const focused = document.activeElement?.closest("details")?.id;
    arrivals.replaceChildren(...fresh.childNodes);
    for (const one of arrivals.querySelectorAll("details")) one.open = open.has(one.id);
    if (focused) document.getElementById(focused)?.querySelector("summary")?.focus();
    local();
  };

  let known = arrivals.innerHTML;
  local();
  setInterval(renew, LOOK_MS);
}
