// Sorts and searches tables. The page reads as well without it; it asks nothing of the network.
"use strict";
for (const box of document.querySelectorAll(".table")) {
  const table = box.querySelector("table");
  if (!table?.tHead || table.matches(".heat, .fixed") || box.dataset.ready) continue; // in JupyterLab each table brings the script along
  box.dataset.ready = "yes";
  const body = table.tBodies[0], rest = table.tBodies[1];
  const shown = body.rows.length, rows = [...table.tBodies].flatMap((part) => [...part.rows]);
  if (rows.length < 3) continue;
  const order = new Map(rows.map((row, i) => [row, i]));
  let column = -1, up = true, words = "", all = false;
  const tools = document.createElement("p"), said = document.createElement("span");
  tools.className = "tools";
  said.setAttribute("role", "status");
  const number = (text) => {
    const month = /^([A-Z][a-z]{2}) (?:(\d{1,2}), )?(\d{4})$/.exec(text.trim());
    if (month) return Date.parse(`${month[1]} ${month[2] ?? 1}, ${month[3]} UTC`);
    const bare = text.replace(/[$,%\s]|pts?$/g, "").replace("−", "-");
    return bare !== "" && bare !== "–" && isFinite(bare) ? Number(bare) : null;
  };
  const compare = (a, b) => {
    const x = a.cells[column].textContent, y = b.cells[column].textContent, m = number(x), n = number(y);
    const empty = (x.trim() === "" || x === "–") - (y.trim() === "" || y === "–");
    if (empty) return empty; // cells without a value stay last
    const by = m !== null && n !== null ? m - n : x.localeCompare(y, "en", { numeric: true });
    return (up ? by : -by) || order.get(a) - order.get(b);
  };
  const draw = () => {
    const sorted = column < 0 ? rows : [...rows].sort(compare);
    const fit = sorted.filter((row) => row.textContent.toLowerCase().includes(words));
    const visible = new Set(words || all ? fit : fit.slice(0, shown));
    for (const row of sorted) { row.hidden = !visible.has(row); body.append(row); }
    if (rest) rest.remove();
    said.textContent = words || all || column >= 0 ? ` ${visible.size} of ${rows.length} rows` : "";
  };
  [...table.tHead.rows[0].cells].forEach((head, i) => {
    if (!head.textContent.trim()) return; // a button without a name says nothing to a screen reader
    const label = document.createElement("span"); // browsers drop buttons from headings that are repeated in print
    label.dataset.sort = "";
    label.tabIndex = 0;
    label.setAttribute("role", "button");
    label.append(...head.childNodes);
    head.append(label);
    const sort = () => {
      up = column === i ? !up : !head.classList.contains("n"); // numbers begin with the largest
      column = i;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      draw();
    };
    label.addEventListener("click", sort);
    label.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(); }
    });
  });
  if (rows.length > 7) {
    const label = document.createElement("label"), field = document.createElement("input");
    field.type = "search";
    field.placeholder = "Search this table";
    field.setAttribute("aria-label", "Search this table");
    label.append(field);
    field.addEventListener("input", () => { words = field.value.trim().toLowerCase(); draw(); });
    tools.append(label);
  }
  if (rest) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `Show ${rows.length} rows`;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => { all = !all; button.setAttribute("aria-pressed", String(all)); draw(); });
    tools.append(button);
  }
  tools.append(said);
  box.before(tools);
}
