// Runs React Native's session plugin, as published, in Node: node react_native.cjs <forwarder> <write key>
// What it uses of its peers (the app's storage, its state, the analytics client) is stood in for here; events
// are posted in batches as that client posts them. Prints what it sent.
const http = require("node:http")
const { Module, createRequire } = require("node:module")
const path = require("node:path")

const [host, writeKey] = process.argv.slice(2)
const stored = new Map()
const peers = {
  "@segment/analytics-react-native": {
    EventPlugin: class {},
    PluginType: { enrichment: "enrichment" },
    UpdateType: { initial: 0, refresh: 1 },
    EventType: {
      TrackEvent: "track", IdentifyEvent: "identify", ScreenEvent: "screen", GroupEvent: "group", AliasEvent: "alias",
    },
  },
  "@react-native-async-storage/async-storage": {
    getItem: async (name) => stored.get(name) ?? null,
    setItem: async (name, value) => void stored.set(name, value),
    removeItem: async (name) => void stored.delete(name),
  },
  "react-native": { AppState: { addEventListener: () => {} } },
}
const load = Module._load
Module._load = (name, ...rest) => peers[name] ?? load(name, ...rest)
const packages = createRequire(path.join(__dirname, "../../browser_plugin/package.json"))
const { AmplitudeSessionPlugin } = packages("@segment/analytics-react-native-plugin-amplitude-session")
console.log = () => {} // the plugin tells of its sessions

const realNow = Date.now
let later = 0
Date.now = () => realNow() + later

/** Sends one request as an app does: no browser's headers. Resolves to the JSON of the answer. */
function ask(method, where, body) {
  const headers = { "user-agent": "okhttp/4.12.0", "content-type": "application/json" }
  return new Promise((resolve, reject) => {
    const sent = http.request(host + where, { method, headers }, (answer) => {
      let text = ""
      answer.on("data", (part) => (text += part))
      answer.on("end", () => (answer.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(text))))
    })
    sent.on("error", reject)
    sent.end(body && JSON.stringify(body))
  })
}

/** The client: each event goes through the plugin, which may track events of its own meanwhile. */
const waiting = []
let count = 0
function process_(event) {
  const whole = {
    messageId: `rn-${process.pid}-${count++}`,
    anonymousId: "rn-anonymous-1",
    timestamp: new Date(Date.now()).toISOString(),
    integrations: {},
    context: { library: { name: "@segment/analytics-react-native", version: "2.24.1" }, device: { type: "ios" } },
    ...event,
  }
  const done = plugin.execute(whole).then((event) => sent.push(event))
  waiting.push(done)
  return done
}
const client = { track: (event, properties = {}) => process_({ type: "track", event, properties }) }
const plugin = new AmplitudeSessionPlugin()
const sent = []

async function main() {
  await plugin.configure(client)
  plugin.update(await ask("GET", `/v1/projects/${writeKey}/settings`), 0)
  await process_({ type: "screen", name: "Home", properties: {} })
  await client.track("Cup Viewed")
  later = 6 * 60_000 // its sessions end after five minutes
  await client.track("Cup Bought")
  await process_({ type: "identify", userId: "rn-user-0001", traits: { plan: "pro" } })
  for (let seen = 0; seen < waiting.length; seen = waiting.length) await Promise.all(waiting)
  const sentAt = new Date(Date.now()).toISOString()
  await ask("POST", "/v1/b", { batch: sent, sentAt, writeKey })
  process.stdout.write(JSON.stringify(sent))
}
main()
