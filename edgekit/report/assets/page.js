// Helpers of every page: elements without markup, numbers as text, the colour theme.
const SVG = "http://www.w3.org/2000/svg";

function element(name, properties, ...children) {
  const made = name.startsWith("svg:") ? document.createElementNS(SVG, name.slice(4)) : document.createElement(name);
  for (const [key, value] of Object.entries(properties || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function byId(id) {
  return document.getElementById(id);
}

function error(value) {
  if (value === null || value === undefined) return "";
  if (value === 0) return "0";
  return value.toExponential(1).replace(/e([+-])(\d)$/, "e$10$2");
}

function factor(value) {
  if (value === null || value === undefined) return "";
  if (value === 0) return "0";
  if ((value >= 1e5 || value < 1e-3)) return error(value);
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function setUpTheme() {
  const root = document.documentElement;
  const themes = ["system", "light", "dark"];
  const button = byId("theme");
  let theme = "system";
  try {
    theme = localStorage.getItem("edgekit-theme") || theme;
  } catch (refused) { /* a file that is opened from disk may not store anything */ }
  const show = () => {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
    button.textContent = `theme: ${theme}`;
  };
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    try {
      localStorage.setItem("edgekit-theme", theme);
    } catch (refused) { /* as above */ }
    show();
  });
  show();
}
