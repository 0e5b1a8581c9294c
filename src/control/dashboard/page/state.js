// What is known, and only that: how things stood when the daemon spoke last, what it has said since this page looks, and what the
// reader has picked. Who draws subscribes; nothing is drawn here.

// Entries of the journal and lists of requests are bounded as the feed's are.
const ENTRIES = 400;
export const MINUTE = 60;

export const COLUMNS = [
  "blue", "green", "upstream", "app_errors", "proxy_errors", "client_errors", "p50_us", "p95_us", "held", "in_flight",
];

export const state = {
  // `joining` until the first word, `open`, or `away` since a moment in milliseconds.
  link: { kind: "joining", since: Date.now() },
  status: null,
  // When the daemon spoke last, by its own clock.
  heard: null,
  certificates: [],
  entries: [],
  // How far running operations are, by number.
  progress: new Map(),
  requests: { slowest: [], failed: [] },
  // How many steps the daemon's series have had.
  at: 0,
  // The last minute of every environment and service.
  minutes: new Map(),
  // The range that is charted, of one environment.
  chart: null,
  picked: { environment: null, range: "10m" },
};

const readers = new Set();
let due = false;

export const subscribe = (reader) => readers.add(reader);

// Everybody draws once for all that was said in one go.
export function changed() {
  if (due) return;
  due = true;
  setTimeout(() => {
    due = false;
    for (const reader of readers) reader();
  }, 0);
}

export const trackName = (track) => JSON.stringify([track.environment, track.service ?? null]);

// A track whose columns are all there: a column that is left out is one in which nothing happened.
export function wholeTrack(track) {
  const whole = { ...track };
  for (const name of COLUMNS) {
    const column = track[name] ?? [];
    whole[name] = column.length === track.steps ? [...column] : new Array(track.steps).fill(0);
  }
  return whole;
}

export function push(track, point, most) {
  for (const name of COLUMNS) {
    track[name].push(point[name] ?? 0);
    if (track[name].length > most) track[name].splice(0, track[name].length - most);
  }
  track.steps = Math.min(track.steps + 1, most);
}

// An entry that was in the whole state may come once more.
export function enter(entry) {
  const text = JSON.stringify(entry);
  const newest = state.entries.slice(-50);
  if (newest.some((known) => known.time === entry.time && JSON.stringify(known) === text)) return;
  state.entries.push(entry);
  if (state.entries.length > ENTRIES) state.entries.splice(0, state.entries.length - ENTRIES);
  if (entry.operation !== undefined && isLast(entry)) state.progress.delete(entry.operation);
}

const isLast = (entry) => entry.record === "torn" || (entry.record === "step" && ENDS.has(entry.event.event));

// Steps that are the last of an operation.
export const ENDS = new Set([
  "planned", "refused", "failed", "done", "passed", "rolled-back", "resumed", "lapsed", "maintained", "reloaded", "invalid",
  "upgraded", "released", "abandoned", "opened", "closed", "asleep", "awake",
]);

const PROD = /^(prod|production|live|main|www)$/i;

// Prod is first: what its name says is prod, or what asks for its name; then the order of the file.
export function environments() {
  const all = state.status?.environments ?? [];
  const rank = (environment) => (PROD.test(environment.name) ? 0 : environment.protected ? 1 : 2);
  const best = Math.min(1, ...all.map(rank));
  return all
    .map((environment, place) => ({ environment, place, rank: rank(environment) }))
    .sort((a, b) => a.rank - b.rank || a.place - b.place)
    .map(({ environment, rank: of }) => ({ ...environment, isProd: of === best }));
}

export const picked = () => {
  const names = environments().map((environment) => environment.name);
  return names.includes(state.picked.environment) ? state.picked.environment : names[0] ?? null;
};

export const minute = (environment, service) => state.minutes.get(trackName({ environment, service }));
