// Tables that sort by a click on a header: numbers by their size, whatever their unit, all else as text.
const UNITS = { ns: 1e-9, us: 1e-6, ms: 1e-3, s: 1, B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, K: 1e3, M: 1e6, G: 1e9, T: 1e12 };

function quantity(text) {
  const found = /^([-\d.]+(?:e[+-]?\d+)?)\s*([A-Za-z]*)/.exec(text);
  return found ? Number(found[1]) * (UNITS[found[2]] ?? 1) : -Infinity;
}

function setUpSorting(table) {
  const heads = [...table.querySelectorAll("th")];
  heads.forEach((head, place) => {
    const number = head.classList.contains("number");
    head.tabIndex = 0;
    const sort = () => {
      const down = head.hasAttribute("aria-sort") ? head.getAttribute("aria-sort") === "ascending" : number;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const body = table.tBodies[0];
      const key = (row) => row.cells[place].textContent;
      const rise = number ? (a, b) => quantity(key(a)) - quantity(key(b)) : (a, b) => key(a).localeCompare(key(b));
      body.append(...[...body.rows].sort(down ? (a, b) => rise(b, a) : rise));
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
  });
}
