// The dialog with one image at its stored size, what is known of it, and its marks.
let viewed = null;
let viewedList = [];

function openViewer(image, list) {
  viewedList = list;
  view(image);
  const dialog = byId("viewer");
  if (!dialog.open) dialog.showModal();
}

function view(image) {
  viewed = image;
  const title = byId("viewertitle");
  title.replaceChildren();
  if (image.isMistake) {
    title.append(make("span", "true", classNames[image.label]), " read as ", make("span", "wrong", classNames[image.read]));
  } else {
    title.append(classNames[image.label]);
  }
  byId("viewerpath").replaceChildren();
  named(byId("viewerpath"), image.id);
  viewRaw(image);
  const large = picture(image);
  byId("whole").replaceChildren(large);
  const [height, width] = shown.stored;
  const isWhole = !(large instanceof HTMLCanvasElement) || large.height === height;
  byId("resolution").textContent = isWhole ? `${height} x ${width} pixels, as stored` : `shrunk: the page has no room for all ${height} x ${width} pixels`;
  viewFacts(image);
  viewTop(image);
  viewHeat(image);
  viewNear(image);
  viewMark();
  const place = viewedList.indexOf(image);
  byId("place").textContent = `${place + 1} of ${viewedList.length}`;
  byId("previous").disabled = place <= 0;
  byId("next").disabled = place >= viewedList.length - 1;
}

function viewRaw(image) {
  const link = byId("raw");
  link.hidden = shown.raw === null;
  if (shown.raw === null) return;
  link.href = shown.rawOf[image.number] ?? `${shown.raw}/${image.id.split("/").map(encodeURIComponent).join("/")}`;
}

function viewFacts(image) {
  const rows = [["split", shown.splits[image.split]], ["true class", classNames[image.label]], ["read as", classNames[image.read]]];
  rows.push(["probability of the true class", percent(image.truth, 1)]);
  if (image.group !== null) rows.push(["group", image.group]);
  if (image.suggested !== null) rows.push(["doubtful label, perhaps", classNames[image.suggested]]);
  byId("facts").replaceChildren(...rows.flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)]));
}

function viewTop(image) {
  const rows = image.top.map(([label, probability]) => {
    const meter = document.createElement("meter");
    meter.value = probability;
    meter.setAttribute("aria-hidden", "true");
    return make("div", "probable", make("span", "name", classNames[label]), meter, make("span", "", percent(probability, 1)));
  });
  byId("top").replaceChildren(...rows);
}

function viewHeat(image) {
  const button = byId("heat");
  const address = shown.heat[image.number];
  button.disabled = address === undefined;
  byId("heatnote").textContent = address === undefined ? noHeat() : "where the network looked for the class it read";
  const isOn = button.getAttribute("aria-pressed") === "true";
  if (address === undefined || !isOn) return;
  const layer = make("img", "layer");
  layer.src = address;
  layer.alt = "saliency map";
  byId("whole").append(layer);
}

function noHeat() {
  return Object.keys(shown.heat).length ? "none of this image" : "none: the network has no convolution, or trees classify";
}

function viewNear(image) {
  const near = (shown.near[image.number] ?? []).map((number) => images[number]);
  byId("nearbox").hidden = near.length === 0;
  byId("near").replaceChildren(...near.map(card));
  startDeck(byId("near"));
}

function viewMark() {
  const own = marks.get(viewed.id);
  for (const button of document.querySelectorAll("#viewer [data-mark]")) {
    if (button.dataset.mark) button.setAttribute("aria-pressed", String(own?.mark === button.dataset.mark));
  }
  byId("label").value = likelyLabel(viewed);
}

function step(by) {
  const next = viewedList[viewedList.indexOf(viewed) + by];
  if (next) view(next);
}

function toggleHeat() {
  const button = byId("heat");
  if (button.disabled) return;
  button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
  view(viewed);
}

function viewerKey(event) {
  if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("#near") && event.key.startsWith("Arrow")) return; // the deck moves
  if (event.key === "ArrowRight") step(1);
  else if (event.key === "ArrowLeft") step(-1);
  else if (event.key === "s") toggleHeat();
  else if (!event.target.closest("#near") && markByKey(viewed, event.key)) {
    if (event.key === "w") byId("label").focus();
  } else return;
  event.preventDefault();
}

function startViewer() {
  const dialog = byId("viewer");
  byId("label").append(...classNames.map((name) => choice(name, name)));
  byId("close").addEventListener("click", () => dialog.close());
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("heat").addEventListener("click", toggleHeat);
  byId("copypath").addEventListener("click", (event) => copyText(viewed.id, event.currentTarget));
  dialog.addEventListener("keydown", viewerKey);
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // beside it
  });
  for (const button of dialog.querySelectorAll("[data-mark]")) {
    button.addEventListener("click", () => setMark(viewed, button.dataset.mark, button.dataset.mark === "wrong_label" ? byId("label").value : ""));
  }
  byId("label").addEventListener("change", (event) => setMark(viewed, "wrong_label", event.target.value));
  onMark.push(() => viewed && viewMark());
}
