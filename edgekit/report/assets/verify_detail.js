// One layer in full: what is wrong, both errors, how it was matched, and the histogram of its values.
const METRICS = [
  ["max_abs", "max abs", error],
  ["max_rel", "max rel", error],
  ["rmse", "RMSE", error],
  ["cosine", "cosine", (value) => (value === null ? "" : value.toFixed(6))],
  ["snr_db", "SNR dB", (value) => (value === null ? "∞" : value.toFixed(1))],
  ["ulp", "ULP", factor],
];

class Detail {
  constructor(layers, choose) {
    this.layers = layers;
    this.choose = choose;
    this.panel = byId("detail");
    this.logarithmic = true;
  }

  show(index) {
    const layer = this.layers[index];
    const parts = [
      element("div", { class: "head" },
        element("h3", null, layer.name),
        element("span", { class: "muted" }, layer.type),
        element("span", { class: `label ${layer.label}` }, layer.label)),
      this.text(layer),
      this.origin(layer),
      this.metrics(layer),
      this.histogram(layer),
      this.facts(index, layer),
    ];
    this.panel.replaceChildren(...parts.filter((part) => part));
    this.panel.scrollTop = 0;
  }

  text(layer) {
    return layer.text ? element("p", { class: layer.failed ? "finding" : "reason" }, layer.text) : null;
  }

  origin(layer) {
    if (!layer.module && !layer.op) return null;
    return this.pairs([
      ["module", element("code", null, layer.module || "(the model itself)")],
      ["op", element("code", null, layer.op)],
      ["source", layer.place && element("code", { class: "place" }, layer.place)],
    ]);
  }

  pairs(rows) {
    const shown = rows.filter(([, value]) => value);
    return element("dl", null, ...shown.map(([title, value]) =>
      element("div", null, element("dt", null, title), element("dd", null, value))));
  }

  metrics(layer) {
    if (!layer.single && !layer.entire) return null;
    const cell = (metrics, key, show) => {
      if (!metrics) return "";
      return metrics[key] === undefined ? metrics.finding : show(metrics[key]);
    };
    const rows = METRICS.map(([key, title, show]) => element("tr", null,
      element("td", null, title),
      element("td", { class: "number" }, cell(layer.entire, key, show)),
      element("td", { class: "number" }, cell(layer.single, key, show))));
    rows.push(element("tr", null, element("td", null, "floor of max abs"), element("td"),
      element("td", { class: "number" }, error(layer.floor))));
    rows.push(element("tr", null, element("td", null, "times the floor"), element("td"),
      element("td", { class: "number" }, layer.beyond ? "∞" : factor(layer.times))));
    const head = ["", "entire", "single"].map((title, place) =>
      element("th", place ? { class: "number" } : null, title));
    return element("table", null, element("thead", null, element("tr", null, ...head)), element("tbody", null, ...rows));
  }

  facts(index, layer) {
    const links = (indices) => indices.length === 0 ? null : element("span", { class: "links" },
      ...indices.map((other) => element("button", { type: "button", onclick: () => this.choose(other, true) },
        this.layers[other].name)));
    return this.pairs([
      ["shape", layer.given ? `${layer.given} in ncnn, ${layer.shape} in PyTorch` : layer.shape],
      ["gain", layer.gain === null ? null : `${factor(layer.gain)} × the relative error that comes in`],
      ["blob", `${layer.blob} of layer ${index}`],
      ["matched", layer.label === "unmatched" ? null : layer.matched],
      ["reads", links(layer.before)],
      ["read by", links(layer.after)],
    ]);
  }

  histogram(layer) {
    const data = layer.histogram;
    if (!data) return null;
    const width = 330, height = 120, base = 100;
    const share = (count, total) => (total ? count / total : 0);
    const total = (counts) => counts.reduce((sum, count) => sum + count, 0);
    const heights = (counts) => {
      const all = total(counts);
      const level = (count) => (this.logarithmic ? Math.log1p(9999 * share(count, all)) : share(count, all));
      return counts.map(level);
    };
    const reference = heights(data.reference), actual = heights(data.actual);
    const top = Math.max(...reference, ...actual, 1e-9);
    const step = width / reference.length;
    const path = (levels) => levels.map((level, bin) => {
      const y = (base - (level / top) * (base - 8)).toFixed(1);
      return `${bin ? "L" : "M"}${(bin * step).toFixed(1)} ${y}H${((bin + 1) * step).toFixed(1)}`;
    }).join("");
    const label = (x, anchor, text) => element("svg:text", { x, y: height - 6, "text-anchor": anchor }, text);
    const picture = element("svg:svg", { class: "histogram", viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": "histogram of PyTorch and ncnn values" },
      element("svg:path", { class: "reference", d: `${path(reference)}V${base}H0Z` }),
      element("svg:path", { class: "actual", d: path(actual) }),
      element("svg:path", { class: "axis", d: `M0 ${base}H${width}` }),
      label(0, "start", data.low.toPrecision(3)), label(width, "end", data.high.toPrecision(3)));
    const toggle = element("button", { type: "button", onclick: () => {
      this.logarithmic = !this.logarithmic;
      box.replaceWith(this.histogram(layer));
    } }, this.logarithmic ? "log" : "linear");
    const bad = (count) => (count ? ` (${count} not finite)` : "");
    const sampled = data.stride > 1 ? element("span", null, `every ${data.stride}th value`) : null;
    const box = element("div", { class: "values" }, picture, element("div", { class: "key" },
      element("span", null, element("i", { class: "reference" }), `PyTorch${bad(data.referenceLeft)}`),
      element("span", null, element("i", { class: "actual" }), `ncnn, whole run${bad(data.actualLeft)}`),
      sampled, toggle));
    return box;
  }
}
