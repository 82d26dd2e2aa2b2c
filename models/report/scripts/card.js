// A card shows one image; a deck of cards is gone through with the keyboard.
function caption(image) {
  const text = make("figcaption");
  const title = make("b");
  if (image.isMistake) {
    const label = named(make("span", "true"), classNames[image.label]);
    title.append(label, " read as ", named(make("span", "wrong"), classNames[image.read]));
  } else {
    named(title, classNames[image.label]);
  }
  const path = named(make("span", "path"), image.id);
  path.title = image.id;
  text.append(title, make("span", "sure", `${percent(image.confidence)} sure`), path);
  return text;
}

function card(image) {
  const figure = make("figure", image.isMistake ? "card mistake" : "card", picture(image), caption(image));
  figure.dataset.image = image.number;
  return figure;
}

function badge(figure) {
  figure.querySelector(".mark")?.remove();
  const words = markInWords(images[figure.dataset.image]);
  if (words) figure.append(make("span", "mark", words));
}

const decks = new Set();

// The figures in `box` open their image; arrows move between them, and keys mark.
function startDeck(box) {
  decks.add(box);
  const figures = [...box.querySelectorAll("figure[data-image]")];
  figures.forEach((figure, place) => {
    figure.tabIndex = place === 0 ? 0 : -1;
    figure.setAttribute("role", "button");
    figure.setAttribute("aria-label", describe(images[figure.dataset.image]));
    badge(figure);
  });
  box.onclick = (event) => {
    const figure = event.target.closest("figure[data-image]");
    if (!figure || !document.getSelection().isCollapsed) return; // a path is being selected
    openFrom(box, figure);
  };
  box.onkeydown = (event) => {
    const figure = event.target.closest("figure[data-image]");
    if (!figure || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") openFrom(box, figure);
    else if (markByKey(images[figure.dataset.image], event.key)) badge(figure);
    else if (!moveFocus(box, figure, event.key)) return;
    event.preventDefault();
  };
}

function openFrom(box, figure) {
  const list = [...box.querySelectorAll("figure[data-image]")].map((one) => images[one.dataset.image]);
  openViewer(images[figure.dataset.image], list);
}

function moveFocus(box, figure, key) {
  const figures = [...box.querySelectorAll("figure[data-image]")];
  const inRow = figures.filter((one) => one.offsetTop === figures[0].offsetTop).length;
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: inRow, ArrowUp: -inRow }[key];
  if (step === undefined) return false;
  const next = figures[figures.indexOf(figure) + step];
  if (next) {
    figure.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
  return true;
}

function markByKey(image, key) {
  if (key === "f") setMark(image, "fine");
  else if (key === "x") setMark(image, "exclude");
  else if (key === "w") setMark(image, "wrong_label", likelyLabel(image));
  else if (key === "u") setMark(image, "");
  else return false;
  return true;
}

function likelyLabel(image) {
  const known = marks.get(image.id)?.label;
  if (known) return known;
  if (image.suggested !== null) return classNames[image.suggested];
  if (image.isMistake) return classNames[image.read];
  return classNames[(image.top[1] ?? [image.label])[0]];
}

function startDecks() {
  for (const box of document.querySelectorAll(".cards")) startDeck(box);
  onMark.push(() => {
    for (const box of decks) {
      if (!box.isConnected) decks.delete(box);
      else for (const figure of box.querySelectorAll("figure[data-image]")) badge(figure);
    }
  });
}

// Fills a panel with a heading and as many cards as are looked at at once.
const atOnce = 60;
function fillPanel(panel, heading, list) {
  const box = make("div", "cards");
  const more = make("button", "more", "Show more");
  more.type = "button";
  const grow = () => {
    const have = box.childElementCount;
    box.append(...list.slice(have, have + atOnce).map(card));
    more.hidden = box.childElementCount >= list.length;
    startDeck(box);
  };
  more.addEventListener("click", grow);
  grow();
  panel.replaceChildren(heading, box, more);
}
