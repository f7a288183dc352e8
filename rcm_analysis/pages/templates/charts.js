// Values of charts under the pointer or by arrow keys. Each drawing reads as well without it.
for (const figure of document.querySelectorAll("figure[data-tips]")) {
  const tip = document.createElement("div"), drawings = [...figure.querySelectorAll("svg")];
  let at = -1;
  tip.className = "tip";
  tip.setAttribute("role", "status");
  figure.append(tip);
  const points = () => [...(drawings.find((one) => one.getClientRects().length) ?? drawings[0]).querySelectorAll(".pt")];
  const clear = () => { for (const one of figure.querySelectorAll(".hit")) one.classList.remove("hit"); tip.textContent = ""; };
  const show = (i) => {
    const all = points();
    if (!all.length) return;
    at = Math.max(0, Math.min(all.length - 1, i));
    const point = all[at], dot = point.getBoundingClientRect(), frame = figure.getBoundingClientRect(), head = document.createElement("b");
    clear();
    point.classList.add("hit");
    head.textContent = point.dataset.x;
    tip.append(head, point.dataset.y);
    const half = tip.offsetWidth / 2, x = dot.left + dot.width / 2 - frame.left;
    tip.style.left = `${Math.max(half, Math.min(frame.width - half, x))}px`;
    tip.style.top = `${dot.top - frame.top}px`;
  };
  figure.tabIndex = 0;
  figure.setAttribute("role", "group");
  figure.setAttribute("aria-label", `${figure.getAttribute("aria-label")}. Arrow keys read the values.`);
  figure.addEventListener("pointermove", (event) => {
    let best = 0, least = Infinity;
    points().forEach((point, i) => {
      const box = point.getBoundingClientRect();
      const away = Math.hypot(box.left + box.width / 2 - event.clientX, (box.top + box.height / 2 - event.clientY) / 3);
      if (away < least) { least = away; best = i; }
    });
    show(best);
  });
  figure.addEventListener("pointerleave", clear);
  figure.addEventListener("blur", clear);
  figure.addEventListener("focus", () => { if (figure.matches(":focus-visible")) show(points().length - 1); });
  figure.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) { event.preventDefault(); show(at + step); } else if (event.key === "Escape") clear();
  });
}

// Claims behind a number: the drawer takes the focus, Esc closes it and gives the focus back.
let opener = null;
addEventListener("click", (event) => { const link = event.target.closest?.('a[href^="#ev-"]'); if (link) opener = link; });
addEventListener("hashchange", () => {
  const open = document.querySelector(".drawer:target");
  if (open) open.focus();
  else if (opener) { opener.focus(); opener = null; }
});
addEventListener("keydown", (event) => { if (event.key === "Escape" && document.querySelector(".drawer:target")) location.hash = "todo"; });
