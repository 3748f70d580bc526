// Charts: Vega-Lite specifications of the curves over k and of the scatter with its Pareto front.

const drawn = []; // {element, spec(): specification or null, click(datum)}
const tip = make("div", { id: "tip", role: "status", hidden: true });

async function makeCharts() {
  const list = document.getElementById("chart-list");
  if (curveRows("pass").some((one) => one.k > 1)) list.append(figure("pass@k", "At least one of k answers is right; the band is the 95 % interval.", () => curve("pass")));
  if (curveRows("eff").some((one) => one.k > 1)) list.append(figure("eff@k", "Expected best efficiency score of k answers; a wrong one scores 0.", () => curve("eff")));
  const axes = sharedAxes();
  if (axes.length > 1) list.append(scatterFigure(axes));
  if (!list.children.length) {
    document.getElementById("charts").remove();
    document.querySelector('nav a[href="#charts"]').remove();
    return;
  }
  document.body.append(tip);
  await loadLibrary();
  await drawCharts();
}

// As a script of ours: the policy knows its hash.
async function loadLibrary() {
  document.head.append(make("script", {}, await unpackText("library")));
  document.getElementById("library").remove();
}

async function drawCharts() {
  if (typeof vegaEmbed === "undefined") return;
  for (const one of drawn) await draw(one);
}

async function draw({ element, spec, click }) {
  const options = { actions: false, ast: true, renderer: "svg", defaultStyle: false, config: config(), tooltip: showTip };
  const { view } = await vegaEmbed(element, { width: "container", height: 280, ...spec() }, options);
  if (click) view.addEventListener("click", (event, item) => item?.datum && click(item.datum));
}

function figure(title, about, spec, click, ...controls) {
  const element = make("div", { class: "plot", role: "img", "aria-label": `${title}: ${about}` });
  drawn.push({ element, spec, click });
  return make("figure", {}, make("figcaption", {}, make("strong", {}, title), ...controls, make("span", { class: "note" }, about)), element);
}

function colour(name) {
  return getComputedStyle(root).getPropertyValue(`--${name}`).trim();
}

