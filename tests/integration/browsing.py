"""Queries of tests to a page in a real browser."""

CHARTS = """() => [...document.querySelectorAll(".chart")].map((box) => {
  const marks = [...box.querySelectorAll(".barlayer .point path, .heatmaplayer image, .scatterlayer .point")];
  const sizes = marks.map((mark) => mark.getBoundingClientRect());
  return {
    about: box.getAttribute("aria-label"),
    marks: sizes.filter((size) => size.width > 1 && size.height > 1).length,
    width: box.querySelector("svg.main-svg")?.getBoundingClientRect().width,
    room: box.getBoundingClientRect().width,
  };
})"""
"""JavaScript that returns what is drawn in each chart's place."""

MISTAKES = """() => [...document.querySelectorAll(".chart")].flatMap(
  (box) => Plotly.validate(box.data, box.layout) ?? []
)"""
"""JavaScript that returns what plotly.js does not know of the charts' figures; each takes it a fifth of a second."""
