// Starts Pyodide's interpreter under Node without Pyodide's own start-up, imports the entry function, warms
// and seals it, and writes down memory, table and globals as they are then.
//
//   node boot.mjs ORDER.json
//
// ORDER.json: {"pyodide": folder, "module": bootable .wasm, "wheel": file, "seal": Python source,
//   "entry": ["package.module", "function"], "warm": [texts], "globals": [names], "capacity": bytes for a text,
//   "out": folder}
// Nothing of the outside gets in: clock, random bytes, environment and paths are the same at every run.

import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

/** @type {any} */
const order = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const EPOCH_MS = 1_700_000_000_000;
let ticks = 0;
Date.now = () => EPOCH_MS;
performance.now = () => ++ticks;
crypto.getRandomValues = (/** @type {any} */ array) => array.fill(7);

const wasm = new WebAssembly.Module(fs.readFileSync(order.module));
const { default: createModule } = await import(
  pathToFileURL(path.join(order.pyodide, "pyodide.asm.mjs")).href
);

const PYTHON = "/lib/python314.zip";
const WHEEL = "/plugin.whl";
/** @type {string[]} */
const said = [];

/** @param {string} message @returns {never} */
function fail(message) {
  const why = said.filter((line) => line.trim()).slice(-1); // the last line of a traceback says it
  console.error(`freeze: ${[message, ...why].join(": ")}`);
  process.exit(1);
}

/** @type {any} */ let imports;
/** @type {any} */ let core;

await createModule({
  noInitialRun: true,
  arguments: [],
  thisProgram: "python",
  noImageDecoding: true,
  noAudioDecoding: true,
  print: (/** @type {string} */ line) => said.push(line),
  printErr: (/** @type {string} */ line) => said.push(line),
  API: { config: { env: {}, args: [], jsglobals: globalThis, packages: [], stdLibURL: "" }, runtimeEnv: { IN_NODE: true } },
  locateFile: (/** @type {string} */ name) => path.join(order.pyodide, name),
  preRun: [
    (/** @type {any} */ host) => {
      host.FS.mkdirTree("/lib/python3.14/lib-dynload");
      host.FS.mkdirTree("/lib/python3.14/site-packages");
      host.FS.writeFile(PYTHON, fs.readFileSync(path.join(order.pyodide, "python_stdlib.zip")));
      host.FS.writeFile(WHEEL, fs.readFileSync(order.wheel));
      for (const name of Object.keys(host.ENV)) delete host.ENV[name];
      Object.assign(host.ENV, {
        HOME: "/",
        PYTHONHOME: "/",
        PYTHONHASHSEED: "0",
        PYTHONDONTWRITEBYTECODE: "1",
        PYTHON_COLORS: "0",
        PYTHONNODEBUGRANGES: "1",
      });
    },
  ],
  instantiateWasm(/** @type {any} */ given, /** @type {(i: any, m: any) => void} */ done) {
    imports = given;
    // Pyodide's own JavaScript would provide these; no JavaScript object ever gets in here.
    imports.env.Jsv_GetError_import = () => null;
    imports.env.JsvError_Check = () => 0;
    WebAssembly.instantiate(wasm, imports).then((instance) => {
      core = instance.exports;
      done(instance, wasm);
    }, (error) => fail(`the interpreter did not start: ${error}`));
    return {};
  },
});

const bytes = () => new Uint8Array(core.memory.buffer);
const words = () => new Uint32Array(core.memory.buffer);
const address = (/** @type {string} */ symbol) => core[symbol].value;

/** @param {string} text @returns {number} the address of a zero-terminated copy */
function copied(text) {
  const data = new TextEncoder().encode(text + "\0");
  const at = core.malloc(data.length);
  bytes().set(data, at);
  return at;
}

/** @param {string} source @param {string} what */
function run(source, what) {
  const at = copied(source);
  const failed = core.PyRun_SimpleString(at);
  core.free(at);
  if (failed) fail(`${what} failed in the interpreter`);
}

/** @template T @param {T} object @param {string} what @returns {T} */
function found(object, what) {
  if (!object) {
    core.PyErr_Print();
    fail(what);
  }
  return object;
}

for (const flag of ["Py_NoSiteFlag", "Py_DontWriteBytecodeFlag", "Py_UTF8Mode"]) words()[address(flag) >> 2] = 1;
words()[address("Py_OptimizeFlag") >> 2] = 2; // no docstrings, no asserts
core.Py_InitializeEx(0);
run(`import sys\nsys.path[:] = [${JSON.stringify(PYTHON)}, ${JSON.stringify(WHEEL)}]`, "setting the path");

