"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const MOST_AT_FIRST = 200, LEFT = 64, BELOW = 18, FADED = 0.3;
const last = Math.max(data.stop, data.start + 1), range = document.getElementById("range"), reading = document.getElementById("reading");
let from = data.start, to = last, cursor = data.divergence;
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name);
const side = number => colour("--side" + (number % 4));
const marked = own => own.spot === null ? 0 : own.spot;
const figures = data.recordings.map((own, number) => {
  const figure = document.createElement("figure"), title = document.createElement("h3"), canvas = document.createElement("canvas");
  const shown = own.neurons.length, part = shown < own.total ? `, ${shown} of ${own.total} neurons` : "";
  title.textContent = own.key + part + (own.diverges ? " (first divergence)" : "");
  figure.id = "plot-" + number;
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "Recording " + title.textContent);
  canvas.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = {"+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", "0": "all"}[event.key];
    if (!way) return;
    if (event.shiftKey && event.key.startsWith("Arrow")) point(own, (cursor ?? from) + (way === "left" ? -1 : 1));
    else zoom(way);
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", event => point(own, stepAt(canvas, event.offsetX)));
  canvas.addEventListener("pointerdown", event => point(own, stepAt(canvas, event.offsetX)));
  figure.append(title, canvas);
  document.getElementById("plots").append(figure);
  return {figure, canvas, own};
});
data.sides.forEach((name, number) => {
  const mark = document.createElement("span");
  mark.textContent = "\u25a0 " + name;
  mark.style.color = `var(--side${number % 4})`;
  document.getElementById("legend").append(mark, "  ");
});
function stepAt(canvas, x) {
  return from + Math.floor((x - LEFT) / Math.max(1, canvas.clientWidth - LEFT) * (to - from));
}
function point(own, step) {
  cursor = clamp(step, data.start, last - 1);
  if (cursor < from || cursor >= to) { const size = to - from; from = clamp(cursor - (size >> 1), data.start, last - size); to = from + size; }
  const texts = data.sides.flatMap((name, number) => {
    const values = own.data[number];
    if (!values) return [];
    const at = values[marked(own)], spiking = own.raster ? own.neurons.filter((_, row) => values[row].includes(cursor)) : [];
    if (own.raster) return `${name}: ${spiking.length ? "spikes of " + spiking.slice(0, 8).join(" ") + (spiking.length > 8 ? " ..." : "") : "silent"}`;
    return at ? `${name}: ${at[cursor - data.start] ?? "not finite"}` : [];
  });
  const neuron = own.raster || !own.neurons.length ? "" : `, neuron ${own.neurons[marked(own)]}`;
  reading.textContent = `step ${cursor}, ${own.key}${neuron}: ${texts.join("; ")}`;
  drawAll();
}
function draw({canvas, own}) {
  const ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = width * ratio; canvas.height = height * ratio;
  const pen = canvas.getContext("2d"), wide = width - LEFT, high = height - BELOW;
  pen.scale(ratio, ratio);
  pen.font = "12px sans-serif";
  const x = step => LEFT + (step - from + .5) / (to - from) * wide;
  const upright = (step, name, dash) => {
    if (step === null || step < from || step >= to) return;
    pen.strokeStyle = colour(name); pen.lineWidth = 1.5; pen.setLineDash(dash);
    pen.beginPath(); pen.moveTo(x(step), 0); pen.lineTo(x(step), high); pen.stroke(); pen.setLineDash([]);
  };
  axes(pen, own, x, wide, high);
  pen.save(); pen.beginPath(); pen.rect(LEFT, 0, wide, high); pen.clip();
  (own.raster ? raster : lines)(pen, own, x, wide, high);
  upright(cursor, "--edge", []);
  upright(data.divergence, "--bad", [5, 2]);
  pen.restore();
}
function axes(pen, own, x, wide, high) {
  pen.fillStyle = colour("--soft"); pen.strokeStyle = colour("--edge"); pen.lineWidth = 1;
  pen.strokeRect(LEFT + .5, .5, wide - 1, high - 1);
  pen.textAlign = "right";
  if (own.neurons.length) {
    const [low, top] = own.raster ? [own.neurons[0], own.neurons.at(-1)] : ends(own).map(v => v.toPrecision(4));
    pen.fillText(top, LEFT - 4, 12);
    if (low !== top) pen.fillText(low, LEFT - 4, high - 2);
  }
  const room = (to - from) / Math.max(2, Math.floor(wide / 90)), power = 10 ** Math.floor(Math.log10(room));
  const every = Math.max(1, [1, 2, 5, 10].find(n => n * power >= room) * power);
  pen.textAlign = "center";
  for (let step = Math.ceil(from / every) * every; step < to; step += every) {
    pen.beginPath(); pen.moveTo(x(step), high); pen.lineTo(x(step), high + 3); pen.stroke();
    pen.fillText(step, clamp(x(step), LEFT + 8, LEFT + wide - 12), high + 14);
  }
}
function ends(own) {
  if (!own.ends) {
    let low = Infinity, top = -Infinity;
    for (const v of own.data.flat(3)) if (v !== null) { low = Math.min(low, v); top = Math.max(top, v); }
    own.ends = low <= top ? [low, top] : [0, 0];
  }
  return own.ends;
}
function raster(pen, own, x, wide, high) {
  const sides = data.sides.length, row = high / Math.max(1, own.neurons.length);
  if (own.spot !== null) {
    pen.fillStyle = colour("--band"); pen.fillRect(LEFT, high - row * (own.spot + 1), wide, row);
  }
  own.data.forEach((neurons, number) => {
    pen.fillStyle = side(number);
    (neurons || []).forEach((events, neuron) => {
      for (const step of events) {
        if (step >= from && step < to)
          pen.fillRect(x(step) - 1, high - row * (neuron + 1) + row * number / sides, Math.max(2, wide / (to - from) / 3), Math.max(1, row / sides * .9));
      }
    });
  });
}
function lines(pen, own, x, wide, high) {
  const [low, top] = ends(own), y = v => high - 6 - (top > low ? (v - low) / (top - low) : .5) * (high - 12);
  const paint = (values, number, strong) => {
    pen.strokeStyle = side(number); pen.globalAlpha = strong ? 1 : FADED;
    pen.lineWidth = strong ? (number ? 1.6 : 3) : 1; pen.setLineDash(strong && number ? [5, 3] : []);
    pen.beginPath();
    let down = false;
    for (let step = Math.max(data.start, from - 1); step < Math.min(last, to + 1); step++) {
      const v = values[step - data.start];
      if (v === null || v === undefined) { down = false; continue; }
      if (down) pen.lineTo(x(step), y(v)); else { pen.moveTo(x(step), y(v)); pen.lineTo(x(step) + .5, y(v)); }
      down = true;
    }
    pen.stroke();
  };
  for (const strong of [false, true])
    own.data.forEach((side, number) => (side || []).forEach((values, row) => { if ((row === marked(own)) === strong) paint(values, number, strong); }));
  pen.globalAlpha = 1; pen.setLineDash([]);
}
function drawAll() {
  range.textContent = `steps ${from} to ${to - 1} (dt = ${data.dt})`;
  figures.forEach(own => { own.drawn = false; });
  drawSeen();
}
function drawSeen() {
  for (const own of figures) {
    const {top, bottom} = own.figure.getBoundingClientRect();
    if (own.drawn || bottom < -innerHeight || top > 2 * innerHeight) continue;
    draw(own);
    own.drawn = true;
  }
}
function show(centre, length) {
  const size = clamp(Math.round(length), Math.min(4, last - data.start), last - data.start);
  from = clamp(Math.round(centre - size / 2), data.start, last - size);
  to = from + size;
  drawAll();
}
function zoom(way) {
  const length = to - from, middle = (from + to) / 2;
  if (way === "in") show(middle, length / 2);
  if (way === "out") show(middle, length * 2);
  if (way === "left") show(middle - length / 2, length);
  if (way === "right") show(middle + length / 2, length);
  if (way === "all") show(middle, last - data.start);
  if (way === "divergence") show(data.divergence + .5, Math.min(length, 40));
}
document.querySelectorAll("[data-zoom]").forEach(button => button.addEventListener("click", () => zoom(button.dataset.zoom)));
addEventListener("resize", drawAll);
addEventListener("scroll", drawSeen, {passive: true});
addEventListener("beforeprint", () => figures.forEach(draw));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
const spot = data.recordings.find(own => own.diverges);
show(data.divergence ?? data.start, data.divergence === null ? last - data.start : MOST_AT_FIRST);
if (spot) point(spot, data.divergence);
