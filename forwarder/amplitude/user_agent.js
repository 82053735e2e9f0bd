// The parser tries its regular expressions one after the other, hundreds for an agent, and nearly all of them fail. Most
// cannot match for want of a word. With a look for that first, 12 of them are run, in half the time.

/** @typedef {readonly string[] | null} Words - words of which a text has to hold one; null: nobody knows */

const run = RegExp.prototype.exec;
/** @type {WeakMap<RegExp, Words>} */
const known = new WeakMap();
/** The text that was searched last, and that in lower case. */
let last = "";
let lower = "";

const OPENING = /^\((?:\?(?:[:=!]|<[=!]|<\w+>))?/;
const SET = /^\[(?:\\.|[^\]\\])*\]/;
const ESCAPE = /^\\(?:x[\da-f]{2}|u[\da-f]{4}|c[a-z]|k<\w+>|\d+|.)/i;
const ANY = /^./s;
const TIMES = /^(?:[*+?]|\{\d+(?:,\d*)?\})\??/;
const OPTIONAL = /^(?:[*?]|\{0)/;
/** Letters of ASCII stand for themselves; of others, several may be the same where case is ignored. */
const LETTER = /^[^.^$[\x80-\uffff]$/;
const ESCAPED_LETTER = /^[^\w\x80-\uffff]$/;

/**
 * As it was, but an expression is not run on a text that holds none of its words. One that remembers where it found
 * something is, for a failure makes it forget; and one for all of Unicode, where other letters may stand for Latin ones.
 * @this {RegExp}
 * @param {string} text
 * @returns {RegExpExecArray | null}
 */
RegExp.prototype.exec = function (text) {
  let words = known.get(this);
  if (words === undefined) {
    words = this.global || this.sticky || this.unicode ? null : wordsOf(this.source);
    known.set(this, words);
  }
  if (words === null || typeof text !== "string") return run.call(this, text);
  if (text !== last) {
    last = text;
    lower = text.toLowerCase();
  }
  for (let at = 0; at < words.length; at++) {
    if (lower.includes(words[at])) return run.call(this, text);
  }
  return null;
};

/**
 * The words, in lower case, of which every text that an expression matches holds one, whatever its flags.
 * @param {string} source
 * @returns {Words}
 */
function wordsOf(source) {
  return alternatives(source, 0).words;
}

/**
 * The words of alternatives, up to a closing bracket or the end.
 * @param {string} source
 * @param {number} at
 * @returns {{ words: Words, end: number }} the end: the place of the bracket
 */
function alternatives(source, at) {
  /** @type {Words} */
  let all = [];
  for (;;) {
    const one = sequence(source, at);
    all = all && one.words && [...all, ...one.words];
    if (source[one.end] !== "|") return { words: all, end: one.end };
    at = one.end + 1;
  }
}

/**
 * The best words of a sequence, up to a bar, a closing bracket or the end.
 * @param {string} source
 * @param {number} at
 * @returns {{ words: Words, end: number }}
 */
function sequence(source, at) {
  /** @type {Words} */
  let best = null;
  let word = "";
  const finish = () => {
    if (word) best = better(best, [word]);
    word = "";
  };
  while (at < source.length && source[at] !== "|" && source[at] !== ")") {
    const one = atom(source, at);
    at = one.end;
    const times = found(TIMES, source, at);
    at += times.length;
    const optional = found(OPTIONAL, times, 0) !== "";
    if (one.letter && !optional) word += one.letter;
    if (!one.letter || times) finish();
    if (one.words && !optional) best = better(best, one.words);
  }
  finish();
  return { words: best, end: at };
}

/**
 * One part of a sequence: a letter, a group, or what may be several letters.
 * @param {string} source
 * @param {number} at
 * @returns {{ letter: string, words: Words, end: number }}
 */
function atom(source, at) {
  const begin = source[at];
  if (begin === "(") {
    const opening = found(OPENING, source, at);
    const group = alternatives(source, at + opening.length);
    const holds = !opening.endsWith("!"); // what must not follow need not be there
    return { letter: "", words: holds ? group.words : null, end: group.end + 1 };
  }
  const whole = found(begin === "[" ? SET : begin === "\\" ? ESCAPE : ANY, source, at);
  const letter = begin === "\\" ? whole.slice(1) : whole;
  const plain = found(begin === "\\" ? ESCAPED_LETTER : LETTER, letter, 0);
  return { letter: plain.toLowerCase(), words: null, end: at + whole.length };
}

/**
 * What an expression finds at a place of a source; it is run as it always was.
 * @param {RegExp} expression
 * @param {string} source
 * @param {number} at
 * @returns {string}
 */
function found(expression, source, at) {
  return run.call(expression, source.slice(at))?.[0] ?? "";
}

/**
 * The words that fewer texts hold: those of which the shortest is longer.
 * @param {Words} one
 * @param {readonly string[]} other
 * @returns {Words}
 */
function better(one, other) {
  const shortest = (/** @type {readonly string[]} */ words) => Math.min(...words.map((word) => word.length));
  return one && shortest(one) >= shortest(other) ? one : other;
}
