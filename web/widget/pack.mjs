// Packs a script whose end differs from language to language so that the two parts can be kept apart: the packed head
// followed by the packed tail of any language is a whole gzip or brotli file. The server joins bytes and needs no
// compressor, and the head is stored once. A language's letters also get a Huffman table of their own, which makes the
// whole smaller than a gzip that packs it in one go.

import zopfli from '@gfx/zopfli';
import { brotliCompressSync, brotliDecompressSync, constants, createBrotliCompress, crc32, deflateRawSync, gunzipSync, inflateRawSync } from 'node:zlib';

/** A member's header: deflate, no name, no time. */
const GZIP = Buffer.from([31, 139, 8, 0, 0, 0, 0, 0, 2, 255]);
/** What follows an empty stored block's header: its length, and that again with all bits turned. */
const STORED = Buffer.from([0, 0, 255, 255]);

const inflated = (part) => {
  try {
    return inflateRawSync(part, { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    return Buffer.alloc(0);
  }
};

/** The head as deflate that goes on: zopfli's blocks, none of them the last, up to a whole byte. */
async function openDeflate(head) {
  const packed = Buffer.from(await zopfli.deflateAsync(head, { numiterations: 30 }));
  // Only the last block says that it is the last. Its header is three bits, 101; that it was the right one shows when
  // the text is whole and the end is open.
  for (let bit = 0; bit < packed.length * 8; bit++) {
    const at = (offset) => (packed[(bit + offset) >> 3] >> ((bit + offset) & 7)) & 1;
    if (!at(0) || at(1) || !at(2)) continue;
    const open = Buffer.from(packed);
    open[bit >> 3] ^= 1 << (bit & 7);
    // The empty block's header is three zeros too: they are in the last byte, or begin the next.
    for (const end of [STORED, Buffer.from([0, ...STORED])]) {
      const whole = Buffer.concat([open, end]);
      if (inflated(Buffer.concat([whole, deflateRawSync(head.subarray(0, 9))])).equals(Buffer.concat([head, head.subarray(0, 9)]))) return whole;
    }
  }
  throw new Error('zopfli wrote a block that cannot be opened');
}

/** The head's brotli, and with it that of the whole, whose beginning is the same whatever follows. */
async function brotli(head, tail) {
  const stream = createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  const parts = [];
  stream.on('data', (part) => parts.push(part));
  stream.write(head);
  await new Promise((done) => stream.flush(constants.BROTLI_OPERATION_FLUSH, done));
  const length = Buffer.concat(parts).length;
  const ended = new Promise((done) => stream.on('end', done));
  stream.end(tail);
  await ended;
  const whole = Buffer.concat(parts);
  return [whole.subarray(0, length), whole.subarray(length)];
}

/** Packs a head and its tails by name: `{gz: {head, tails}, br: {head, tails}}`. */
export async function pack(head, tails) {
  const open = await openDeflate(head);
  const gz = { head: Buffer.concat([GZIP, open]), tails: {} };
  const br = { head: Buffer.alloc(0), tails: {} };
  for (const [name, tail] of Object.entries(tails)) {
    const whole = Buffer.concat([head, tail]);
    const end = Buffer.alloc(8);
    end.writeUInt32LE(crc32(whole), 0);
    end.writeUInt32LE(whole.length, 4);
    gz.tails[name] = Buffer.concat([deflateRawSync(tail, { level: 9, dictionary: head.subarray(-32768) }), end]);
    [br.head, br.tails[name]] = await brotli(head, tail);
  }
  return { gz, br };
}

/** What packed parts hold together. */
export const unpack = { gz: (...parts) => gunzipSync(Buffer.concat(parts)), br: (...parts) => brotliDecompressSync(Buffer.concat(parts)) };
