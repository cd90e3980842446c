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
  const order = (a, b) => (text(a) === "") - (text(b) === "") || text(a).localeCompare(text(b), "en", {numeric: true}) * (down ? -1 : 1);
  [...body.rows].sort(order).forEach(row => body.append(row));
}));
const places = new Map(figures.map(({figure, own}) => [own.key, figure]));
for (const row of body.rows) {
  const cell = row.cells[1], figure = places.get(cell.textContent);
  if (!figure) continue;
  const link = document.createElement("a");
  link.href = "#" + figure.id;
  link.textContent = cell.textContent;
  cell.replaceChildren(link);
}
document.querySelectorAll("#network-picture [data-node]").forEach(box => {
  const figure = places.get(box.dataset.node);
  if (!figure) return;
  box.style.cursor = "pointer";
  box.addEventListener("click", () => figure.scrollIntoView());
});
