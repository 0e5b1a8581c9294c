// Numbers, times and addresses in words: the same words as `proxyctl` has.

let ahead = 0;

// The daemon's clock is the one that counts: ages are of its times.
export function follow(time) {
  const theirs = Date.parse(time);
  if (Number.isFinite(theirs)) ahead = theirs - Date.now();
}
export const now = () => Date.now() + ahead;

const two = (big, unit, small, smallUnit) => (small ? `${big} ${unit} ${small} ${smallUnit}` : `${big} ${unit}`);

// Milliseconds: `8 ms`, `1.2 s`, `30 s`, `5 min`, `2 h 3 min`, `3 d 4 h`.
export function period(millis) {
  const ms = Math.max(0, Math.floor(millis));
  const seconds = Math.floor(ms / 1000);
  if (seconds === 0) return `${ms} ms`;
  if (seconds < 10 && ms % 1000 >= 100) return `${seconds}.${Math.floor((ms % 1000) / 100)} s`;
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return two(Math.floor(seconds / 60), "min", seconds % 60, "s");
  if (seconds < 172800) return two(Math.floor(seconds / 3600), "h", Math.floor(seconds / 60) % 60, "min");
  return two(Math.floor(seconds / 86400), "d", Math.floor(seconds / 3600) % 24, "h");
}

// An age changes no oftener than one can read: `12 s`, `4 min`, `3 h`, `3 d`.
export function age(time) {
  const seconds = Math.max(0, Math.floor((now() - Date.parse(time)) / 1000));
  if (!Number.isFinite(seconds)) return "?";
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

// Microseconds: `0.4 ms`, `8 ms`, `1.2 s`.
export function latency(micros) {
  const tenths = Math.round(micros / 100);
  if (tenths < 100 && tenths % 10) return `${Math.floor(tenths / 10)}.${tenths % 10} ms`;
  if (tenths < 9995) return `${Math.round(micros / 1000)} ms`;
  return period(Math.round(micros / 1000));
}

export function bytes(number) {
  if (number < 1024) return `${number} B`;
  if (number < 1 << 20) return `${Math.floor(number / 1024)} KiB`;
  if (number < 1 << 30) return `${Math.floor(number / (1 << 20))} MiB`;
  return `${(number / (1 << 30)).toFixed(1)} GiB`;
}

export const thousands = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");
export const count = (number, one, many) => `${thousands(number)} ${number === 1 ? one : many}`;

// A rate or a count in up to four characters.
export function short(number) {
  if (number > 0 && number < 9.95 && !Number.isInteger(number)) return number.toFixed(1);
  if (number < 9999.5) return String(Math.round(number));
  if (number < 999500) return `${Math.round(number / 1000)}k`;
  return `${Math.round(number / 1e6)}M`;
}

const pad = (number) => String(number).padStart(2, "0");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

// `14:03:11` of a moment in milliseconds, where the reader is.
export function clock(millis, seconds = true) {
  const date = new Date(millis);
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}`;
  return seconds ? `${time}:${pad(date.getSeconds())}` : time;
}

// With its day, where that is not clear.
export function moment(time) {
  const millis = Date.parse(time);
  if (!Number.isFinite(millis)) return String(time);
  const date = new Date(millis);
  const isNear = Math.abs(now() - millis) < 43200000 || new Date(now()).toDateString() === date.toDateString();
  return isNear ? clock(millis) : `${MONTHS[date.getMonth()]} ${date.getDate()} ${clock(millis, false)}`;
}

// An address as it is called among neighbours: `:3000` on this machine, a folder by its path.
export function address(text) {
  if (text.startsWith("127.0.0.1:")) return text.slice("127.0.0.1".length);
  return text.replace(/^files:/, "");
}
export const addresses = (list) => list.map(address).join(", ");

export const list = (names) =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`;