function config() {
  const text = { labelColor: colour("soft"), titleColor: colour("soft"), labelFont: "inherit", titleFont: "inherit", labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" };
  return {
    background: null,
    font: getComputedStyle(document.body).fontFamily,
    view: { stroke: null },
    axis: { ...text, gridColor: colour("line"), domainColor: colour("line"), tickColor: colour("line"), titlePadding: 10, tickCount: 5, labelOverlap: true },
    legend: { ...text, labelLimit: 260, orient: "bottom", columns: 1, symbolStrokeWidth: 2, symbolOpacity: 1 },
    range: { category: ["c1", "c2", "c3", "c4", "c5", "c6", "c7"].map(colour) },
  };
}

function curveRows(name) {
  return overview.runs.flatMap((run) => run.curves[name].map(([k, value, low, high]) => ({ run: run.name, k, value, low, high, tip: `${run.name}\n${name}@${k}: ${fixed(value)}\n95 % interval ${fixed(low)} – ${fixed(high)}` })));
}

function curve(name) {
  const rows = curveRows(name);
  const ks = [...new Set(rows.map((one) => one.k))];
  const most = Math.max(...ks);
  const runs = several ? { color: { field: "run", type: "nominal", title: null, sort: null } } : {};
  const scale = most > 20 ? { type: "log", nice: false } : { zero: false, nice: false };
  return {
    data: { values: rows },
    height: 330,
    encoding: { x: { field: "k", type: "quantitative", scale, axis: { title: "k", values: most > 20 ? undefined : ks, format: "d", grid: false } }, ...runs },
    layer: [
      { mark: { type: "area", opacity: 0.14, ...(several ? {} : { color: colour("c1") }) }, encoding: { y: { field: "low", type: "quantitative", title: `${name}@k`, scale: { zero: false } }, y2: { field: "high" } } },
      { mark: { type: "line", strokeWidth: 2, ...(several ? {} : { color: colour("c1") }) }, encoding: { y: { field: "value", type: "quantitative" } } },
      { mark: { type: "point", filled: true, size: 40, opacity: 1, ...(several ? {} : { color: colour("c1") }) }, encoding: { y: { field: "value", type: "quantitative" }, tooltip: { field: "tip" } } },
    ],
  };
}

function sharedAxes() {
  return Object.keys(overview.axes).filter((name) => overview.runs.every((run) => name in run.axes));
}

function scatterFigure(axes) {
  const chosen = { x: axes[0], y: axes[1] };
  const choice = (side) => {
    const change = (event) => {
      chosen[side] = event.target.value;
      drawCharts();
    };
    const options = axes.map((name) => make("option", { value: name, selected: chosen[side] === name }, name));
    return make("label", {}, side === "x" ? "across " : "up ", make("select", { onchange: change, "aria-label": `Axis ${side}` }, ...options));
  };
  const title = axes.join(" × ");
  const about = several
    ? "A point for each run; ringed where no other run is at least as good on all axes and better on one."
    : "A point for each set of problems with equal shares of such answers; a click lists them. The line is the Pareto front.";
  return figure(title, about, () => scatter(scatterPoints(axes, chosen), axes, chosen), several ? null : pick, choice("x"), choice("y"));
}

function scatterPoints(axes, chosen) {
  const points = several ? overview.runs.map((run) => ({ name: run.name, ...run.axes })) : problemPoints(axes, chosen);
  for (const point of points) {
    point.ring = several && !points.some((other) => dominates(other, point, axes));
    point.front = !points.some((other) => dominates(other, point, [chosen.x, chosen.y]));
    point.x = point[chosen.x];
    point.y = point[chosen.y];
    point.tip = `${point.name}\n${axes.map((name) => `${name} ${fixed(point[name])}`).join("\n")}`;
  }
  return points;
}

// Problems at the same place are one point; small ones come last, and so lie on top.
function problemPoints(axes, chosen) {
  const [{ problems, tasks }] = overview.runs;
  const known = tasks.map((name, task) => ({ name, task, ...Object.fromEntries(axes.map((axis) => [axis, problems[axis][task]])) }));
  const whole = known.filter((one) => one[chosen.x] != null && one[chosen.y] != null);
  const places = [...Map.groupBy(whole, (one) => `${fixed(one[chosen.x], 2)} ${fixed(one[chosen.y], 2)}`).values()];
  places.sort((one, other) => other.length - one.length);
  return places.map((alike) => ({
    name: alike.length === 1 ? alike[0].name : `${alike.length} problems: ${alike.slice(0, 4).map((one) => one.name).join(", ")}${alike.length > 4 ? ", …" : ""}`,
    tasks: alike.map((one) => one.task),
    number: alike.length,
    ...Object.fromEntries(axes.map((axis) => [axis, mean(alike.map((one) => one[axis]))])),
  }));
}

function dominates(one, other, axes) {
  return axes.every((name) => (one[name] ?? 0) >= (other[name] ?? 0)) && axes.some((name) => (one[name] ?? 0) > (other[name] ?? 0));
}

function scatter(points, axes, { x, y }) {
  const marks = several ? runMarks() : problemMarks(points, axes, { x, y });
  return {
    data: { values: points },
    encoding: { x: side(points, x, "x"), y: side(points, y, "y") },
    layer: [
      { transform: [{ filter: "datum.front" }], mark: { type: "line", interpolate: "step-before", color: colour("soft"), strokeDash: [5, 4], strokeWidth: 1.5 }, encoding: { order: { field: "x" } } },
      ...marks,
    ],
  };
}

// Never so close that differences of nothing look like much.
function side(points, name, field) {
  const values = points.map((one) => one[field]);
  const domain = several ? [Math.max(0, Math.min(...values) - 0.08), Math.min(1, Math.max(...values) + 0.08)] : [0, 1];
  return { field, type: "quantitative", title: `${name}: ${overview.axes[name]}`, scale: { domain, nice: false, padding: several ? 0 : 14 }, axis: { format: ".2~f" } };
}

function runMarks() {
  const runs = { color: { field: "name", type: "nominal", title: null, sort: null }, shape: { field: "name", type: "nominal", title: null, sort: null } };
  return [
    { mark: { type: "point", filled: true, size: 130, opacity: 0.95 }, encoding: { ...runs, tooltip: { field: "tip" } } },
    { transform: [{ filter: "datum.ring" }], mark: { type: "point", filled: false, size: 420, stroke: colour("text"), strokeWidth: 1.5 } },
  ];
}

// The colour is a third axis: the one that differs most of those that every problem has.
function problemMarks(points, axes, { x, y }) {
  const spread = (name) => Math.max(...points.map((one) => one[name])) - Math.min(...points.map((one) => one[name]));
  const others = axes.filter((name) => name !== x && name !== y && points.every((one) => one[name] != null));
  const third = others.sort((one, other) => spread(other) - spread(one))[0];
  const legend = { orient: "bottom", gradientLength: 160, direction: "horizontal" };
  const shade = third ? { color: { field: third, type: "quantitative", title: third, scale: { range: [colour("c2"), colour("c1")], domain: [0, 1], interpolate: "rgb" }, legend } } : {};
  const size = { field: "number", type: "quantitative", legend: null, scale: { type: "sqrt", domain: [1, Math.max(2, ...points.map((one) => one.number))], range: [60, 800] } };
  return [{ mark: { type: "circle", opacity: 0.85, cursor: "pointer", ...(third ? {} : { color: colour("c1") }) }, encoding: { ...shade, size, tooltip: { field: "tip" } } }];
}

function pick({ tasks }) {
  if (!tasks) return;
  filters.picked = new Set(tasks.map((task) => `0 ${task}`));
  document.querySelector('.tabs button[name="problems"]').click();
  applyFilters();
  document.getElementById("samples").scrollIntoView();
}

// Vega calls it with the text under the pointer, or null.
function showTip(handler, event, item, value) {
  tip.hidden = value == null || value === "";
  tip.textContent = typeof value === "object" && value ? Object.values(value).join("\n") : (value ?? "");
  tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8)}px`;
}
