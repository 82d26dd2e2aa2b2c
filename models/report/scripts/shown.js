// The images that the page shows, and their pictures.
const shown = JSON.parse(byId("shown").textContent);
const images = shown.images.map(([id, split, label, read, truth, top, group, suggested], number) => ({
  number, id, split, label, read, truth, top, group, suggested,
  confidence: top[0][1],
  isMistake: label !== read,
}));
const classNames = shown.classes;

const sheets = shown.sheets.addresses.map((address) => {
  const sheet = new Image();
  sheet.src = address;
  return { sheet, ready: sheet.decode() };
});

function describe(image) {
  const name = `image of class ${classNames[image.label]}`;
  return image.isMistake ? `${name}, read as ${classNames[image.read]}` : name;
}

// The tile is drawn, and never read back: browsers that guard against fingerprinting would add noise.
function tile(image) {
  const { height, width, columns, tiles } = shown.sheets;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", describe(image));
  const { sheet, ready } = sheets[Math.floor(image.number / tiles)];
  const place = image.number % tiles;
  const left = (place % columns) * width;
  const top = Math.floor(place / columns) * height;
  ready.then(() => canvas.getContext("2d").drawImage(sheet, left, top, width, height, 0, 0, width, height));
  return canvas;
}

function picture(image) {
  const address = shown.whole[image.number];
  if (address === undefined) return tile(image);
  const element = document.createElement("img");
  element.src = address;
  element.alt = describe(image);
  return element;
}
