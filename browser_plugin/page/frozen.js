// Hosts a frozen Python module: one WebAssembly instance, one Python function, text in and text out.
//
// The module is made by browser_plugin/freeze. What it may lack is code and data that no profiled run ever
// touched; where it meets such a gap it traps. After any trap, exception or answer that cannot be, the
// instance is thrown away and `onTrap` is called once. What is no text, or one too long, is refused and costs
// nothing else.

/**
 * What the freeze writes beside the module (core.json).
 * @typedef {object} FrozenDescription
 * @property {number} entry address of the Python function
 * @property {number} buffer address of the memory through which texts go in
 * @property {number} capacity bytes of that memory; its first word takes the answer's length
 */

/**
 * @typedef {object} FrozenPython
 * @property {(text: string, expected?: string) => string} call asks the Python function; throws once the instance is
 * discarded. An answer that is `expected`, letter for letter, is found without making a text of it: that is quicker
 * @property {WebAssembly.Memory} memory for reading its size
 * @property {(why: string) => void} discard throws the instance away, as after a trap
 */

/**
 * @typedef {FrozenPython & { again: (onTrap: (why: string) => void) => FrozenPython & { again: any } }} StartedPython
 * `again` makes a fresh instance of the same module, at once
 */

/** Longest answer, in bytes. */
const LONGEST = 1 << 19;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Fetches, compiles (while it arrives, off the page's thread) and instantiates a frozen module.
 * @param {string | Promise<Response>} from its address, or what a fetch begun earlier gives
 * @param {FrozenDescription} description
 * @param {(why: string) => void} onTrap called at most once
 * @returns {Promise<StartedPython>} rejects where the module cannot be had or WebAssembly is refused
 */
export async function startFrozen(from, description, onTrap) {
  const response = await (typeof from === "string" ? fetch(from, { credentials: "omit" }) : from);
  if (!response.ok) throw new Error(`${response.url}: HTTP ${response.status}`);
  const host = frozenHost();
  // A server that does not know the type gets the slower way, which holds the whole file in memory first.
  const streams = response.headers.get("Content-Type") === "application/wasm";
  const { instance, module } = streams
    ? await WebAssembly.instantiateStreaming(response, host.imports)
    : await WebAssembly.instantiate(await response.arrayBuffer(), host.imports);
  /** @param {(why: string) => void} onTrap @returns {StartedPython} */
  const again = (onTrap) => {
    const fresh = frozenHost();
    return { ...fresh.attach(new WebAssembly.Instance(module, fresh.imports), description, onTrap), again };
  };
  return { ...host.attach(instance, description, onTrap), again };
}

/**
 * The two halves of hosting: what the module imports, and calling it.
 * @param {Record<string, Function>} [more] imports beyond the page's (the freeze's own runs print and have a clock)
 */
export function frozenHost(more = {}) {
  /** @type {any} */
  let core;
  /** @type {Record<string, Function>} */
  const given = {
    /** @param {number} size bytes wanted in all */
    emscripten_resize_heap(size) {
      const missing = (size >>> 0) - core.memory.buffer.byteLength;
      try {
        core.memory.grow(Math.max((missing + 65535) >>> 16, 16));
        return 1;
      } catch {
        return 0;
      }
    },
    emscripten_get_heap_max: () => 2 ** 31,
    _Py_CheckEmscriptenSignals_Helper: () => 0,
    /** @param {number} slot @param {number} a @param {number} b @param {number} c */
    _PyEM_TrampolineCall_JS: (slot, a, b, c) => core.__indirect_function_table.get(slot)(a, b, c),
    ...more,
  };
  const env = new Proxy(given, {
    get: (all, name) =>
      all[/** @type {string} */ (name)] ??
      (() => {
        throw new Error(`the frozen module asked for ${String(name)}`);
      }),
  });

  return {
    /** @type {any} */
    imports: { env, wasi_snapshot_preview1: env },
    /**
     * @param {WebAssembly.Instance} instance
     * @param {FrozenDescription} description
     * @param {(why: string) => void} onTrap
     * @returns {FrozenPython}
     */
    attach(instance, { entry, buffer, capacity }, onTrap) {
      core = instance.exports;
      const memory = core.memory;
      const begin = buffer + 4;
      const room = capacity - 4;
      let bytes = new Uint8Array(0);
      /** Where texts go in. */
      let input = bytes;
      let discarded = false;

      /** @param {string} text @returns {number} how many bytes it took */
      function put(text) {
        if (text.length <= room) {
          const { read, written } = encoder.encodeInto(text, input);
          if (read === text.length) return written;
        }
        throw new RangeError(`${text.length} characters are too many`);
      }

      /** @param {number} at @param {string} [expected] @returns {string} the answer there */
      function answerAt(at, expected) {
        look();
        const length = bytes[buffer] | (bytes[buffer + 1] << 8) | (bytes[buffer + 2] << 16) | (bytes[buffer + 3] << 24);
        if (length < 0 || length > LONGEST || at + length > bytes.length) throw new RangeError(`an answer of ${length} bytes`);
        if (expected !== undefined && isAt(at, length, expected)) return expected;
        return decoder.decode(bytes.subarray(at, at + length));
      }

      /** @param {number} at @param {number} length @param {string} text @returns {boolean} whether it is there, in ASCII */
      function isAt(at, length, text) {
        let n = 0;
        while (n < length && bytes[at + n] < 128 && bytes[at + n] === text.charCodeAt(n)) n++;
        return n === length && n === text.length;
      }

      /** Growing memory takes away every view of it. */
      function look() {
        if (bytes.buffer === memory.buffer) return;
        bytes = new Uint8Array(memory.buffer);
        input = bytes.subarray(begin, begin + room);
      }

      /** @param {string} why */
      function discard(why) {
        if (discarded) return;
        discarded = true;
        onTrap(why);
      }

      return {
        memory,
        discard,
        call(text, expected) {
          if (discarded) throw new Error("Python was discarded");
          if (typeof text !== "string") throw new TypeError(`a text is needed, not ${typeof text}`);
          look();
          const size = put(text);
          try {
            const question = core.PyUnicode_FromStringAndSize(begin, size);
            if (!question) throw new Error("the text was refused");
            const object = core.PyObject_CallOneArg(entry, question);
            core.Py_DecRef(question);
            if (!object) throw new Error("the function raised an exception");
            const at = core.PyUnicode_AsUTF8AndSize(object, buffer);
            if (!at) throw new Error("the answer is not a text");
            const answer = answerAt(at, expected);
            core.Py_DecRef(object);
            return answer;
          } catch (error) {
            discard(String(error));
            throw error;
          }
        },
      };
    },
  };
}
