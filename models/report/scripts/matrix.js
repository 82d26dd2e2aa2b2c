// Opens the images behind a cell of the confusion matrix.
function openCell(button) {
  const label = classNames.indexOf(button.dataset.true);
  const read = classNames.indexOf(button.dataset.predicted);
  for (const other of document.querySelectorAll(".cellbutton")) other.setAttribute("aria-pressed", String(other === button));
  const list = images.filter((image) => image.split === shown.split && image.label === label && image.read === read);
  const count = Number(button.dataset.count);
  const part = list.length < count ? `, ${list.length} of them here` : "";
  const heading = make("p", "", make("span", "true", classNames[label]), " read as ", make("span", "wrong", classNames[read]));
  heading.append(`: ${counted(count, "image")}${part}`);
  fillPanel(byId("cell"), heading, sorted(list, "truth"));
}

function startMatrix() {
  const buttons = document.querySelectorAll(".cellbutton");
  for (const button of buttons) button.addEventListener("click", () => openCell(button));
  const first = document.querySelector(".cellbutton[data-opened]");
  if (first) openCell(first);
}
