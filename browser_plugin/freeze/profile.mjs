// Runs a frozen module over the workload and the language-core margin, and writes down what it touched.
//
//   node profile.mjs ORDER.json
//
// ORDER.json: {"module": .wasm, "description": {entry, buffer, capacity}, "texts": [calls], "margin": Python
//   source that defines margin(), "blocks": {"at": address, "count": n} | null, "shadow": address | null,
//   "out": file}
// With "blocks": the module marks basic blocks that run with a byte each from "at". Writes JSON {"loading":
//   numbers of those that ran while the margin was compiled, "running": of those that ran for anything else}.
// With "shadow": the module marks every byte it touches, that much further on (watch.py). Writes one byte per byte
//   of memory: 1 where it was read before it was written.

import fs from "node:fs";
import { frozenHost } from "../page/frozen.js";

const order = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
/** @type {string[]} */
const said = [];
/** @type {any} */
let core;
const bytes = () => new Uint8Array(core.memory.buffer);
const words = () => new DataView(core.memory.buffer);

const BEGINNINGS = 40;
const FIRST_CALLS = 20;
/**
 * Calls of one instance at the least. Where the interpreter cannot specialise it tries again after 1, 3, 7 ... 4,095
 * runs, and then after as many each time: that it begins to do so is seen after 8,178, that it goes on after 12,273.
 */
const LEAST_CALLS = 12_500;
/** Times each allocator is asked for something. */
const ALLOCATIONS = 40_000;
const PAGE = 65_536;
/** Where nothing is watched, the memory has no shadow. */
const shadow = order.shadow ?? 0;
const read = new Uint8Array(shadow);
/** What the module believes to be its memory, in bytes; its shadow lies behind. */
const extent = () => core.pages.value * PAGE;

const host = frozenHost({
  ...(shadow && { emscripten_resize_heap: grown }),
  emscripten_get_now: () => performance.now(),
  emscripten_date_now: () => Date.now(),
  /** @param {number} file @param {number} list @param {number} count @param {number} done */
  fd_write(file, list, count, done) {
    let total = 0;
    for (let i = 0; i < count; i++) {
      const at = words().getUint32(list + 8 * i, true);
      const size = words().getUint32(list + 8 * i + 4, true);
      said.push(new TextDecoder().decode(bytes().slice(at, at + size)));
      total += size;
    }
    words().setUint32(done, total, true);
    return 0;
  },
  /** @param {number} clock @param {bigint} precision @param {number} at */
  clock_time_get(clock, precision, at) {
    words().setBigUint64(at, 1_700_000_000_000_000_000n, true);
    return 0;
  },
});
const module = new WebAssembly.Module(fs.readFileSync(order.module));

/** Memory is as large as it can be from the start; what the module gets is what page/frozen.js would give it.
 * @param {number} wanted */
function grown(wanted) {
  const pages = core.pages.value + Math.max(Math.ceil(((wanted >>> 0) - extent()) / PAGE), 16);
  if (pages * PAGE > shadow) return 0;
  core.pages.value = pages;
  return 1;
}

/** The host reads memory itself; no load of the module shows that.
 * @param {number} begin @param {number} end */
function hostReads(begin, end) {
  if (!shadow || !core.recording.value) return;
  const marks = bytes();
  for (let at = begin + shadow; at < end + shadow; at++) if (!marks[at]) marks[at] = 1;
}

/** What this instance read first is added to what others did; a byte's mark is 1 then, and 2 where it was written first. */
function remember() {
  if (!shadow) return;
  const words = extent() / 4;
  const [all, one] = [new Uint32Array(read.buffer, 0, words), new Uint32Array(core.memory.buffer, shadow, words)];
  for (let n = 0; n < words; n++) all[n] |= one[n] & 0x01010101;
}

/** The function in the state in which a page finds it: nothing is written yet. */
function started() {
  /** @type {any} */ (globalThis).gc(); // else the memory of all instances is kept until the end
  const instance = new WebAssembly.Instance(module, host.imports);
  core = instance.exports;
  const exports = {
    ...instance.exports,
    /** @param {number} text @param {number} size */
    PyUnicode_AsUTF8AndSize(text, size) {
      const at = core.PyUnicode_AsUTF8AndSize(text, size);
      if (at) hostReads(size, size + 4);
      if (at) hostReads(at, at + words().getInt32(size, true));
      return at;
    },
  };
  return host.attach(/** @type {any} */ ({ exports }), order.description, (why) => {
    core.PyErr_Print();
    fail(`the sealed interpreter fails: ${why}`);
  });
}

