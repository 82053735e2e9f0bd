// What every benchmarked page does: starts its variant, watches the page's thread, asks, and leaves what it
// saw in window.measured (times in ms, sizes in bytes).

/** @typedef {(text: string) => string | Promise<string>} Call */

/** Milliseconds from which a task is a long one. */
const LONG = 50;
/** Milliseconds of work that must be seen. */
const TRIAL = 150;
/** @type {number[]} what the browser's own observer tells */
const tasks = [];
/** @type {number[]} times between two turns of the page's thread */
const gaps = [];
if (PerformanceObserver.supportedEntryTypes?.includes("longtask"))
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map((one) => one.duration))).observe({ type: "longtask" });
let watching = true;
let last = performance.now();
const channel = new MessageChannel();
channel.port1.onmessage = () => {
  const now = performance.now();
  gaps.push(now - last);
  last = now;
  if (watching) setTimeout(() => channel.port2.postMessage(0));
};
channel.port2.postMessage(0);

const pause = (/** @type {number} */ ms) => new Promise((done) => setTimeout(done, ms));

/** Blocks the page and returns whether the browser's observer told of it: some have one that says nothing. */
async function observed() {
  await pause(0);
  for (const end = performance.now() + TRIAL; performance.now() < end; );
  for (let waits = 0; waits < 20 && !tasks.some((task) => task >= TRIAL - 1); waits++) await pause(20);
  const told = tasks.some((task) => task >= TRIAL - 1);
  await pause(LONG);
  tasks.length = gaps.length = 0;
  return told;
}

/** Bytes of WebAssembly memory, whoever made it. */
let linear = () => 0;
for (const way of ["instantiate", "instantiateStreaming"]) {
  const own = /** @type {any} */ (WebAssembly)[way];
  /** @type {any} */ (WebAssembly)[way] = async (/** @type {any[]} */ ...given) => {
    const made = await own.apply(WebAssembly, given);
    const memory = (made.instance ?? made).exports.memory;
    if (memory) linear = () => memory.buffer.byteLength;
    return made;
  };
}

const NOW = 1_700_000_000_000;
const BATCHES = 100;
const CALLS = 20;
/** Calls that have a millisecond of their own, in which each writes, and what lies between two of them. */
const SPACED = 100;
const APART = 2;
/** What an event that writes has to ask of the browser's storage, whoever decides: three reads and a write. */
const store = () => {
  for (const name of ["last", "id", "reset"]) localStorage.getItem(`bench.${name}`);
  localStorage.setItem("bench.last", `${performance.now()}`);
};
/** @param {() => unknown} go @returns {Promise<number>} milliseconds that it took, a while after whatever came before */
async function apart(go) {
  for (const until = performance.now() + APART; performance.now() < until; );
  const from = performance.now();
  const said = go();
  if (said instanceof Promise) await said;
  return performance.now() - from;
}
/** The facts about an event as a page gathers them (page/session.js): what the rules are asked. */
const question = (/** @type {number} */ n) =>
  JSON.stringify({
    event: { type: "track", event: "Seen", anonymousId: "a", integrations: null },
    time: NOW + n * 1000,
    born: NOW - 1000,
    now: NOW + n * 1000 + 400,
    stores: n ? [[`${NOW}`, `${NOW + n * 1000}`, ""]] : [["", "", ""]],
    earlier: false,
    before: null,
    loaded: null,
    visitor: null,
    user: null,
    settings: SETTINGS,
  });
const SETTINGS = {
  sessionLength: 1800000,
  sessionEvents: false,
  startedName: "Session Started",
  endedName: "Session Ended",
  eventTypes: ["track", "page", "identify", "group", "alias"],
  maximumLength: 0,
  newOnReset: false,
  newOnUserChange: false,
};

/** @param {() => Promise<Call>} start */
export async function measure(start) {
  const byObserver = await observed();
  const began = performance.now();
  const call = await start();
  const ready = performance.now();
  const answer = await call(question(0));
  const answered = performance.now();
  await pause(400);
  watching = false;
  const blocked = byObserver ? tasks : gaps.filter((gap) => gap > LONG);
  const times = [];
  for (let batch = 0; batch < BATCHES; batch++) {
    const from = performance.now();
    for (let n = 0; n < CALLS; n++) {
      const said = call(question(batch * CALLS + n));
      if (typeof said !== "string") await said;
    }
    times.push((performance.now() - from) / CALLS);
  }
  times.sort((a, b) => a - b);
  const spaced = [];
  const storage = [];
  for (let n = 0; n < SPACED; n++) {
    const text = question(BATCHES * CALLS + n);
    spaced.push(await apart(() => call(text)));
    storage.push(await apart(store));
  }
  spaced.sort((a, b) => a - b);
  storage.sort((a, b) => a - b);
  const memory = /** @type {any} */ (performance).memory;
  return {
    answer,
    seen_by: byObserver ? "the browser's long tasks" : "gaps between turns",
    answer_ms: answered - began,
    first_call_ms: answered - ready,
    longest_task_ms: Math.max(0, ...blocked),
    longest_gap_ms: Math.max(...gaps),
    blocking_ms: blocked.reduce((sum, task) => sum + Math.max(0, task - LONG), 0),
    call_us: times[BATCHES / 2] * 1000,
    spaced_us: spaced[SPACED / 2] * 1000,
    storage_us: storage[SPACED / 2] * 1000,
    call_p99_us: times[BATCHES - 2] * 1000,
    linear_bytes: linear(),
    heap_bytes: memory ? memory.usedJSHeapSize : null,
  };
}
