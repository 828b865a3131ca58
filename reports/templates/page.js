"use strict";

const provenance = JSON.parse(document.getElementById("provenance").textContent);
const collator = new Intl.Collator("en", { numeric: true });

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text; // text, never markup: names come from files
  return made;
}

/* Provenance: the row below a row, made when it is first opened. */

function printed(value) {
  if (value === null || typeof value !== "object") return String(value);
  const line = JSON.stringify(value);
  return line.length < 60 ? line : JSON.stringify(value, null, 1);
}

function facts(pairs) {
  const list = element("dl", "facts");
  for (const [key, value] of Object.entries(pairs)) {
    const text = printed(value);
    const entry = element("dd");
    entry.append(text.includes("\n") ? element("pre", "", text) : text);
    list.append(element("dt", "", key), entry);
  }
  return list;
}

function provenanceRow(row) {
  const about = provenance[row.id];
  const line = element("tr", "provenance");
  line.id = row.id + "-provenance";
  const cell = line.appendChild(element("td"));
  cell.colSpan = row.cells.length;
  const inner = cell.appendChild(element("div", "inner"));
  const config = inner.appendChild(element("section"));
  config.append(element("h3", "", "what was measured"), facts(about.config));
  for (const record of about.records) {
    const part = inner.appendChild(element("section"));
    part.append(element("h3", "", record.measure.replaceAll("_", " ")), facts(record.facts));
    if (Object.keys(record.details).length) {
      const more = part.appendChild(element("details"));
      more.append(element("summary", "", "details"), facts(record.details));
    }
  }
  return line;
}

function toggle(button) {
  const row = button.closest("tr");
  let below = document.getElementById(row.id + "-provenance");
  if (!below) {
    below = provenanceRow(row);
    row.after(below);
    button.setAttribute("aria-controls", below.id);
  } else {
    below.hidden = !below.hidden;
  }
  button.setAttribute("aria-expanded", String(!below.hidden));
}

/* Sorting: rows without a value stay last, whichever way; opened provenance travels with its row. */

function key(row, column) {
  const cell = row.cells[column];
  if (!cell.classList.contains("number")) return cell.textContent.trim();
  return cell.dataset.sort === undefined ? null : Number(cell.dataset.sort);
}

function order(a, b) {
  if (a === null || b === null) return 0;
  return typeof a === "number" ? a - b : collator.compare(a, b);
}

function sort(header) {
  const table = header.closest("table");
  const column = header.cellIndex;
  const way = header.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", way);
  const sign = way === "ascending" ? 1 : -1;
  const rows = [...table.querySelectorAll("tbody > tr.row")].map((row) => ({ row, key: key(row, column) }));
  rows.sort((a, b) => (a.key === null) - (b.key === null) || sign * order(a.key, b.key));
  const body = document.createDocumentFragment();
  for (const { row } of rows) {
    const below = document.getElementById(row.id + "-provenance");
    body.append(row);
    if (below) body.append(below);
  }
  table.tBodies[0].append(body);
  table.classList.add("sorted"); // the lines between tasks mean nothing any more
}

/* Filter: rows that hold every word. */

function filter(input) {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [...document.querySelectorAll("#" + input.dataset.table + " > tbody > tr.row")];
  let shown = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
    shown += row.hidden ? 0 : 1;
    const below = document.getElementById(row.id + "-provenance");
    if (below) below.hidden = row.hidden || row.querySelector(".open").getAttribute("aria-expanded") !== "true";
  }
  input.closest(".tools").querySelector(".shown").textContent =
    shown === rows.length ? `${shown} rows` : `${shown} of ${rows.length} rows`;
}

function switchTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.classList.contains("sort")) sort(button.closest("th"));
  if (button.classList.contains("open")) toggle(button);
  if (button.id === "theme") switchTheme();
});
document.addEventListener("input", (event) => {
  if (event.target.classList.contains("filter")) filter(event.target);
});
// A footnote or a row may lie in something closed when a link leads there.
addEventListener("hashchange", () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const around = target && target.closest("details");
  if (around && !around.open) {
    around.open = true;
    target.scrollIntoView();
  }
});
