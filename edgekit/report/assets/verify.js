// The page: one chosen layer, one colour mode and one search for graph, detail and table.
const data = JSON.parse(byId("data").textContent);
data.layers.forEach((layer, index) => { layer.index = index; });
const state = { layer: null, mode: "single", query: "" };

function choose(index, center) {
  if (!(index >= 0 && index < data.layers.length)) return;
  state.layer = index;
  graph.mark(index);
  if (center || !graph.isVisible(index)) graph.center(index);
  detail.show(index);
  table.mark(index);
  remember();
}

function chooseAndShow(index) {
  choose(index, true);
  byId("canvas").scrollIntoView({ block: "center", behavior: "smooth" });
}

function colour(mode) {
  if (!SCALES[mode]) return;
  state.mode = mode;
  for (const button of document.querySelectorAll("[data-mode]")) {
    button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
  }
  graph.colour(mode);
  remember();
}

function search(query) {
  state.query = query;
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (layer) => [layer.name, layer.type, layer.module, layer.op, layer.place, layer.blob, layer.label]
    .join(" ").toLowerCase();
  const found = words.length === 0 ? null : new Set(data.layers.map((layer) => layer.index)
    .filter((index) => words.every((word) => text(data.layers[index]).includes(word))));
  graph.search(found);
  table.search(found);
  byId("found").textContent = found === null ? "" : `${found.size} found`;
  state.found = found === null ? [] : [...found];
  remember();
}

function next(step) {
  const among = state.found.length ? state.found : data.layers.map((layer) => layer.index);
  const place = among.indexOf(state.layer);
  choose(among[(place + step + among.length) % among.length], true);
}

// The address keeps the choice, so that a link leads to a layer: #layer=15&mode=gain&q=conv
function remember() {
  const parts = new URLSearchParams();
  if (state.layer !== null) parts.set("layer", state.layer);
  if (state.mode !== "single") parts.set("mode", state.mode);
  if (state.query) parts.set("q", state.query);
  try {
    history.replaceState(null, "", `#${parts}`);
  } catch (refused) { /* a page inside another page may have no history */ }
}

function recall() {
  const parts = new URLSearchParams(location.hash.slice(1));
  if (parts.get("q")) {
    byId("search").value = parts.get("q");
    search(parts.get("q"));
  }
  if (parts.get("mode")) colour(parts.get("mode"));
  if (parts.get("layer")) choose(Number(parts.get("layer")), true);
}

const graph = new Graph(data.layers, choose);
const detail = new Detail(data.layers, choose);
const table = new Table(data.layers, chooseAndShow);
state.found = [];
setUpTheme();
const asked = location.hash;
colour("single");
history.replaceState(null, "", asked || "#");
recall();
// To begin with: the first layer that is wrong, or else the one that came closest to it.
function first() {
  const culprit = data.layers.findIndex((layer) => layer.failed);
  if (culprit >= 0) return culprit;
  const times = data.layers.map((layer) => layer.times || 0);
  return times.length ? times.indexOf(Math.max(...times)) : -1;
}

const start = first();
if (state.layer === null && start >= 0) {
  graph.mark(start);
  graph.begin(start);
  detail.show(start);
  table.mark(start);
  state.layer = start;
}
for (const button of document.querySelectorAll("[data-mode]")) {
  button.addEventListener("click", () => colour(button.dataset.mode));
}
for (const card of document.querySelectorAll("[data-layer]")) {
  card.addEventListener("click", () => chooseAndShow(Number(card.dataset.layer)));
}
byId("search").addEventListener("input", (event) => search(event.target.value));
byId("search").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && state.found.length) next(event.shiftKey ? -1 : 1);
});
byId("canvas").addEventListener("keydown", (event) => {
  const steps = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };
  if (event.key === "+") graph.zoom(1.25);
  else if (event.key === "-") graph.zoom(1 / 1.25);
  else if (event.key === "0") graph.fit();
  else if (steps[event.key]) next(steps[event.key]);
  else return;
  event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input")) return;
  byId("search").focus();
  event.preventDefault();
});
window.addEventListener("hashchange", recall);
document.documentElement.dataset.ready = "yes";
