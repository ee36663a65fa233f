// Small pictures: a PNG with a palette in place of one with three bytes for each pixel. Chromium decodes, Node encodes.

import { crc32, deflateSync } from 'node:zlib';

/** The pixels of a PNG as `{ width, height, data }`, four bytes each. */
async function decode(browser, png) {
  const page = await browser.newPage();
  const picture = await page.evaluate(async (base64) => {
    const image = await createImageBitmap(await (await fetch('data:image/png;base64,' + base64)).blob());
    const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    let text = '';
    for (let at = 0; at < data.length; at += 0x8000) text += String.fromCharCode(...data.subarray(at, at + 0x8000));
    return { width: image.width, height: image.height, data: btoa(text) };
  }, png.toString('base64'));
  await page.close();
  return { ...picture, data: Buffer.from(picture.data, 'base64') };
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const ends = [Buffer.alloc(4), Buffer.alloc(4)];
  ends[0].writeUInt32BE(data.length);
  ends[1].writeUInt32BE(crc32(body));
  return Buffer.concat([ends[0], body, ends[1]]);
}

/** The same picture, opaque, with at most so many colours, 256 or fewer. */
export async function small(browser, png, colours) {
  const { width, height, data } = await decode(browser, png);
  const counts = new Map();
  for (let at = 0; at < data.length; at += 4) {
    const colour = data.readUIntBE(at, 3);
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const parts = (colour) => [colour >> 16, (colour >> 8) & 255, colour & 255];
  // The commonest colour, then again and again the one whose pixels are farthest from the palette so far, all together.
  const all = [...counts].map(([colour, count]) => ({ colour, count, parts: parts(colour), distance: Infinity, place: 0 }));
  const palette = [];
  let next = all.reduce((one, other) => (other.count > one.count ? other : one));
  while (next && palette.length < colours) {
    palette.push(next.colour);
    const [red, green, blue] = next.parts;
    next = null;
    for (const entry of all) {
      const [r, g, b] = entry.parts;
      const distance = (red - r) ** 2 + (green - g) ** 2 + (blue - b) ** 2;
      if (distance < entry.distance) Object.assign(entry, { distance, place: palette.length - 1 });
      if (entry.distance > 0 && (!next || entry.distance * entry.count > next.distance * next.count)) next = entry;
    }
  }
  const places = new Map(all.map(({ colour, place }) => [colour, place]));
  // One byte before each row says that it is not filtered.
  const rows = Buffer.alloc(height * (width + 1));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = places.get(data.readUIntBE((y * width + x) * 4, 3));
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(palette.flatMap(parts))),
    chunk('IDAT', deflateSync(rows, { level: 9, memLevel: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
