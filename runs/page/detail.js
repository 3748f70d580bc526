// The dialog: a sample with all that is known of it, or a problem.

const dialog = document.getElementById("detail");
let generation = 0; // of what the dialog shows: whoever waited for data looks whether it is still theirs

function showDialog({ kicker, title, verdict, body, neighbours }) {
  const own = ++generation;
  const step = (name, sign, by) => make("button", { type: "button", class: "quiet", title: `${name} (${sign})`, disabled: !neighbours[by], onclick: neighbours[by] }, sign);
  const head = make(
    "header",
    {},
    make("div", {}, make("p", { class: "kicker" }, kicker), make("h2", { id: "detail-title" }, title, " ", verdict && chip(verdict))),
    make("div", { class: "steps" }, step("Previous", "←", "previous"), step("Next", "→", "next"), make("button", { type: "button", class: "quiet", title: "Close (Esc)", onclick: () => dialog.close() }, "Close")),
  );
  dialog.replaceChildren(head, make("div", { class: "content", tabindex: 0 }, ...body));
  dialog.neighbours = neighbours;
  if (!dialog.open) dialog.showModal();
  dialog.querySelector(".content").focus();
  return () => own === generation && dialog.open;
}

function addToDialog(...parts) {
  dialog.querySelector(".content").append(...parts.filter(Boolean));
}

function neighboursOf(grid, show) {
  const at = (by) => {
    const item = grid.items[grid.active + by];
    return item && (() => (grid.goTo(grid.active + by), show(item)));
  };
  return { previous: at(-1), next: at(1) };
}

async function showSample(one) {
  const place = grids.samples.items.indexOf(one);
  if (place >= 0) grids.samples.goTo(place);
  const run = overview.runs[one.run];
  const neighbours = place >= 0 ? neighboursOf(grids.samples, showSample) : {};
  const title = `${one.problem} · sample ${sampleNumber(one)}`;
  const shown = showDialog({ kicker: `${run.suite} · ${run.model}`, title, verdict: one.verdict, body: [factList(sampleFacts(one))], neighbours });
  const details = await readDetails(one);
  if (shown()) addToDialog(...sampleParts(one, details));
}

function sampleFacts(one) {
  return [
    ["CPU time", one.cpu_s == null ? null : seconds(one.cpu_s)],
    ["peak memory", one.memory_bytes == null ? null : mebibytes(one.memory_bytes)],
    ["efficiency score", one.score == null ? null : fixed(one.score)],
    ["findings", one.findings],
    ["linter", one.lint],
    ["security tests", one.assessment == null ? null : words(one.assessment)],
  ];
}

function sampleParts(one, details) {
  const wrong = [details.error, ...details.grades.filter((grade) => grade.verdict !== "pass").map((grade) => grade.detail)].filter(Boolean);
  return [
    wrong.length && make("section", {}, make("h3", {}, "What was wrong"), ...wrong.map((text) => make("pre", { class: "wrong" }, text))),
    make("section", {}, make("h3", {}, "Code"), codeOf(details)),
    details.findings.length && findingsOf(details.findings),
    ...details.grades.map(gradeOf),
    details.measures && measuresOf(details.measures),
    details.generation && texts("Prompt", details.generation.prompt),
    details.generation && texts("Model's output", details.generation.response),
    details.generation?.facts.length && make("section", {}, make("h3", {}, "Generation"), factList(details.generation.facts)),
  ];
}

function factList(facts) {
  const known = facts.filter(([, value]) => value != null);
  return make("dl", { class: "figures" }, ...known.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, String(value)))));
}

// Lines of code, with a mark at those that have a finding.
function codeOf({ code, findings }) {
  if (!code) return make("p", { class: "note" }, "The answer holds no code.");
  const marked = new Set(findings.flatMap((one) => [one.line, one.end_line]));
  const lines = [make("code", {})];
  for (const [kind, text] of piecesOf(code)) {
    text.split("\n").forEach((part, place) => {
      if (place) lines.push(make("code", {}));
      lines.at(-1).append(kind ? make("span", { class: `h-${kind}` }, part) : part);
    });
  }
  if (lines.length > 1 && !lines.at(-1).textContent) lines.pop();
  lines.forEach((line, place) => {
    line.append("\n");
    line.id = `line-${place + 1}`;
    line.classList.toggle("marked", marked.has(place + 1));
  });
  return make("pre", { class: "code", tabindex: 0, "aria-label": "Code" }, ...lines);
}

