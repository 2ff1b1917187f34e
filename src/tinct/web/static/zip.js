// A zip file of blobs, without compression: photographs are compressed already.

const TABLE = Uint32Array.from({ length: 256 }, (_, number) => {
  let value = number;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

export function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** Return a name that differs from those already taken in a zip file. */
export function unlike(name, taken) {
  const [, stem, suffix] = name.match(/^(.*?)(\.[^.]*)?$/);
  let chosen = name;
  for (let number = 2; taken.has(chosen); number += 1) chosen = `${stem} (${number})${suffix ?? ""}`;
  taken.add(chosen);
  return chosen;
}

function record(size, ...fields) {
  const view = new DataView(new ArrayBuffer(size));
  let at = 0;
  for (const [bytes, value] of fields) {
    if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += bytes;
  }
  return new Uint8Array(view.buffer);
}

export class Zip {
  constructor() {
    this.parts = [];
    this.heads = [];
    this.size = 0;
  }

  async add(name, blob, date = new Date()) {
    const title = new TextEncoder().encode(name);
    const sum = crc32(new Uint8Array(await blob.arrayBuffer()));
    const time = (date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1);
    const day = ((date.getFullYear() - 1980) << 9) | ((date.getMonth() + 1) << 5) | date.getDate();
    // Version 2.0, names in UTF-8, stored; then checksum, both sizes, and the name's length.
    const shared = [[2, 20], [2, 0x0800], [2, 0], [2, time], [2, day], [4, sum], [4, blob.size], [4, blob.size], [2, title.length], [2, 0]];
    this.heads.push(record(46, [4, 0x02014b50], [2, 20], ...shared, [2, 0], [2, 0], [2, 0], [4, 0], [4, this.size]), title);
    this.parts.push(record(30, [4, 0x04034b50], ...shared), title, blob);
    this.size += 30 + title.length + blob.size;
  }

  blob() {
    const count = this.heads.length / 2;
    const length = this.heads.reduce((sum, part) => sum + part.length, 0);
    const end = record(22, [4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, length], [4, this.size], [2, 0]);
    return new Blob([...this.parts, ...this.heads, end], { type: "application/zip" });
  }
}
