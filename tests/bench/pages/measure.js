// What every benchmarked page does: starts its variant, watches the page's thread, asks, and leaves what it
// saw in window.measured (times in ms, sizes in bytes).

/** @typedef {(text: string) => string} Call */

/** @type {number[]} */
const tasks = [];
/** @type {number[]} */
const gaps = [];
const observed = PerformanceObserver.supportedEntryTypes.includes("longtask");
if (observed)
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
const question = (/** @type {number} */ n) => `${NOW}\t${NOW + n * 1000}\t${NOW + n * 1000 + 400}\t1800000\t0\t0`;

/** @param {() => Promise<Call>} start */
export async function measure(start) {
  const began = performance.now();
  const call = await start();
  const ready = performance.now();
  const answer = call(question(0));
  const answered = performance.now();
  await new Promise((done) => setTimeout(done, 400));
  watching = false;
  const blocked = observed ? tasks : gaps.filter((gap) => gap > 50);
  const times = [];
  for (let batch = 0; batch < BATCHES; batch++) {
    const from = performance.now();
    for (let n = 0; n < CALLS; n++) call(question(batch * CALLS + n));
    times.push((performance.now() - from) / CALLS);
  }
  times.sort((a, b) => a - b);
  const memory = /** @type {any} */ (performance).memory;
  return {
    answer,
    answer_ms: answered - began,
    first_call_ms: answered - ready,
    longest_task_ms: Math.max(0, ...blocked),
    longest_gap_ms: Math.max(...gaps),
    blocking_ms: blocked.reduce((sum, task) => sum + Math.max(0, task - 50), 0),
    call_us: times[BATCHES / 2] * 1000,
    call_p99_us: times[BATCHES - 2] * 1000,
    linear_bytes: linear(),
    heap_bytes: memory ? memory.usedJSHeapSize : null,
  };
}
