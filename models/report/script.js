"use strict";
// Opens the images behind a cell of the confusion matrix. Text enters the page as text only.
const examples = JSON.parse(document.getElementById("examples").textContent);
const panel = document.getElementById("cell");

function line(className, text) {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = text;
  return element;
}

// As models/report/names.py: a line ends after a separator, and within a piece only where it is too long for a column.
const longest = 17;
function named(element, name) {
  const pieces = name.match(/[^/_.\\-]*[/_.\\-]+|[^/_.\\-]+/g) ?? [];
  for (const piece of pieces) {
    if (element.hasChildNodes()) element.append(document.createElement("wbr"));
    element.append([...piece].length > longest ? line("long", piece) : piece);
  }
  return element;
}

function card([label, predicted, id, confidence, image]) {
  const figure = document.createElement("figure");
  figure.className = "card";
  const picture = document.createElement("img");
  picture.src = image;
  picture.alt = `image of class ${label}`;
  const caption = document.createElement("figcaption");
  const path = named(line("path", ""), id);
  path.title = id;
  caption.append(line("sure", `${Math.round(100 * confidence)}% sure`), path);
  figure.append(picture, caption);
  return figure;
}

function open(button) {
  const { true: label, predicted } = button.dataset;
  for (const other of document.querySelectorAll(".matrix button")) {
    other.setAttribute("aria-pressed", String(other === button));
  }
  const shown = examples.filter((example) => example[0] === label && example[1] === predicted);
  const heading = document.createElement("p");
  const count = Number(button.textContent);
  const part = shown.length < count ? `, the ${shown.length} worst` : "";
  heading.append(line("true", label), " read as ", line("wrong", predicted), `: ${count} image${count === 1 ? "" : "s"}${part}`);
  const cards = document.createElement("div");
  cards.className = "cards";
  cards.append(...shown.map(card));
  panel.replaceChildren(heading, cards);
}

for (const button of document.querySelectorAll(".matrix button")) {
  button.addEventListener("click", () => open(button));
}
const first = document.querySelector(".matrix button[data-opened]");
if (first) open(first);
