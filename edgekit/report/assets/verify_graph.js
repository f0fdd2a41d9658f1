// The graph: pan, zoom, pinch, colours, choice and search.
class Graph {
  constructor(layers, choose) {
    this.layers = layers;
    this.choose = choose;
    this.canvas = byId("canvas");
    this.svg = byId("graph");
    this.scene = byId("scene");
    const box = this.svg.viewBox.baseVal;
    this.whole = { x: box.x, y: box.y, width: box.width, height: box.height };
    this.svg.removeAttribute("viewBox");
    this.nodes = new Map([...this.scene.querySelectorAll(".node")].map((node) => [Number(node.dataset.i), node]));
    this.edges = [...this.scene.querySelectorAll(".edge")];
    this.view = { x: 0, y: 0, scale: 1 };
    this.fit();
    this.listen();
  }

  size() {
    return { width: this.canvas.clientWidth || 800, height: this.canvas.clientHeight || 600 };
  }

  apply() {
    const { x, y, scale } = this.view;
    this.scene.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
    this.svg.classList.toggle("far", scale < 0.32);
  }

  fit() {
    const { width, height } = this.size();
    const scale = Math.min(width / this.whole.width, height / this.whole.height, 1.4);
    this.view = {
      scale,
      x: (width - this.whole.width * scale) / 2 - this.whole.x * scale,
      y: Math.max((height - this.whole.height * scale) / 2, 0) - this.whole.y * scale,
    };
    this.fitted = true;
    this.apply();
  }

  zoom(times, at) {
    const { width, height } = this.size();
    const point = at || { x: width / 2, y: height / 2 };
    const scale = Math.min(Math.max(this.view.scale * times, 0.02), 4);
    const ratio = scale / this.view.scale;
    this.view = {
      scale,
      x: point.x - (point.x - this.view.x) * ratio,
      y: point.y - (point.y - this.view.y) * ratio,
    };
    this.fitted = false;
    this.apply();
  }

  pan(dx, dy) {
    this.view.x += dx;
    this.view.y += dy;
    this.fitted = false;
    this.apply();
  }

  center(index) {
    const node = this.nodes.get(index);
    if (!node) return;
    const place = node.transform.baseVal.consolidate().matrix;
    const { width, height } = this.size();
    const scale = Math.max(this.view.scale, 0.8);
    this.view = { scale, x: width / 2 - place.e * scale, y: height / 2 - place.f * scale };
    this.fitted = false;
    this.apply();
  }

  // To begin with, a phone shows the neighbourhood of a layer: of the whole graph it could show no names.
  begin(index) {
    const narrow = window.matchMedia("(max-width: 900px)").matches;
    if (narrow && this.view.scale < 0.6) this.center(index);
  }

  isVisible(index) {
    const node = this.nodes.get(index).getBoundingClientRect();
    const frame = this.canvas.getBoundingClientRect();
    const inside = node.left >= frame.left && node.right <= frame.right;
    return inside && node.top >= frame.top && node.bottom <= frame.bottom;
  }

  colour(mode) {
    for (const [index, node] of this.nodes) {
      node.classList.remove("s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "sb");
      if (this.layers[index].label !== "unmatched") node.classList.add(stepOf(mode, this.layers[index]));
    }
    showLegend(mode);
  }

  mark(index) {
    for (const node of this.scene.querySelectorAll(".chosen")) node.classList.remove("chosen");
    const node = this.nodes.get(index);
    if (node) node.classList.add("chosen");
    for (const edge of this.edges) {
      edge.classList.toggle("near", Number(edge.dataset.s) === index || Number(edge.dataset.t) === index);
    }
  }

  search(found) {
    this.svg.classList.toggle("searching", found !== null);
    for (const [index, node] of this.nodes) node.classList.toggle("found", found !== null && found.has(index));
  }

  listen() {
    const pointers = new Map();
    let moved = 0;
    const local = (event) => {
      const frame = this.canvas.getBoundingClientRect();
      return { x: event.clientX - frame.left, y: event.clientY - frame.top };
    };
    this.svg.addEventListener("pointerdown", (event) => {
      pointers.set(event.pointerId, local(event));
      if (pointers.size === 1) moved = 0;
    });
    window.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      const now = local(event);
      moved += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
      this.canvas.classList.toggle("dragging", moved > 4);
      const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
      if (others.length === 0) this.pan(now.x - before.x, now.y - before.y);
      else {
        const distance = (point) => Math.hypot(point.x - others[0].x, point.y - others[0].y) || 1;
        const middle = { x: (now.x + others[0].x) / 2, y: (now.y + others[0].y) / 2 };
        this.zoom(distance(now) / distance(before), middle);
        this.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
      }
      pointers.set(event.pointerId, now);
    });
    const release = (event) => {
      pointers.delete(event.pointerId);
      if (pointers.size === 0) this.canvas.classList.remove("dragging");
    };
    window.addEventListener("pointerup", release);
    window.addEventListener("pointercancel", release);
    this.scene.addEventListener("click", (event) => {
      const node = event.target.closest(".node");
      if (node && moved <= 4) this.choose(Number(node.dataset.i));
    });
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : 1;
      this.zoom(Math.exp(-event.deltaY * lines * 0.0016), local(event));
    }, { passive: false });
    byId("zoom-in").addEventListener("click", () => this.zoom(1.4));
    byId("zoom-out").addEventListener("click", () => this.zoom(1 / 1.4));
    byId("zoom-fit").addEventListener("click", () => this.fit());
    new ResizeObserver(() => { if (this.fitted) this.fit(); }).observe(this.canvas);
  }
}
