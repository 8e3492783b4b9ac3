"use strict";
// Sorting and filtering of the table of trials. Without this script the table is complete, only not sortable.
(function () {
  const table = document.getElementById("trials-table");
  if (!table || !table.tBodies[0].rows.length) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const heads = Array.from(table.tHead.rows[0].cells);

  function compare(a, b, down) {
    if (a === "" || b === "") return (a === "") - (b === "");  // missing cells stay last, whichever way
    const x = Number(a), y = Number(b);
    const order = Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
    return down ? -order : order;
  }

  function sortBy(column) {
    const down = heads[column].getAttribute("aria-sort") === "ascending";
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[column].setAttribute("aria-sort", down ? "descending" : "ascending");
    rows.sort((a, b) => compare(a.cells[column].dataset.key, b.cells[column].dataset.key, down));
    body.append(...rows);
  }

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sortBy(column));
    head.replaceChildren(button);
  });

  const input = document.getElementById("trials-filter");
  const count = document.getElementById("trials-count");
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  function filter() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row) => {
      row.hidden = !words.every((word) => texts.get(row).includes(word));
      shown += !row.hidden;
    });
    count.textContent = shown + " of " + rows.length + " rows";
  }
  input.addEventListener("input", filter);
  document.querySelector(".tools").hidden = false;
  filter();
})();