function findingsOf(findings) {
  const goTo = (number) => document.getElementById(`line-${number}`)?.scrollIntoView({ block: "center" });
  const item = (one) =>
    make(
      "li",
      {},
      make("span", { class: `severity s-${["low", "medium", "high"].includes(one.severity) ? one.severity : "undefined"}` }, one.severity),
      make("button", { type: "button", class: "link", onclick: () => goTo(one.line) }, `line ${one.line}`),
      make("strong", {}, [one.rule, one.name].filter(Boolean).join(" ")),
      one.cwe != null && make("span", {}, `CWE-${one.cwe}`),
      make("span", { class: "note" }, `${one.tool}${one.own ? "" : " · in the prompt's lines"}`),
      make("p", {}, one.message),
    );
  return make("section", {}, make("h3", {}, "Findings"), make("ul", { class: "findings" }, ...findings.map(item)));
}

function gradeOf(grade) {
  const nothing = !grade.facts.length && !grade.checks.length && !grade.levels && !grade.stdout && !grade.stderr;
  if (nothing) return null;
  return make(
    "section",
    {},
    make("h3", {}, grade.grader[0].toUpperCase() + grade.grader.slice(1), " ", chip(grade.verdict)),
    factList(grade.facts),
    grade.checks.length > 0 && tableOf(["check", "verdict", "passed", "first failures"], grade.checks.map(checkRow), [2]),
    grade.levels && levelsOf(grade.levels),
    grade.stdout && texts("stdout", grade.stdout, true),
    grade.stderr && texts("stderr", grade.stderr, true),
  );
}

function checkRow(check) {
  const failures = check.failures.map(([number, verdict, detail]) => `input ${number}: ${verdict}${detail && `, ${detail}`}`);
  const outcomes = check.outcomes && make("code", { class: "outcomes" }, check.outcomes);
  const said = make("div", {}, ...failures.slice(0, 5).map((text) => make("div", {}, text)), outcomes || null);
  return [check.name, check.verdict == null ? "not run" : chip(check.verdict), `${check.passed} of ${check.cases}`, said];
}

function levelsOf(levels) {
  const rows = levels.rows.map(([size, own, reference, score, ended]) => [size, ended || seconds(own), seconds(reference), own && reference ? `${(own / reference).toFixed(2)} ×` : "–", fixed(score)]);
  const facts = [["score", fixed(levels.score)], ["time by the reference", levels.time_ratio && `${levels.time_ratio.toFixed(2)} ×`], ["memory by the reference", levels.memory_ratio && `${levels.memory_ratio.toFixed(2)} ×`], ["clock", levels.clock]];
  return make("div", {}, factList(facts), tableOf(["size", "answer", "reference", "ratio", "score"], rows, [0, 1, 2, 3, 4]));
}

function measuresOf(measures) {
  const lint = measures.lint.map(([rule, lines]) => [rule, lines.join(", ")]);
  return make("section", {}, make("h3", {}, "Measures"), factList(measures.facts), lint.length > 0 && tableOf(["linter's rule", "lines"], lint));
}

function texts(title, text, open = false) {
  return make("details", { open }, make("summary", {}, title), make("pre", { tabindex: 0 }, text || "(empty)"));
}

function tableOf(header, rows, right = []) {
  const cell = (tag, content, place) => make(tag, { class: right.includes(place) && "right" }, typeof content === "number" ? String(content) : content);
  const line = (tag, cells) => make("tr", {}, ...cells.map((content, place) => cell(tag, content, place)));
  return make("div", { class: "scroll" }, make("table", {}, make("thead", {}, line("th", header)), make("tbody", {}, ...rows.map((row) => line("td", row)))));
}
