// A table of any number of rows, of which only those in view are elements. Sorted by its heads, walked by arrow keys.

const ROW_HEIGHT = 36;
const AROUND = 8;

class Grid {
  // columns: {name, title, width, value(item) to sort by, show(item) text or element, right, least: the grid's width in
  // px from which on it is shown}; order: {column, descending}
  constructor({ label, columns, open, order }) {
    this.all = columns;
    this.columns = [];
    this.open = open;
    this.items = [];
    this.order = order;
    this.active = 0;
    this.rows = new Map();
    this.id = `grid-${label.toLowerCase()}`;
    this.space = make("div", { class: "space", role: "rowgroup" });
    this.body = make("div", { class: "body" }, this.space);
    this.head = make("div", { class: "head row", role: "row" });
    this.element = make(
      "div",
      { class: `grid ${this.id}`, role: "grid", tabindex: 0, "aria-label": label, onkeydown: (event) => this.walk(event) },
      make("div", { role: "rowgroup" }, this.head),
      this.body,
      make("p", { class: "nothing", hidden: true }, "Nothing matches these filters."),
    );
    this.body.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.fit()).observe(this.body);
  }

  // Show the columns that there is room for.
  fit() {
    const columns = this.all.filter((column) => !(column.least > this.body.clientWidth));
    if (columns.length === this.columns.length) return this.draw();
    this.columns = columns;
    this.heads = columns.map((column) => this.headOf(column));
    this.head.replaceChildren(...this.heads);
    this.element.style.setProperty("--columns", columns.map((column) => column.width).join(" "));
    this.markOrder();
    this.redraw();
  }

  headOf(column) {
    const click = () => this.sortBy(column);
    const title = make("button", { type: "button", onclick: click, title: `Sort by ${column.title}` }, column.title);
    return make("div", { role: "columnheader", class: classOf(column), "aria-sort": "none" }, title);
  }

  set(items) {
    const kept = this.items[this.active];
    this.items = sorted(items, this.order);
    this.active = Math.max(0, kept ? this.items.indexOf(kept) : 0);
    this.element.setAttribute("aria-rowcount", this.items.length + 1);
    this.element.querySelector(".nothing").hidden = this.items.length > 0;
    this.space.style.height = `${this.items.length * ROW_HEIGHT}px`;
    this.redraw();
  }

  sortBy(column) {
    const again = this.order.column === column;
    this.order = { column, descending: again ? !this.order.descending : Boolean(column.descending) };
    this.markOrder();
    this.body.scrollTop = 0;
    this.set(this.items);
  }

  markOrder() {
    const { column, descending } = this.order;
    this.heads.forEach((head, place) => {
      const own = this.columns[place] === column;
      head.setAttribute("aria-sort", own ? (descending ? "descending" : "ascending") : "none");
    });
  }

  redraw() {
    this.rows.forEach((row) => row.remove());
    this.rows.clear();
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.body.scrollTop / ROW_HEIGHT) - AROUND);
    const last = Math.min(this.items.length, first + Math.ceil(this.body.clientHeight / ROW_HEIGHT) + 2 * AROUND);
    for (const [place, row] of this.rows) {
      if (place < first || place >= last) {
        row.remove();
        this.rows.delete(place);
      }
    }
    for (let place = first; place < last; place++) {
      if (!this.rows.has(place)) this.rows.set(place, this.rowOf(place));
    }
    this.markActive();
  }

  rowOf(place) {
    const item = this.items[place];
    const cells = this.columns.map((column) => make("div", { role: "gridcell", class: classOf(column) }, column.show(item)));
    const click = () => this.openAt(place);
    const row = make("div", { class: "row", role: "row", id: `${this.id}-${place}`, "aria-rowindex": place + 2, onclick: click }, ...cells);
    row.style.transform = `translateY(${place * ROW_HEIGHT}px)`;
    this.space.append(row);
    return row;
  }

  markActive() {
    this.rows.forEach((row, place) => {
      row.classList.toggle("active", place === this.active);
      row.setAttribute("aria-selected", place === this.active);
    });
    if (this.rows.has(this.active)) this.element.setAttribute("aria-activedescendant", `${this.id}-${this.active}`);
    else this.element.removeAttribute("aria-activedescendant");
  }

  walk(event) {
    const page = Math.max(1, Math.floor(this.body.clientHeight / ROW_HEIGHT) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.target !== this.element || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter") this.openAt(this.active);
    else if (event.key in steps) this.goTo(this.active + steps[event.key]);
    else return;
    event.preventDefault();
  }

  goTo(place) {
    this.active = Math.min(this.items.length - 1, Math.max(0, place));
    const top = this.active * ROW_HEIGHT;
    const bottom = top + ROW_HEIGHT - this.body.clientHeight;
    this.body.scrollTop = Math.max(bottom, Math.min(top, this.body.scrollTop));
    this.draw();
  }

  openAt(place) {
    if (!this.items[place]) return;
    this.goTo(place);
    this.open(this.items[place]);
  }
}

function classOf(column) {
  return [`c-${column.name}`, column.right && "right"].filter(Boolean).join(" ");
}

// Equal ones stay as they were; what has no value comes last in either direction.
function sorted(items, { column, descending }) {
  const values = new Map(items.map((item) => [item, column.value(item)]));
  const sign = descending ? -1 : 1;
  return [...items].sort((one, other) => {
    const [a, b] = [values.get(one), values.get(other)];
    if (a == null || b == null) return (a == null) - (b == null) || one.number - other.number;
    const order = typeof a === "string" ? collator.compare(a, b) : a - b;
    return sign * order || one.number - other.number;
  });
}

const collator = new Intl.Collator("en", { numeric: true });
