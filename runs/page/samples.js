// The samples and the problems in two grids, and the filters above them.

const VERDICTS = ["pass", "fail", "error", "timeout", "memory", "no_code", "infra error", "no tests"];
const filters = { verdicts: new Set(), run: null, cwe: null, problem: "", words: "", deep: false, flagged: false, vulnerable: false, picked: null };
let search = 0; // the number of the latest one: earlier ones give up

const several = overview.runs.length > 1;
const has = (name) => samples.some((one) => one[name] != null);

function sampleColumns() {
  return [
    problemColumn(),
    several && runColumn(),
    { name: "sample", title: "Sample", width: samples.some((one) => one.round) ? "104px" : "72px", right: true, value: (one) => one.sample + one.round / 1000, show: sampleNumber },
    { name: "verdict", title: "Verdict", width: "92px", value: (one) => VERDICTS.indexOf(one.verdict), show: (one) => chip(one.verdict) },
    has("score") && number("score", "Score", fixed, { least: 700 }),
    has("findings") && number("findings", "Findings", (value) => value ?? "–", { least: 760, descending: true }),
    has("assessment") && { name: "assessment", title: "Security", width: "100px", least: 600, value: (one) => one.assessment, show: (one) => words(one.assessment) },
    number("cpu_s", "CPU", seconds, { least: 820, descending: true }),
    number("memory_bytes", "Memory", mebibytes, { least: 940, descending: true }),
    { name: "detail", title: "What was wrong", width: "minmax(140px, 2fr)", least: 520, value: (one) => one.detail || null, show: (one) => one.detail },
  ].filter(Boolean);
}

function problemColumn() {
  return { name: "problem", title: "Problem", width: "minmax(160px, 1.2fr)", value: (one) => one.problem, show: (one) => one.problem };
}

function runColumn() {
  return { name: "run", title: "Run", width: "minmax(110px, 0.9fr)", least: 560, value: (one) => one.run, show: (one) => overview.runs[one.run].name };
}

function number(name, title, shown, more) {
  return { name, title, width: "74px", right: true, value: (one) => one[name], show: (one) => shown(one[name]), ...more };
}

function words(name) {
  return name == null ? "–" : name.replaceAll("_", " ");
}

function sampleNumber(one) {
  return one.round ? `${one.sample} · repair ${one.round}` : String(one.sample);
}

function makeSampleGrid() {
  const columns = sampleColumns();
  return new Grid({ label: "Samples", columns, open: (one) => showSample(one), order: { column: columns[0], descending: false } });
}

// All filters but that of words in code and outputs, which takes longer.
function matches(one) {
  if (filters.run != null && one.run !== filters.run) return false;
  if (filters.cwe != null && !weaknessesOf(one).includes(filters.cwe)) return false;
  if (filters.verdicts.size && !filters.verdicts.has(one.verdict)) return false;
  if (filters.flagged && !one.findings) return false;
  if (filters.vulnerable && one.assessment !== "vulnerable") return false;
  if (filters.picked && !filters.picked.has(`${one.run} ${one.task}`)) return false;
  return one.problem.toLowerCase().includes(filters.problem);
}

async function applyFilters() {
  const own = ++search;
  const isStale = () => own !== search;
  const candidates = samples.filter(matches);
  let found = candidates.filter((one) => one.text.includes(filters.words));
  if (filters.deep && filters.words) {
    say("Searching code and outputs…");
    const deep = await samplesThatSay(filters.words, isStale);
    if (isStale()) return;
    found = candidates.filter((one) => one.text.includes(filters.words) || deep.has(one));
  }
  grids.samples.set(found);
  grids.problems.set(problemsOf(found));
  say(`${count(found.length, "sample")} of ${samples.length.toLocaleString("en")}`);
  document.getElementById("picked").hidden = !filters.picked;
}

function say(text) {
  document.getElementById("shown").textContent = text;
}

