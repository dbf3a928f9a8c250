"use strict";

// A slider shows one of the pictures that lie in the same figure.
for (const player of document.querySelectorAll(".player")) {
  const frames = player.querySelectorAll("img");
  const slider = player.querySelector("input");
  const label = player.querySelector("output");
  const show = () => {
    frames.forEach((frame, i) => { frame.hidden = i !== slider.valueAsNumber; });
    label.textContent = frames[slider.valueAsNumber].dataset.step;
    slider.setAttribute("aria-valuetext", label.textContent);
  };
  slider.addEventListener("input", show);
  show(); // some browsers keep the slider's place when the page is loaded again
}

// The legend of a chart tells the values under the pointer; without one, the last values.
for (const chart of document.querySelectorAll(".chart")) {
  const script = chart.querySelector("script");
  if (!script) continue;
  const series = JSON.parse(script.textContent);
  const svg = chart.querySelector("svg");
  const here = svg.querySelector(".here");
  const values = chart.querySelectorAll("output");
  const where = chart.querySelector(".where");
  const last = [...values].map((value) => value.textContent);
  const lastWhere = where.textContent;

  const dot = (point, color) => {
    const circle = document.createElementNS(svg.namespaceURI, "circle");
    const given = { cx: point[0], cy: point[1], r: 3.5, class: `s${color}` };
    for (const [name, value] of Object.entries(given)) circle.setAttribute(name, value);
    return circle;
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    const distance = (point) => Math.abs(point[0] - x);
    const closer = (a, b) => (distance(b) < distance(a) ? b : a);
    const nearest = series.map((one) => one.points.reduce(closer));
    nearest.forEach((point, i) => { values[i].textContent = point[3]; });
    where.textContent = nearest.reduce(closer)[2];
    here.replaceChildren(...nearest.map((point, i) => dot(point, series[i].color)));
  });
  svg.addEventListener("pointerleave", () => {
    last.forEach((text, i) => { values[i].textContent = text; });
    where.textContent = lastWhere;
    here.replaceChildren();
  });
}
