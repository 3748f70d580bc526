// Problems: what their samples come to, one row for each problem of each run.

function problemsOf(found) {
  const groups = Map.groupBy(found, (one) => `${one.run} ${one.task}`);
  return [...groups.values()].map((ofProblem) => problemOf(ofProblem));
}

function problemOf(ofProblem) {
  const [{ run, task, problem, number }] = ofProblem;
  const first = ofProblem.filter((one) => one.round === 0);
  const graded = first.filter((one) => one.verdict !== "infra error" && one.verdict !== "no tests");
  const passed = graded.filter((one) => one.verdict === "pass").length;
  return {
    run,
    task,
    problem,
    number,
    samples: ofProblem,
    graded: graded.length,
    passed,
    share: graded.length ? passed / graded.length : null,
    score: mean(first.map((one) => one.score)),
    findings: first.some((one) => one.findings != null) ? first.filter((one) => one.findings).length : null,
    cpu_s: mean(first.map((one) => one.cpu_s)),
  };
}

function mean(values) {
  const known = values.filter((one) => one != null);
  return known.length ? known.reduce((sum, one) => sum + one, 0) / known.length : null;
}

function makeProblemGrid() {
  const columns = [
    problemColumn(),
    several && runColumn(),
    { name: "strip", title: "Samples", width: "minmax(90px, 1.6fr)", value: (one) => one.samples.length, show: (one) => strip(one.samples) },
    { name: "passed", title: "Passed", width: "84px", right: true, value: (one) => one.share, show: (one) => `${one.passed} of ${one.graded}` },
    has("score") && number("score", "Score", fixed, { least: 560 }),
    has("findings") && number("findings", "Flagged", (value) => value ?? "–", { least: 640, descending: true }),
    number("cpu_s", "CPU", seconds, { least: 720, descending: true }),
  ].filter(Boolean);
  return new Grid({ label: "Problems", columns, open: (one) => showProblem(one), order: { column: columns[0], descending: false } });
}

// One bar for each sample: tall ones passed.
function strip(ofProblem) {
  const bars = ofProblem.slice(0, 60).map((one) => make("i", { class: `v-${one.verdict.replaceAll(/[ _]/g, "-")}`, title: one.verdict }));
  const rest = ofProblem.length > bars.length ? `+${ofProblem.length - bars.length}` : null;
  return make("span", { class: "strip", role: "img", "aria-label": verdictWords(ofProblem) }, ...bars, rest);
}

function verdictWords(ofProblem) {
  return VERDICTS.map((verdict) => [verdict, ofProblem.filter((one) => one.verdict === verdict).length])
    .filter(([, number]) => number)
    .map(([verdict, number]) => `${number} ${verdict}`)
    .join(", ");
}

async function showProblem(of) {
  const suite = overview.runs[of.run].suite;
  const alike = samples.filter((one) => one.problem === of.problem && overview.runs[one.run].suite === suite);
  const parts = problemsOf(alike).map((one) => problemPart(one));
  const shown = showDialog({ kicker: [suite, ...weaknessesOf(of).map((one) => `CWE-${one}`)].join(" · "), title: of.problem, body: parts, neighbours: neighboursOf(grids.problems, showProblem) });
  const details = await readDetails(of.samples[0]);
  if (details.generation && shown()) addToDialog(texts("Prompt", details.generation.prompt, true));
}

function problemPart(of) {
  const axes = Object.entries(overview.runs[of.run].problems).map(([name, values]) => [name, values[of.task] == null ? null : fixed(values[of.task])]);
  const facts = [["passed", `${of.passed} of ${of.graded}`], ...axes, ["flagged", of.findings], ["mean CPU time", of.cpu_s == null ? null : seconds(of.cpu_s)]];
  const list = of.samples.map((one) => make("li", {}, sampleButton(one)));
  return make("section", {}, make("h3", {}, several ? overview.runs[of.run].name : "Samples"), factList(facts), make("ul", { class: "samples" }, ...list));
}

function sampleButton(one) {
  const about = make("span", { class: "note" }, one.detail);
  return make("button", { type: "button", class: "sample", onclick: () => showSample(one) }, chip(one.verdict), make("span", {}, `sample ${sampleNumber(one)}`), about);
}
