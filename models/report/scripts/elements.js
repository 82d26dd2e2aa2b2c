// Makes elements. Other people's text enters the page as text only.
function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

function byId(id) {
  return document.getElementById(id);
}

// As models/report/name_wrapping.py: a line ends after a separator, and within a piece only where it is too long for a column.
const longestPiece = 17;
function named(element, name) {
  const pieces = name.match(/[^/_.\\-]*[/_.\\-]+|[^/_.\\-]+/g) ?? [];
  for (const piece of pieces) {
    if (element.hasChildNodes()) element.append(document.createElement("wbr"));
    element.append([...piece].length > longestPiece ? make("span", "long", piece) : piece);
  }
  return element;
}

function percent(fraction, digits = 0) {
  return `${(100 * fraction).toFixed(digits)}%`;
}

function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function choice(value, text, selected = false) {
  return new Option(text, value, selected, selected);
}

function isTyping(target) {
  return target instanceof Element && target.closest("input, select, textarea") !== null;
}