/** @param {string} what @returns {never} */
function fail(what) {
  const why = said.join("").trim().split("\n").slice(-1); // the last line of a traceback says it
  console.error(`freeze: ${[what, ...why].join(": ")}`);
  process.exit(1);
}

/** @param {string} text @returns {number} */
function copied(text) {
  const data = new TextEncoder().encode(text + "\0");
  const at = core.malloc(data.length);
  bytes().set(data, at);
  return at;
}
/** Which basic blocks ran since this was last asked. */
const ran = () => {
  if (!order.blocks) return [];
  const marks = bytes().subarray(order.blocks.at, order.blocks.at + order.blocks.count);
  const numbers = [...marks.keys()].filter((n) => marks[n]);
  marks.fill(0);
  return numbers;
};

/**
 * Every allocator at work: how memory is laid out, and so what an allocator does, depends on all that was asked
 * before, not on the call; no workload shows it all.
 */
function allocate() {
  let seed = 1;
  const below = (/** @type {number} */ limit) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * limit);
  };
  const allocators = [
    [core.malloc, core.emscripten_builtin_realloc, core.free],
    [core.PyObject_Malloc, core.PyObject_Realloc, core.PyObject_Free],
  ];
  for (const [take, resize, free] of allocators) {
    /** @type {number[]} */
    const held = [];
    const size = () => 1 + below(below(8) ? (below(3) ? 600 : 100) : below(20) ? 9_000 : 300_000);
    for (let n = 0; n < ALLOCATIONS; n++) {
      const one = below(held.length || 1);
      const doing = below(held.length < 300 ? 4 : 3); // more is held for a while, then as much
      if (doing === 0 && held.length) held[one] = resize(held[one], size());
      else if (doing === 1 && held.length) free(held.splice(one, 1)[0]);
      else if (doing !== 1 || !held.length) held.push(take(size()));
      if (held.length > 600) for (const at of held.splice(50, 500)) free(at);
    }
    for (const at of held) free(at);
  }
}

/** Whether what is touched from now on counts. @param {boolean} on */
function record(on) {
  if (shadow) core.recording.value = on ? -1 : 0;
}

const running = new Set();
// Pages begin with any call. Later, lookups are answered from caches, and what fills them would not be seen.
const step = Math.ceil(order.texts.length / BEGINNINGS);
for (let first = step; first < order.texts.length; first += step) {
  const python = started();
  for (const text of order.texts.slice(first, first + FIRST_CALLS)) python.call(text);
  for (const n of ran()) running.add(n);
  remember();
}
const python = started();
for (const text of order.texts) python.call(text);
// Memory of every size, allocated and freed, until the heap has to grow; and more than there is.
const sizes = Array.from({ length: 200 }, (_, n) => 8 + ((n * n * n) % 9973) * (n % 10 ? 1 : 200));
const allocated = sizes.map((size) => core.malloc(size));
for (const at of allocated.splice(50, 50)) core.free(at);
allocated.push(...sizes.map((size) => core.malloc(size + 24)));
for (const at of allocated) core.free(at);
if (core.malloc(0x7ffffff0)) throw new Error("memory without end");
allocate();
const more = Math.max(order.texts.length, LEAST_CALLS - order.texts.length);
for (let n = 0; n < more; n++) python.call(order.texts[n % order.texts.length]);
for (const n of ran()) running.add(n);

record(false);
const source = copied(order.margin);
if (core.PyRun_SimpleString(source)) throw new Error(`the margin could not be loaded: ${said.join("")}`);
core.free(source);
const margin = core.PyObject_GetAttrString(core.PyImport_AddModule(copied("__main__")), copied("margin"));
const loading = ran();

record(true);
const answer = core.PyObject_CallNoArgs(margin);
if (!answer) {
  core.PyErr_Print();
  throw new Error(`the margin failed: ${said.join("").slice(-2000)}`);
}
core.Py_DecRef(answer);
for (const text of order.texts) python.call(text);
for (const n of ran()) running.add(n);
remember();

if (order.blocks) fs.writeFileSync(order.out, JSON.stringify({ loading, running: [...running].sort((a, b) => a - b) }));
else fs.writeFileSync(order.out, read.subarray(0, extent()));
