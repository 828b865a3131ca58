/* Values of plots on hover and focus, arrow keys between them, and one series at a time. */
{
  const tip = document.body.appendChild(element("div", "tip"));
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true"); // each mark's own label says the same

  const show = (mark) => {
    tip.textContent = mark.getAttribute("aria-label");
    tip.hidden = false;
    const at = mark.querySelector("use, .dot").getBoundingClientRect();
    const left = Math.min(at.left + at.width / 2 - tip.offsetWidth / 2, innerWidth - tip.offsetWidth - 8);
    const above = at.top - tip.offsetHeight - 10;
    tip.style.left = `${Math.max(8, left) + scrollX}px`;
    tip.style.top = `${(above > 0 ? above : at.bottom + 10) + scrollY}px`;
  };
  const markOf = (event) => event.target.closest && event.target.closest(".mark");
  for (const kind of ["pointerover", "focusin"]) {
    document.addEventListener(kind, (event) => {
      const mark = markOf(event);
      if (mark) show(mark);
      else if (kind === "pointerover") tip.hidden = true;
    });
  }
  document.addEventListener("focusout", () => (tip.hidden = true));

  // A finger does not hover: its first tap tells, its second one leads to the row.
  let tapped = null;
  document.addEventListener("click", (event) => {
    const mark = markOf(event);
    if (!mark || event.pointerType !== "touch" || mark === tapped) return;
    event.preventDefault();
    tapped = mark;
    show(mark);
  });

  // One stop for the tab key in each plot: its marks may be hundreds.
  for (const plot of document.querySelectorAll("figure > svg")) {
    [...plot.querySelectorAll(".mark")].forEach((mark, index) => mark.setAttribute("tabindex", index ? "-1" : "0"));
  }
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };
  document.addEventListener("keydown", (event) => {
    const mark = markOf(event);
    if (event.key === "Escape") tip.hidden = true;
    if (!mark || !(event.key in steps)) return;
    event.preventDefault();
    const marks = [...mark.closest("svg").querySelectorAll(".series:not(.faded) .mark")];
    const place = Math.max(0, Math.min(marks.length - 1, marks.indexOf(mark) + steps[event.key]));
    mark.setAttribute("tabindex", "-1");
    marks[place].setAttribute("tabindex", "0");
    marks[place].focus();
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".pick");
    if (!button) return;
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    const figure = button.closest("figure");
    const picks = [...figure.querySelectorAll(".pick")].map((pick) => pick.getAttribute("aria-pressed") === "true");
    const series = [...figure.querySelectorAll(".series")];
    series.forEach((one, index) => one.classList.toggle("faded", picks.includes(true) && !picks[index]));
    const reachable = figure.querySelectorAll(".series:not(.faded) .mark");
    for (const mark of figure.querySelectorAll(".mark")) mark.setAttribute("tabindex", "-1");
    reachable[0].setAttribute("tabindex", "0");
  });
}
