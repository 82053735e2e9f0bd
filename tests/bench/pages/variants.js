// The ways to answer in a page that are compared, each from nothing to a function from text to text.

const json = async (/** @type {string} */ url) => (await fetch(url)).json();
const hosted = (/** @type {any} */ pyodide) => {
  const { handle } = pyodide.pyimport("browser_plugin.entry");
  return (/** @type {string} */ text) => handle(text);
};

/** Pyodide as published, and the plugin installed by micropip: the plugin's own stock runtime. */
export async function stock() {
  const script = document.createElement("script");
  script.src = /** @type {any} */ (window).stock;
  const start = await new Promise((host, reject) => {
    document.head.append(Object.assign(script, { host, onerror: reject }));
  });
  return start(new URL("/", location.href).href);
}

/** Pyodide's own memory snapshot with the plugin imported. */
export async function snapshot() {
  const { loadPyodide } = await import("/pyodide/pyodide.mjs");
  const _loadSnapshot = fetch("/snapshot.bin").then((response) => response.arrayBuffer());
  return hosted(await loadPyodide({ indexURL: "/pyodide/", _loadSnapshot }));
}

/** The page's own script has the description and the host in it, as the plugin's script has. */
const frozen = () => {
  const { startFrozen, description } = /** @type {any} */ (window);
  return startFrozen(description.wasm, description, console.error).then((/** @type {any} */ python) => python.call);
};
export const whole = frozen;
export const lean = frozen;
export const tight = frozen;

/** What is shipped: the script tag of a page, and then events as Analytics.js hands them over, one after another. */
export async function plugin() {
  const page = /** @type {any} */ (window);
  page.analytics = [];
  const script = Object.assign(document.createElement("script"), { src: "/session-plugin.js" });
  script.dataset.startPython = "now";
  document.head.append(script);
  while ((page.analyticsSession?.python ?? "starting") === "starting") await new Promise((done) => setTimeout(done));
  if (page.analyticsSession.python !== "ready") throw new Error(page.analyticsSession.python);
  const [, registered] = page.analytics[0];
  await registered.load({}, { integrations: {} }); // as Analytics.js does, before the first event
  return async () => {
    const event = { type: "track", event: "Seen", properties: {}, anonymousId: "a", timestamp: new Date() };
    await registered.track({ event, id: "seen" });
    const id = /** @type {any} */ (event).integrations["Actions Amplitude"].session_id;
    return JSON.stringify({ decision: { session_id: id, reason: "first visit" } });
  };
}

/** Another Python, made for small machines, with the plugin's rules; its json has functions and no classes. */
export async function micropython() {
  const { loadMicroPython } = await import("/micropython/micropython.mjs");
  const [python, sources] = await Promise.all([
    loadMicroPython({ url: "/micropython/micropython.wasm" }),
    json("/sources.json"),
  ]);
  python.FS.mkdir("/browser_plugin");
  for (const [name, source] of Object.entries(sources)) python.FS.writeFile(name, source);
  python.runPython(`
import json, sys
sys.path.append("/")
from browser_plugin.rules import enrich
def handle(text):
    return json.dumps(enrich(json.loads(text)), separators=(",", ":"))
`);
  const handle = python.globals.get("handle");
  return handle;
}

/** No Python: the policy compiled to JavaScript. */
export async function javascript() {
  const { enrich } = await import("/policy.js");
  return (/** @type {string} */ text) => JSON.stringify(enrich(JSON.parse(text)));
}