function makeToolbar() {
  return make(
    "div",
    { class: "toolbar", role: "search" },
    make("div", { class: "line" }, tabs(), several && runChoice(), weaknessChoice(), field("problem", "Problem"), field("words", "Text", "/"), deepBox()),
    make("div", { class: "line" }, ...verdictButtons(), ...otherButtons(), pickedButton()),
    make("div", { class: "line" }, make("output", { id: "shown", class: "note" }), make("span", { class: "note keys" }, "/ search · ↑ ↓ move · Enter open · Esc close")),
  );
}

function tabs() {
  const show = (name) => {
    for (const [other, grid] of Object.entries(grids)) grid.element.hidden = other !== name;
    tab.querySelectorAll("button").forEach((one) => one.setAttribute("aria-pressed", one.name === name));
    grids[name].draw();
  };
  const one = (name, title) => make("button", { type: "button", name, "aria-pressed": name === "samples", onclick: () => show(name) }, title);
  const tab = make("div", { class: "tabs", role: "group", "aria-label": "What is listed" }, one("samples", "Samples"), one("problems", "Problems"));
  return tab;
}

function runChoice() {
  return choice("run", "All runs", overview.runs.map((run, place) => [place, run.name]));
}

function weaknessesOf(one) {
  return overview.runs[one.run].cwe[one.task] ?? [];
}

function weaknessChoice() {
  const numbers = [...new Set(overview.runs.flatMap((run) => Object.values(run.cwe).flat()))].sort((a, b) => a - b);
  return numbers.length > 0 && choice("cwe", "Any weakness", numbers.map((one) => [one, `CWE-${one}`]));
}

function choice(name, all, options) {
  const change = (event) => changeFilter(name, event.target.value === "" ? null : Number(event.target.value));
  const elements = options.map(([value, title]) => make("option", { value }, title));
  return make("select", { "aria-label": all, id: `filter-${name}`, onchange: change }, make("option", { value: "" }, all), ...elements);
}

function field(name, title, key) {
  let waiting;
  const input = (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => changeFilter(name, event.target.value.toLowerCase()), 80);
  };
  return make("input", { type: "search", id: `filter-${name}`, placeholder: key ? `${title}  ${key}` : title, "aria-label": `${title} contains`, spellcheck: "false", oninput: input });
}

function deepBox() {
  const box = make("input", { type: "checkbox", id: "deep", onchange: (event) => changeFilter("deep", event.target.checked) });
  return make("label", { class: "check" }, box, "also in code and output");
}

function verdictButtons() {
  const counts = Map.groupBy(samples, (one) => one.verdict);
  return VERDICTS.filter((verdict) => counts.has(verdict)).map((verdict) =>
    toggle(chip(verdict), counts.get(verdict).length, (on) => {
      filters.verdicts[on ? "add" : "delete"](verdict);
      applyFilters();
    }),
  );
}

function otherButtons() {
  const flagged = samples.filter((one) => one.findings).length;
  const vulnerable = samples.filter((one) => one.assessment === "vulnerable").length;
  return [
    flagged > 0 && toggle("flagged", flagged, (on) => changeFilter("flagged", on)),
    vulnerable > 0 && toggle("vulnerable", vulnerable, (on) => changeFilter("vulnerable", on)),
  ].filter(Boolean);
}

function toggle(title, number, change) {
  const click = (event) => {
    const on = event.currentTarget.getAttribute("aria-pressed") !== "true";
    event.currentTarget.setAttribute("aria-pressed", on);
    change(on);
  };
  return make("button", { type: "button", class: "toggle", "aria-pressed": false, onclick: click }, title, make("span", { class: "note" }, number.toLocaleString("en")));
}

function pickedButton() {
  return make("button", { type: "button", class: "toggle", id: "picked", hidden: true, onclick: () => changeFilter("picked", null) }, "picked in the chart ✕");
}

function changeFilter(name, value) {
  filters[name] = value;
  applyFilters();
}
