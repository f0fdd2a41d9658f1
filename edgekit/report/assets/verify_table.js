// Every layer in a table: sorted by any column, filtered by label and by the search.
const LABELS = ["created", "amplified", "inherited", "absorbed", "clean", "unmatched"];
const order = (metrics) => (!metrics ? -1 : metrics.max_abs === undefined ? Infinity : metrics.max_abs);
const shown = (metrics) => (!metrics ? "" : metrics.max_abs === undefined ? metrics.finding : error(metrics.max_abs));
const COLUMNS = [
  { title: "#", wide: true, number: true, key: (layer) => layer.index, text: (layer) => String(layer.index) },
  { title: "layer", key: (layer) => layer.name, text: (layer) => layer.name, mono: true },
  { title: "type", wide: true, key: (layer) => layer.type, text: (layer) => layer.type },
  { title: "module", key: (layer) => layer.module, text: (layer) => layer.module, cut: true },
  { title: "source", wide: true, key: (layer) => layer.place, text: (layer) => layer.place, cut: true },
  { title: "entire", wide: true, number: true, key: (layer) => order(layer.entire), text: (layer) => shown(layer.entire) },
  { title: "single", number: true, key: (layer) => order(layer.single), text: (layer) => shown(layer.single) },
  { title: "floor", wide: true, number: true, key: (layer) => layer.floor ?? -1, text: (layer) => error(layer.floor) },
  { title: "× floor", wide: true, number: true, key: (layer) => (layer.beyond ? Infinity : layer.times ?? -1),
    text: (layer) => (layer.beyond ? "∞" : factor(layer.times)) },
  { title: "gain", wide: true, number: true, key: (layer) => layer.gain ?? -1, text: (layer) => factor(layer.gain) },
  { title: "label", key: (layer) => LABELS.indexOf(layer.label), text: (layer) => layer.label },
];

class Table {
  constructor(layers, choose) {
    this.layers = layers;
    this.table = byId("table");
    this.sorted = { column: 0, down: false };
    this.label = null;
    this.found = null;
    this.rows = layers.map((layer) => this.row(layer, choose));
    this.body = element("tbody");
    this.head = COLUMNS.map((column, place) => element("th", {
      class: [column.number && "number", column.wide && "wide"].filter(Boolean).join(" "),
      scope: "col",
      onclick: () => this.sort(place),
    }, column.title));
    this.table.append(element("thead", null, element("tr", null, ...this.head)), this.body);
    this.chips();
    this.update();
  }

  row(layer, choose) {
    const cells = COLUMNS.map((column) => {
      const classes = [column.number && "number", column.wide && "wide", column.cut && "cut"].filter(Boolean).join(" ");
      const text = column.text(layer);
      if (column.title === "label") return element("td", null, element("span", { class: `label ${text}` }, text));
      const content = column.mono ? element("code", null, text) : text;
      return element("td", { class: classes, title: column.cut ? text : null }, content);
    });
    cells[1].prepend(element("span", { class: "swatch", style: `background:var(--${stepOf("single", layer)})` }));
    return element("tr", { "data-i": layer.index, onclick: () => choose(layer.index, true) }, ...cells);
  }

  chips() {
    const count = (label) => this.layers.filter((layer) => layer.label === label).length;
    const chip = (label, title) => element("button", { type: "button", "aria-pressed": String(this.label === label),
      onclick: () => { this.label = label; this.chips(); this.update(); } }, title);
    const labels = LABELS.filter((label) => count(label));
    byId("filters").replaceChildren(chip(null, `all ${this.layers.length}`),
      ...labels.map((label) => chip(label, `${label} ${count(label)}`)));
  }

  sort(column) {
    const same = this.sorted.column === column;
    this.sorted = { column, down: same ? !this.sorted.down : Boolean(COLUMNS[column].number) && column > 0 };
    this.update();
  }

  search(found) {
    this.found = found;
    this.update();
  }

  mark(index) {
    for (const row of this.rows) row.classList.toggle("chosen", Number(row.dataset.i) === index);
  }

  update() {
    const { column, down } = this.sorted;
    const key = COLUMNS[column].key;
    const wanted = this.layers.filter((layer) => (this.label === null || layer.label === this.label)
      && (this.found === null || this.found.has(layer.index)));
    const compare = (left, right) => {
      const [a, b] = [key(left), key(right)];
      if (a === b) return left.index - right.index;
      const first = typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
      return down ? -first : first;
    };
    wanted.sort(compare);
    this.head.forEach((cell, place) => {
      if (place === column) cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
    const rows = wanted.map((layer) => this.rows[layer.index]);
    if (rows.length === 0) rows.push(element("tr", null, element("td", { class: "empty", colspan: COLUMNS.length }, "no such layer")));
    this.body.replaceChildren(...rows);
  }
}
