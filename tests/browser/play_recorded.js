// Plays recorded session cases through the plugin's page code, as it is shipped, with a made-up Analytics.js.

async (cases) => {
  // One tab alone, which has nobody to take turns with, as on a page without https.
  Object.defineProperty(navigator, "locks", { value: undefined });
  const today = Date.now;
  const bake = (key, value, age = 1e6) => (document.cookie = `${key}=${value}; path=/; max-age=${age}`);
  const baked = () =>
    Object.fromEntries(document.cookie.split("; ").filter(Boolean).map((one) => one.split("=")));
  const clear = {
    local: () => localStorage.clear(),
    cookie: () => Object.keys(baked()).forEach((key) => bake(key, "", 0)),
  };
  const parsed = (raw) => {
    try {
      return JSON.parse(raw);
    } catch {
      return raw;
    }
  };
  const local = {
    get: (key) => parsed(localStorage.getItem(key)),
    set: (key, value) => localStorage.setItem(key, JSON.stringify(value)),
  };
  const cookie = { get: (key) => baked()[key], set: bake };

  async function play({ initial_storage, storage_mode, settings, steps }, number) {
    clear.local();
    clear.cookie();
    for (const [key, value] of Object.entries(initial_storage.local)) localStorage.setItem(key, value);
    for (const [key, value] of Object.entries(initial_storage.cookie)) bake(key, value);
    let emitted;
    const analytics = {
      storage: storage_mode === "universal" ? { stores: [local, cookie, new Map()] } : undefined,
      track: async (name, properties, { timestamp, messageId }) =>
        emitted.push([name, properties, +timestamp, +messageId.split("-")[2]]),
    };
    Date.now = () => steps[0].now;
    delete window[Symbol.for("amplitude session")]; // each case is a page of its own
    const { sessionPlugin } = await import(`/session-plugin.mjs?${number}`);
    const plugin = sessionPlugin({ ...settings, startPython: "off" });
    await plugin.load({}, analytics);
    const results = [];
    for (const { now, event, before = [] } of steps) {
      for (const { op } of before) clear[op.slice("clear_".length)]();
      Date.now = () => now;
      emitted = [];
      const context = { event: structuredClone(event) };
      await plugin[event.type]?.(context);
      const { integrations = null } = context.event;
      results.push({ integrations, local: { ...localStorage }, cookie: baked(), emitted });
    }
    return results;
  }

  const all = [];
  for (const [number, one] of cases.entries()) all.push(await play(one, number));
  Date.now = today;
  return all;
}
