// The filters and the order of the images.
function matches(image, wanted) {
  const { verdict } = wanted;
  if (verdict === "mistakes" && !image.isMistake) return false;
  if (verdict === "right" && image.isMistake) return false;
  if (verdict === "suspects" && image.suggested === null) return false;
  if (verdict === "marked" && !marks.has(image.id)) return false;
  if (wanted.split !== "" && image.split !== Number(wanted.split)) return false;
  if (wanted.true !== "" && image.label !== Number(wanted.true)) return false;
  if (wanted.read !== "" && image.read !== Number(wanted.read)) return false;
  if (wanted.group !== "" && image.group !== wanted.group.slice(1)) return false;
  if (100 * image.confidence < Number(wanted.least || 0) || 100 * image.confidence > Number(wanted.most || 100)) return false;
  return image.id.toLowerCase().includes(wanted.path.toLowerCase());
}

const orders = {
  truth: (one, other) => one.truth - other.truth,
  sure: (one, other) => other.confidence - one.confidence,
  unsure: (one, other) => one.confidence - other.confidence,
  path: () => 0,
};

function sorted(list, order) {
  return list.toSorted((one, other) => orders[order](one, other) || (one.id < other.id ? -1 : 1));
}

let found = [];

function showGallery() {
  const wanted = Object.fromEntries(new FormData(byId("filters")));
  found = sorted(images.filter((image) => matches(image, wanted)), wanted.order);
  byId("gallery").replaceChildren();
  byId("found").textContent = `${found.length} of the ${images.length} images on this page.`;
  growGallery();
}

function growGallery() {
  const box = byId("gallery");
  const have = box.childElementCount;
  box.append(...found.slice(have, have + atOnce).map(card));
  byId("more").hidden = box.childElementCount >= found.length;
  startDeck(box);
}

function startGallery() {
  const form = byId("filters");
  const { split, true: label, read, group } = form.elements;
  const any = () => choice("", "any");
  const splits = [...new Set(images.map((image) => image.split))].sort();
  split.append(any(), ...splits.map((number) => choice(number, shown.splits[number], number === shown.split)));
  for (const field of [label, read]) field.append(any(), ...classNames.map((name, number) => choice(number, name)));
  const groups = [...new Set(images.map((image) => image.group).filter((name) => name !== null))].sort();
  group.append(any(), ...groups.map((name) => choice(`=${name}`, name)));
  form.querySelector(".group").hidden = groups.length === 0;
  byId("nothing")?.remove();
  form.addEventListener("input", showGallery);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(showGallery));
  byId("more").addEventListener("click", growGallery);
  showGallery();
}
