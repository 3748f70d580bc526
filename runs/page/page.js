// The page comes to life here: the grids, the charts, the keys and the colour scheme.

const root = document.documentElement;
const grids = {};

async function begin() {
  await readSamples();
  grids.samples = makeSampleGrid();
  grids.problems = makeProblemGrid();
  grids.problems.element.hidden = true;
  document.getElementById("explorer").append(makeToolbar(), grids.samples.element, grids.problems.element);
  document.querySelectorAll("[data-needs-scripts]").forEach((element) => (element.hidden = false));
  makeScheme();
  document.addEventListener("keydown", onKey);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => visibleGrid().element.focus({ preventScroll: true }));
  await applyFilters();
  root.dataset.ready = "samples";
  await makeCharts();
  root.dataset.ready = "charts";
}

function visibleGrid() {
  return grids.samples.element.hidden ? grids.problems : grids.samples;
}

function onKey(event) {
  const typing = event.target.matches("input, select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (dialog.open) {
    const by = { ArrowLeft: "previous", ArrowRight: "next" }[event.key];
    if (by && !event.target.matches("pre")) dialog.neighbours[by]?.();
  } else if (event.key === "/" && !typing) {
    event.preventDefault();
    document.getElementById("filter-words").focus();
  } else if (typing && (event.key === "ArrowDown" || event.key === "Enter") && event.target.type === "search") {
    event.preventDefault();
    visibleGrid().element.focus();
  }
}

function makeScheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("scheme");
  const isDark = () => (root.dataset.scheme ?? (dark.matches ? "dark" : "light")) === "dark";
  const show = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    drawCharts();
  };
  button.hidden = false;
  button.setAttribute("aria-label", "Switch between light and dark");
  button.addEventListener("click", () => {
    root.dataset.scheme = isDark() ? "light" : "dark";
    show();
  });
  dark.addEventListener("change", show);
  show();
}

await begin();
