"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const plots = document.getElementById("plots");
let from = data.start, to = Math.max(data.stop, data.start + 1);
const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name);
const side = number => colour("--side" + (number % 4));
const canvases = data.recordings.map(own => {
  const title = document.createElement("h3");
  const shown = own.neurons.length, part = shown < own.total ? `, ${shown} of ${own.total} neurons` : "";
  title.textContent = own.key + (own.spikes ? " (spikes)" : "") + part;
  const canvas = document.createElement("canvas");
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", title.textContent);
  canvas.addEventListener("keydown", event => {
    const way = {"+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", "0": "all"}[event.key];
    if (way) { zoom(way); event.preventDefault(); }
  });
  plots.append(title, canvas);
  return canvas;
});
data.sides.forEach((name, number) => {
  const mark = document.createElement("span");
  mark.textContent = (number ? "   " : "") + "\u25a0 " + name;
  mark.style.color = `var(--side${number % 4})`;
  document.getElementById("legend").append(mark);
});
function draw(canvas, own) {
  const ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = width * ratio; canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const x = step => (step - from + .5) / (to - from) * width;
  pen.font = "12px sans-serif";
  if (own.spikes) {
    const sides = own.data.length, row = height / Math.max(1, own.neurons.length);
    own.data.forEach((events, number) => {
      pen.fillStyle = side(number);
      for (const [step, neuron] of events) {
        if (step >= from && step < to)
          pen.fillRect(x(step) - 1, height - row * (neuron + 1) + row * number / sides, Math.max(2, width / (to - from) / 3), Math.max(1, row / sides * .9));
      }
    });
  } else {
    const values = own.data.flat(2).filter(v => v !== null);
    const low = values.reduce((a, b) => Math.min(a, b), Infinity), high = values.reduce((a, b) => Math.max(a, b), -Infinity);
    const y = v => height - 6 - (high > low ? (v - low) / (high - low) : .5) * (height - 12);
    own.data.forEach((lines, number) => {
      pen.strokeStyle = side(number); pen.lineWidth = number ? 1.3 : 3; pen.setLineDash(number ? [5, 3] : []);
      for (const line of lines) {
        pen.beginPath();
        let down = false;
        line.forEach((v, place) => {
          const step = place + data.start;
          if (v === null || step < from - 1 || step > to) { down = false; return; }
          down ? pen.lineTo(x(step), y(v)) : pen.moveTo(x(step), y(v));
          down = true;
        });
        pen.stroke();
      }
    });
    pen.setLineDash([]); pen.fillStyle = colour("--ink");
    if (values.length) { pen.fillText(high.toPrecision(4), 4, 14); pen.fillText(low.toPrecision(4), 4, height - 4); }
  }
  if (data.divergence !== null) {
    pen.strokeStyle = colour("--bad"); pen.lineWidth = 1.5; pen.setLineDash([5, 2]);
    pen.beginPath(); pen.moveTo(x(data.divergence), 0); pen.lineTo(x(data.divergence), height); pen.stroke();
  }
}
function drawAll() {
  document.getElementById("range").textContent = `steps ${from} to ${to - 1} (dt = ${data.dt})`;
  canvases.forEach((canvas, number) => draw(canvas, data.recordings[number]));
}
function zoom(way) {
  const length = to - from, middle = (from + to) / 2;
  let half = length / 2, centre = middle;
  if (way === "in") half = length / 4;
  if (way === "out") half = length;
  if (way === "left") centre -= length / 2;
  if (way === "right") centre += length / 2;
  if (way === "all") half = data.stop - data.start;
  if (way === "divergence") { centre = data.divergence + .5; half = Math.min(half, 20); }
  const size = Math.min(Math.max(4, Math.round(half * 2)), Math.max(1, data.stop - data.start));
  from = Math.round(Math.min(Math.max(data.start, centre - size / 2), Math.max(data.start, data.stop - size)));
  to = from + size;
  drawAll();
}
document.querySelectorAll("[data-zoom]").forEach(button => button.addEventListener("click", () => zoom(button.dataset.zoom)));
addEventListener("resize", drawAll);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
drawAll();
const body = document.querySelector("#nodes tbody");
document.getElementById("filter").addEventListener("input", event => {
  const wanted = event.target.value.toLowerCase();
  let shown = 0;
  for (const row of body.rows) {
    row.hidden = !row.textContent.toLowerCase().includes(wanted);
    shown += row.hidden ? 0 : 1;
  }
  document.getElementById("shown").textContent = shown + " shown";
});
document.querySelectorAll("#nodes thead button").forEach((button, column) => button.addEventListener("click", () => {
  const head = button.parentElement, down = head.getAttribute("aria-sort") === "ascending";
  document.querySelectorAll("#nodes thead th").forEach(th => th.setAttribute("aria-sort", "none"));
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const text = row => row.cells[column].textContent;
  const order = (a, b) => text(a).localeCompare(text(b), "en", {numeric: true}) * (down ? -1 : 1);
  [...body.rows].sort(order).forEach(row => body.append(row));
}));
