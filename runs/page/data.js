// What the page holds: rows of all samples at once, details of a sample when it is opened.

const overview = await unpack("overview");
const samples = [];
const detailsOf = new Map(); // chunk -> promise of its details, the latest few

async function unpackText(id) {
  const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (one) => one.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

async function unpack(id) {
  return JSON.parse(await unpackText(id));
}

async function readSamples() {
  const chunks = [...document.querySelectorAll('script[id^="rows-"]')].map((one) => one.id.slice("rows-".length));
  const rows = await Promise.all(chunks.map((chunk) => unpack(`rows-${chunk}`)));
  rows.forEach((ofChunk, number) => {
    const run = Number(chunks[number].split("-")[0]);
    ofChunk.forEach((row, place) => samples.push(sampleOf(row, run, chunks[number], place)));
  });
}

function sampleOf(row, run, chunk, place) {
  const sample = { run, chunk, place, number: samples.length };
  overview.columns.forEach((name, column) => (sample[name] = row[column]));
  sample.problem = overview.runs[run].tasks[sample.task];
  sample.text = `${sample.problem}\n${sample.verdict}\n${sample.detail}`.toLowerCase();
  return sample;
}

async function readDetails(sample) {
  const known = detailsOf.get(sample.chunk) ?? unpack(`details-${sample.chunk}`);
  detailsOf.delete(sample.chunk);
  detailsOf.set(sample.chunk, known);
  if (detailsOf.size > 6) detailsOf.delete(detailsOf.keys().next().value);
  return (await known)[sample.place];
}

// Which chunks hold the words, sample by sample; each chunk's texts are kept once they were looked through.
const textsOf = new Map();

async function samplesThatSay(words, isStale) {
  const found = new Set();
  for (const [chunk, ofChunk] of Map.groupBy(samples, (one) => one.chunk)) {
    if (isStale()) return found;
    if (!textsOf.has(chunk)) textsOf.set(chunk, (await unpack(`details-${chunk}`)).map(textOf));
    const texts = textsOf.get(chunk);
    ofChunk.filter((one) => texts[one.place].includes(words)).forEach((one) => found.add(one));
  }
  return found;
}

function textOf(details) {
  const grades = details.grades.flatMap((one) => [one.detail, one.stdout, one.stderr]);
  const findings = details.findings.flatMap((one) => [one.rule, one.name, one.message, one.cwe && `cwe-${one.cwe}`]);
  return [details.code, details.error, details.generation?.response, ...grades, ...findings]
    .filter(Boolean)
    .join("\n")
    .toLowerCase();
}

// An element of the page. Strings among the children become text, never markup.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.startsWith("aria-")) element.setAttribute(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

function chip(verdict) {
  return make("span", { class: `chip v-${verdict.replaceAll(" ", "-").replaceAll("_", "-")}` }, verdict);
}

function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

function fixed(value, digits = 3) {
  return value == null ? "–" : value.toFixed(digits);
}

function seconds(value) {
  if (value == null) return "–";
  if (value >= 1) return `${value.toFixed(2)} s`;
  return value >= 0.001 ? `${(1000 * value).toFixed(1)} ms` : `${(1e6 * value).toFixed(0)} µs`;
}

function mebibytes(value) {
  return value == null ? "–" : `${(value / 2 ** 20).toFixed(1)} MiB`;
}
