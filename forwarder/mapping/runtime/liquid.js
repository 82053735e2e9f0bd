// LiquidJS as Segment's mapping kit sets it up, with what Node has and this engine has not: V8's reading of dates, UTC as
// the local time, en-US as the language, base64 and hashes; and the clock is a parameter. readDate, eastOf, recode and
// digest are Python's.

const LONGEST = 1000; // characters of a template
const MOST_STEPS = 3e5; // characters of a path times elements in which it is looked up; some 100 ms
const REFUSED = {
  tags: ["case", "for", "include", "layout", "render", "tablerow"],
  filters: [
    ...["array_to_sentence_string", "concat", "find", "find_exp", "find_index", "find_index_exp", "group_by"],
    ...["group_by_exp", "has", "has_exp", "map", "newline_to_br", "reject", "reject_exp", "reverse", "sort"],
    ...["sort_natural", "uniq", "where_exp", "type"],
  ],
};

const Real = Date;
var performance = { now: Real.now };
var present = 0;

/** What V8 makes of one value: its readings of texts are wider than this engine's. */
function timeOf(value) {
  const text = typeof value === "string" || (typeof value === "object" && value && !(value instanceof Real));
  return text ? readDate(String(value)) ?? NaN : value;
}

Date = class extends Real {
  constructor(...given) {
    if (given.length === 0) super(present);
    else if (given.length > 1) super(Real.UTC(...given));
    else super(timeOf(given[0]));
  }
  static now() {
    return present;
  }
  getTimezoneOffset() {
    return +this * 0; // not a number for no date
  }
  toLocaleDateString() {
    const year = this.getUTCFullYear();
    return `${this.getUTCMonth() + 1}/${this.getUTCDate()}/${year > 0 ? year : 1 - year}`;
  }
  toLocaleTimeString() {
    const [hours, ...rest] = [this.getUTCHours(), this.getUTCMinutes(), this.getUTCSeconds()];
    const two = rest.map((part) => String(part).padStart(2, "0"));
    return `${[hours % 12 || 12, ...two].join(":")} ${hours < 12 ? "AM" : "PM"}`;
  }
  toLocaleString(_, options) {
    if (isNaN(this)) return "Invalid Date";
    const there = new Date(+this + (options?.timeZone === undefined ? 0 : eastOf(options.timeZone, +this)));
    return `${there.toLocaleDateString()}, ${there.toLocaleTimeString()}`;
  }
};
for (const part of ["FullYear", "Month", "Date", "Day", "Hours", "Minutes", "Seconds", "Milliseconds"]) {
  Date.prototype[`get${part}`] = Real.prototype[`getUTC${part}`];
}
var Intl = {
  DateTimeFormat: () => ({ resolvedOptions: () => ({ timeZone: "UTC" }), format: () => undefined }),
};

var Buffer = {
  isBuffer: () => false,
  from: (text, from) => ({ toString: (to) => recode(text, from, to) }),
};
const hash = (kind, key) => ({ update: (text) => ({ digest: () => digest(kind, text, key) }) });
modules.crypto.createHash = (kind) => hash(kind, null);
modules.crypto.createHmac = hash;

const engine = new exports.Liquid({
  relativeReference: false, // of files; there are none
  renderLimit: 500, // ms
  parseLimit: LONGEST,
  memoryLimit: 2e6, // the reference has 1e8: characters and elements, still far more than Amplitude takes
});
for (const [kind, names] of Object.entries(REFUSED)) {
  for (const name of names) {
    const refuse = () => {
      throw new Error(`${kind.slice(0, -1)} "${name}" is disabled`);
    };
    if (kind === "tags") engine.registerTag(name, { parse: refuse, render: refuse });
    else engine.registerFilter(name, refuse);
  }
}

// These two read a path anew for each element. It may come from an event: then both could be as long as the event.
for (const name of ["where", "sum"]) {
  const filter = engine.filters[name];
  engine.registerFilter(name, function (value, path, ...others) {
    const steps = String(path).length * (Array.isArray(value) ? value.length : 1);
    if (steps > MOST_STEPS) throw new Error(`${name} takes too long for so many elements and so long a path`);
    return filter.call(this, value, path, ...others);
  });
}

const templates = [];

/** Reads a template; returns its number and the names of the payload it looks at (null: any). */
function prepare(text) {
  const template = engine.parse(text);
  templates.push(template);
  let names = null;
  // These two count in a place of their own that names of the payload hide.
  if (!/increment|decrement/.test(text)) {
    try {
      names = engine.variablesSync(template);
    } catch {
      // A name that is not known before the payload is.
    }
  }
  return [templates.length - 1, names];
}

/** Renders the template of that number at the time `now` (ms). */
function render(number, payload, now) {
  present = now;
  return engine.renderSync(templates[number], payload);
}
