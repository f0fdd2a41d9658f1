// From a layer's numbers to one of the colour steps s0..s7 (calm to alarming) or sb (absorbs).
const SCALES = {
  single: {
    title: "error alone, in units of its floor",
    limits: [0.1, 0.5, 1, 10, 100, 1e4, 1e6],
    steps: ["s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"],
    names: ["≤ 0.1", "0.5", "1", "10", "100", "10⁴", "10⁶", "more"],
    value: (layer) => (layer.beyond ? Infinity : layer.times),
  },
  entire: {
    title: "error in the whole run, relative to the largest value",
    limits: [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1],
    steps: ["s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"],
    names: ["≤ 10⁻⁶", "10⁻⁵", "10⁻⁴", "0.001", "0.01", "0.1", "1", "more"],
    value: (layer) => {
      if (!layer.entire) return null;
      return layer.entire.max_abs === undefined || layer.entire.max_rel === null ? Infinity : layer.entire.max_rel;
    },
  },
  gain: {
    title: "gain: relative error out over in",
    limits: [0.5, 2, 5, 20, 100],
    steps: ["sb", "s0", "s3", "s4", "s5", "s6"],
    names: ["≤ 0.5", "2", "5", "20", "100", "more"],
    value: (layer) => layer.gain,
  },
};

function stepOf(mode, layer) {
  const scale = SCALES[mode];
  const value = scale.value(layer);
  if (value === null || value === undefined) return "s0";
  const place = scale.limits.findIndex((limit) => value <= limit);
  return scale.steps[place < 0 ? scale.steps.length - 1 : place];
}

function showLegend(mode) {
  const scale = SCALES[mode];
  const steps = scale.steps.map((step, place) => {
    const ink = step === "s6" || step === "s7" ? "on-dark" : "on-light";
    return element("span", { class: "step", style: `background:var(--${step});color:var(--${ink})` }, scale.names[place]);
  });
  byId("legend").replaceChildren(element("span", null, scale.title), element("span", { class: "steps" }, ...steps),
    element("span", null, element("i", { class: "ring" }), "wrong itself"),
    element("span", null, element("i", { class: "stroke" }), "carries an error"));
}
