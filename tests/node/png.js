// A picture of a screen in few bytes: PNG with a palette. Screens have few colours; the rarest are drawn in their nearest.
"use strict";

const zlib = require("node:zlib");

// The pixels of a PNG as browsers write it: 8 bits a channel, not interlaced.
function decode(png) {
  const chunks = { IDAT: [] };
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const kind = png.toString("latin1", at + 4, at + 8);
    const data = png.subarray(at + 8, at + 8 + length);
    if (kind === "IDAT") chunks.IDAT.push(data);
    else chunks[kind] = data;
    at += length + 12;
  }
  const [width, height, kind] = [chunks.IHDR.readUInt32BE(0), chunks.IHDR.readUInt32BE(4), chunks.IHDR[9]];
  const size = kind === 6 ? 4 : 3;
  const raw = zlib.inflateSync(Buffer.concat(chunks.IDAT));
  const stride = width * size;
  const pixels = Buffer.alloc(stride * height);
  const paeth = (a, b, c) => {
    const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
    return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
  };
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const left = x >= size ? pixels[y * stride + x - size] : 0;
      const up = y ? pixels[(y - 1) * stride + x] : 0;
      const corner = x >= size && y ? pixels[(y - 1) * stride + x - size] : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
      pixels[y * stride + x] = raw[y * (stride + 1) + 1 + x] + guess;
    }
  }
  return { width, height, size, pixels };
}

// The commonest colours, and for every other one the nearest of these.
function palette({ pixels, size }, most) {
  const counts = new Map();
  const colour = (at) => (pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2];
  for (let at = 0; at < pixels.length; at += size) counts.set(colour(at), (counts.get(colour(at)) ?? 0) + 1);
  const sorted = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a));
  // One of each neighbourhood, so that rare colours are not all of one kind.
  const kept = [];
  const near = (a, b) => ((a >> 16) - (b >> 16)) ** 2 + (((a >> 8) & 255) - ((b >> 8) & 255)) ** 2 + ((a & 255) - (b & 255)) ** 2;
  // What there is most of is drawn as it is.
  for (const one of sorted.slice(0, most / 4)) if (kept.every((other) => near(one, other) >= 12)) kept.push(one);
  for (let apart = 900; kept.length < most && apart >= 30; apart /= 2) {
    for (const one of sorted) {
      if (kept.length < most && kept.every((other) => near(one, other) >= apart)) kept.push(one);
    }
  }
  const places = new Map();
  for (const one of sorted) {
    let best = 0;
    kept.forEach((other, place) => near(one, other) < near(one, kept[best]) && (best = place));
    places.set(one, best);
  }
  return { kept, place: (at) => places.get(colour(at)) };
}

function chunk(kind, data) {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(zlib.crc32 ? zlib.crc32(body) : crc(body));
  return Buffer.concat([length, body, sum]);
}

function crc(bytes) {
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}

// The same picture, with at most so many colours.
function small(png, most = 64) {
  const picture = decode(png);
  const { kept, place } = palette(picture, most);
  const bits = kept.length > 16 ? 8 : 4;
  const { width, height, size } = picture;
  const stride = Math.ceil((width * bits) / 8);
  const raw = Buffer.alloc((stride + 1) * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = place((y * width + x) * size);
      const at = y * (stride + 1) + 1 + (bits === 8 ? x : x >> 1);
      raw[at] |= bits === 8 || x % 2 ? value : value << 4;
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([bits, 3, 0, 0, 0], 8);
  const colours = Buffer.from(kept.flatMap((one) => [one >> 16, (one >> 8) & 255, one & 255]));
  const data = zlib.deflateSync(raw, { level: 9, memLevel: 9, windowBits: 15 });
  const mark = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([mark, chunk("IHDR", head), chunk("PLTE", colours), chunk("IDAT", data), chunk("IEND", Buffer.alloc(0))]);
}

module.exports = { small };
