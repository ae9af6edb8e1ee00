// What HTML alone cannot do: copy to the clipboard, close open menus, tick a whole list, choose the format that a URL
// proposes, show a failed boosted page.
// Everything works without this file.
"use strict";

function reveal(root) {
  for (const button of root.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
  for (const label of root.querySelectorAll("[data-select-all]")) label.hidden = false;
  for (const button of root.querySelectorAll("[data-choose]")) button.hidden = false;
}

async function copy(button) {
  const text = button.parentElement.querySelector("pre, code").textContent;
  await navigator.clipboard.writeText(text);
  const label = button.querySelector("span");
  const before = label.textContent;
  if (before === button.dataset.copy) return;
  label.textContent = button.dataset.copy;
  setTimeout(() => {
    label.textContent = before;
  }, 2000);
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.switcher[open], details.more[open]")) {
    if (!menu.contains(except)) menu.open = false;
  }
}

// The format of a URL's service, as a click or, until a person has chosen one, by itself.
function choose(button) {
  const radio = document.querySelector(`[name="format"][value="${button.dataset.choose}"]`);
  if (!radio) return;
  radio.checked = true;
  radio.dispatchEvent(new Event("change", { bubbles: true }));
  if (button === document.activeElement) radio.focus(); // the button goes
}

function propose(root) {
  const button = root.querySelector("[data-choose]");
  if (button && !document.querySelector("#id_format[data-chosen]")) choose(button);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
  const proposal = event.target.closest("[data-choose]");
  if (proposal) choose(proposal);
  closeMenus(event.target);
});

document.addEventListener("change", (event) => {
  if (event.isTrusted && event.target.name === "format") event.target.closest("fieldset").dataset.chosen = "";
  const form = event.target.closest(".selection");
  if (!form) return;
  const all = form.querySelector("[data-select-all] input");
  const boxes = [...form.querySelectorAll(".pick input:enabled")];
  if (event.target === all) for (const box of boxes) box.checked = all.checked;
  const chosen = boxes.filter((box) => box.checked).length;
  all.checked = chosen === boxes.length;
  all.indeterminate = chosen > 0 && chosen < boxes.length;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.activeElement.closest("details.switcher[open], details.more[open]");
  closeMenus(null);
  if (menu) menu.querySelector("summary").focus();
});

document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.boosted) location.href = event.detail.pathInfo.requestPath;
});

// A menu whose button has done its work closes.
document.addEventListener("htmx:afterRequest", (event) => {
  const menu = event.target.closest("details.more[open]");
  if (!menu) return;
  const within = menu.contains(document.activeElement) || document.activeElement === document.body;
  menu.open = false;
  if (within) menu.querySelector("summary").focus();
});

// What was to be said after a change, when nothing came back.
for (const failure of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(failure, (event) => {
    const said = document.getElementById("said");
    if (said && !event.detail.boosted) said.textContent = document.body.dataset.failed;
  });
}

document.addEventListener("htmx:load", (event) => {
  reveal(event.detail.elt);
  if (event.detail.elt.closest("#advice")) propose(event.detail.elt);
});
reveal(document);
