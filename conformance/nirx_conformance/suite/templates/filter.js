const field = document.getElementById("filter");
if (field) {
  field.parentElement.hidden = false;
  field.addEventListener("input", () => {
    const wanted = field.value.toLowerCase();
    let shown = 0;
    for (const failure of document.querySelectorAll(".failure")) {
      failure.hidden = !failure.textContent.toLowerCase().includes(wanted);
      shown += failure.hidden ? 0 : 1;
    }
    document.getElementById("shown").textContent = shown + " shown";
  });
  addEventListener("hashchange", () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.hidden) {
      target.hidden = false;
      target.scrollIntoView();
    }
  });
}
