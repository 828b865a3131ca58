"use strict";

let parsed; // megabytes, where there are thousands of records: read when the first row is opened
const about = (row) => (parsed ??= JSON.parse(document.getElementById("provenance").textContent))[row.id];
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

function shown(key, text) {
  const described = key === "environment" && "environment-" + text.split(" ").pop();
  if (described && document.getElementById(described)) {
    const link = element("a", "", text);
    link.href = "#" + described;
    return link;
  }
  return text.includes("\n") ? element("pre", "", text) : text;
}

function facts(pairs) {
  const list = element("dl", "facts");
  for (const [key, value] of Object.entries(pairs)) {
    const entry = element("dd");
    entry.append(shown(key, printed(value)));
    list.append(element("dt", "", key), entry);
  }
  return list;
}

function provenanceRow(row) {
  const { config, records } = about(row);
  const line = element("tr", "provenance");
  line.id = row.id + "-provenance";
  const cell = line.appendChild(element("td"));
  cell.colSpan = row.cells.length;
  const inner = cell.appendChild(element("div", "inner"));
  for (const record of records) {
    const part = inner.appendChild(element("section", "number-" + record.column));
    part.append(element("h3", "", record.measure.replaceAll("_", " ")), facts(record.facts));
    if (Object.keys(record.details).length) {
      const more = part.appendChild(element("details"));
      more.append(element("summary", "", "details"), facts(record.details));
    }
  }
  const subject = element("section");
  subject.append(element("h3", "", "what was measured"), facts(config));
  inner.prepend(subject);
  return line;
}

function openRow(row, wanted) {
  const button = row.querySelector(".open");
  let below = document.getElementById(row.id + "-provenance");
  if (!below) {
    below = provenanceRow(row);
    row.after(below);
    button.setAttribute("aria-controls", below.id);
  }
  below.hidden = !wanted;
  button.setAttribute("aria-expanded", String(wanted));
  return below;
}

function toggle(row) {
  openRow(row, row.querySelector(".open").getAttribute("aria-expanded") !== "true");
}

/* A click on a number opens its row and shows which of the row's numbers was meant. */
function tell(cell) {
  const below = openRow(cell.parentElement, true);
  for (const part of below.querySelectorAll(".asked")) part.classList.remove("asked");
  const columns = [...cell.parentElement.querySelectorAll("td.number, td.none")];
  const part = below.querySelector(".number-" + columns.indexOf(cell));
  part.classList.add("asked");
  part.scrollIntoView({ block: "nearest" });
}

/* Sorting: rows without a value stay last, whichever way; opened provenance travels with its row. */

function key(row, column) {
  const cell = row.cells[column];
  if (!cell.matches(".number, .none")) return cell.textContent.trim();
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

/* Filters: rows that hold every word, and have what was chosen. */

function filter(tools) {
  const words = tools.querySelector("input").value.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = [...tools.querySelectorAll("select")].filter((select) => select.selectedIndex > 0);
  const rows = [...document.querySelectorAll("#" + tools.dataset.table + " > tbody > tr.row")];
  let count = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    const has = (select) => row.cells[select.dataset.column].textContent.trim() === select.value;
    row.hidden = !(words.every((word) => text.includes(word)) && chosen.every(has));
    count += row.hidden ? 0 : 1;
    const below = document.getElementById(row.id + "-provenance");
    if (below) below.hidden = row.hidden || row.querySelector(".open").getAttribute("aria-expanded") !== "true";
  }
  tools.querySelector(".shown").textContent =
    count === rows.length ? `${count} rows` : `${count} of ${rows.length} rows`;
}

function unfilter(row) {
  const tools = document.querySelector(`.tools[data-table="${row.closest("table").id}"]`);
  tools.querySelector("input").value = "";
  for (const select of tools.querySelectorAll("select")) select.selectedIndex = 0;
  filter(tools);
}

function switchTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) {
    if (button.classList.contains("sort")) sort(button.closest("th"));
    if (button.classList.contains("open")) toggle(button.closest("tr"));
    if (button.id === "theme") switchTheme();
    return;
  }
  const cell = event.target.closest("tr.row > td.number");
  if (cell && !event.target.closest("a") && getSelection().isCollapsed) tell(cell); // who selects text wants to copy it
});
for (const kind of ["input", "change"]) {
  document.addEventListener(kind, (event) => {
    if (event.target.classList.contains("filter")) filter(event.target.closest(".tools"));
  });
}

// A link may lead to a row, which then opens, or into something closed.
function arrive() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target.matches("tr.row")) {
    if (target.hidden) unfilter(target);
    openRow(target, true);
    target.querySelector(".open").focus({ preventScroll: true });
    target.scrollIntoView();
  }
  const around = target.closest("details");
  if (around && !around.open) {
    around.open = true;
    target.scrollIntoView();
  }
}
addEventListener("hashchange", arrive);
arrive();
