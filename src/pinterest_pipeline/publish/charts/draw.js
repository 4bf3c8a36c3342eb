// Draws every chart of the page, and again where the page's colours change: dark or light, screen or paper.
(() => {
  "use strict";

  const config = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: false };
  const figures = [...document.querySelectorAll(".chart")].map((box) => ({
    box,
    figure: JSON.parse(box.nextElementSibling.textContent),
  }));

  // {"css": "--name"} stands for the value of a CSS variable.
  const resolve = (node, style) => {
    if (Array.isArray(node)) return node.map((each) => resolve(each, style));
    if (node === null || typeof node !== "object") return node;
    if ("css" in node) return style.getPropertyValue(node.css).trim();
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, resolve(value, style)]));
  };

  const draw = () => {
    const style = getComputedStyle(document.documentElement);
    for (const { box, figure } of figures) {
      const { data, layout } = resolve(figure, style);
      Plotly.react(box, data, layout, config);
    }
  };

  const redraw = () => {
    draw();
    for (const { box } of figures) Plotly.Plots.resize(box);
  };

  draw();
  for (const query of ["(prefers-color-scheme: dark)", "print"]) {
    window.matchMedia(query).addEventListener("change", redraw);
  }
})();