const moduleName = copied(order.entry[0]);
const functionName = copied(order.entry[1]);
const entryModule = found(core.PyImport_ImportModule(moduleName), `module ${order.entry[0]} cannot be imported`);
const entry = found(core.PyObject_GetAttrString(entryModule, functionName), `${order.entry[0]} has no ${order.entry[1]}`);
if (!core.PyCallable_Check(entry)) fail(`${order.entry.join(":")} is not a function`);
core.free(moduleName);
core.free(functionName);

// Texts will come in through memory that is set aside for good: no allocation per call.
const CAPACITY = order.capacity;
const buffer = core.malloc(CAPACITY);
bytes().fill(0, buffer, buffer + CAPACITY);

for (const text of order.warm) {
  const line = copied(text);
  const argument = core.PyUnicode_FromString(line);
  core.free(line);
  const answer = found(core.PyObject_CallOneArg(entry, argument), `${order.entry.join(":")} fails on ${JSON.stringify(text)}`);
  found(core.PyUnicode_AsUTF8(answer), `${order.entry.join(":")} gives no text for ${JSON.stringify(text)}`);
  core.Py_DecRef(argument);
  core.Py_DecRef(answer);
}
run(order.seal, "sealing");

const stackPointer = core.emscripten_stack_get_current();
bytes().fill(0, address("__stack_low"), stackPointer);

const WORD = 4;

/**
 * Every block the allocator (dlmalloc) has allocated or freed, in address order: [address, size,
 * in use]. A block begins with two words: the size of a free block before it, and its own size with flags in
 * the low bits (2: in use). The first block is the first address from which such a chain reaches the end.
 * @returns {[number, number, number][]}
 */
function blocks() {
  const heap = words();
  const end = core.sbrk(0);
  const first = address("__stack_high");
  for (let start = first; start < first + 64; start += 4) {
    /** @type {[number, number, number][]} */
    const chain = [];
    let at = start;
    while (at < end - 16) {
      const size = heap[(at + 4) >> 2] & ~7;
      if (size < 16 || at + size > end) break;
      chain.push([at, size, heap[(at + 4) >> 2] & 2 ? 1 : 0]);
      at += size;
    }
    // The last two are what is free behind the heap, and the allocator's mark at the end.
    if (chain.length > 50 && end - at < 16) return chain.slice(0, -2);
  }
  return fail("the heap is not laid out as dlmalloc lays it out; is this another Pyodide?");
}

// Take every free block out of circulation, so that all that is free is one stretch behind the heap: the
// links between free blocks would be a large part of what has to be kept. Asking for exactly a free block's
// size gets one of that size.
for (let free = blocks().filter((block) => !block[2]); free.length; free = blocks().filter((block) => !block[2])) {
  for (const [, size] of free) {
    const at = core.malloc(size - WORD);
    bytes().fill(0, at, at + size - 2 * WORD);
  }
}
const heap = blocks();
const last = heap[heap.length - 1];
bytes().fill(0, last[0] + last[1] + 2 * WORD, core.sbrk(0));

const slots = core.__indirect_function_table;
const table = Array.from({ length: slots.length }, (_, slot) => {
  const there = slots.get(slot);
  // In V8 the name of an exported WebAssembly function is its index.
  return there === null ? -1 : Number(there.name);
});
if (table.some(Number.isNaN)) fail("the table holds functions that are not the module's own");

/** @type {Record<string, number>} */
const linked = {};
for (const one of WebAssembly.Module.imports(wasm))
  if (one.kind === "global") linked[`${one.module}.${one.name}`] = imports[one.module][one.name].value;
/** @type {Record<string, number>} */
const symbols = {};
for (const name of Object.keys(core).sort())
  if (core[name] instanceof WebAssembly.Global && typeof core[name].value === "number") symbols[name] = core[name].value;

fs.writeFileSync(path.join(order.out, "memory.bin"), bytes().subarray(0, core.sbrk(0)));
fs.writeFileSync(
  path.join(order.out, "state.json"),
  JSON.stringify({
    entry,
    buffer,
    capacity: CAPACITY,
    globals: order.globals.map((/** @type {string} */ name) => core[name].value),
    linked,
    table,
    blocks: heap,
    symbols,
    stack_low: address("__stack_low"),
    heap: address("__stack_high"),
  }),
);
process.exit(0);
