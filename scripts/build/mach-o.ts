import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

// Signs a macOS program ad hoc, which Apple's arm64 kernel demands of everything that it runs: hashes of its pages and no
// identity. The format is that of Apple's cs_blobs.h (big-endian) and mach-o/loader.h (little-endian).

const PAGE = 4096;
const HASH_BYTES = 32;
const HEADER_BYTES = 32;
const LC_CODE_SIGNATURE = 0x1d;
const LC_SEGMENT_64 = 0x19;
const CPU_ARM64 = 0x0100000c;
/** Bytes of a CodeDirectory of version 0x20400 before its identifier. */
const DIRECTORY_BYTES = 88;
/** Bytes of a SuperBlob with one entry. */
const SUPER_BLOB_BYTES = 20;

interface Layout {
  /** Where these load commands begin. */
  readonly linkEdit: number;
  readonly signature: number;
  readonly text: { readonly offset: bigint; readonly size: bigint };
}

function align(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

function readLayout(file: Buffer): Layout {
  if (file.readUInt32LE(0) !== 0xfeedfacf) throw new Error('not a 64-bit Mach-O program');
  let linkEdit: number | undefined;
  let signature: number | undefined;
  let text = { offset: 0n, size: 0n };
  let at = HEADER_BYTES;
  for (let left = file.readUInt32LE(16); left > 0; left--, at += file.readUInt32LE(at + 4)) {
    const command = file.readUInt32LE(at);
    if (command === LC_CODE_SIGNATURE) signature = at;
    if (command !== LC_SEGMENT_64) continue;
    const name = file.toString('latin1', at + 8, at + 24).replace(/\0+$/, '');
    if (name === '__LINKEDIT') linkEdit = at;
    if (name === '__TEXT') text = { offset: file.readBigUInt64LE(at + 40), size: file.readBigUInt64LE(at + 48) };
  }
  if (linkEdit === undefined) throw new Error('the program has no __LINKEDIT segment');
  return { linkEdit, signature: signature ?? addSignatureCommand(file, linkEdit, at), text };
}

/** Appends a load command for a signature at the end of the file, where the others end; returns where that is. */
function addSignatureCommand(file: Buffer, linkEdit: number, at: number): number {
  if (file.subarray(at, at + 16).some((byte) => byte !== 0)) throw new Error('no room for a signature command');
  const end = Number(file.readBigUInt64LE(linkEdit + 40) + file.readBigUInt64LE(linkEdit + 48));
  if (end !== file.length) throw new Error('__LINKEDIT is not at the end of the file');
  for (const [index, value] of [LC_CODE_SIGNATURE, 16, end].entries()) file.writeUInt32LE(value, at + index * 4);
  file.writeUInt32LE(file.readUInt32LE(16) + 1, 16);
  file.writeUInt32LE(file.readUInt32LE(20) + 16, 20);
  return at;
}

/** The CodeDirectory: what is signed, then a hash of each page of `code`. */
function buildDirectory(code: Buffer, identifier: string, text: Layout['text']): Buffer {
  const name = Buffer.from(`${identifier}\0`);
  const pages = Math.ceil(code.length / PAGE);
  const hashes = DIRECTORY_BYTES + name.length;
  const directory = Buffer.alloc(hashes + pages * HASH_BYTES);
  const flags = 2; // ad hoc
  const fields = [0xfade0c02, directory.length, 0x20400, flags, hashes, DIRECTORY_BYTES, 0, pages, code.length];
  for (const [index, value] of fields.entries()) directory.writeUInt32BE(value, index * 4);
  directory.set([HASH_BYTES, 2 /* SHA-256 */, 0, Math.log2(PAGE)], 36);
  directory.writeBigUInt64BE(text.offset, 64);
  directory.writeBigUInt64BE(text.size, 72);
  directory.writeBigUInt64BE(1n, 80); // the main program, not a library
  name.copy(directory, DIRECTORY_BYTES);
  for (let page = 0; page < pages; page++) {
    const bytes = code.subarray(page * PAGE, (page + 1) * PAGE);
    createHash('sha256')
      .update(bytes)
      .digest()
      .copy(directory, hashes + page * HASH_BYTES);
  }
  return directory;
}

/** Signs a macOS program ad hoc, under the name `identifier`, whether it has a signature or not. */
export function signMachO(path: string, identifier: string): void {
  const file = readFileSync(path);
  const { linkEdit, signature, text } = readLayout(file);
  const codeEnd = align(file.readUInt32LE(signature + 8), 16);
  const directoryBytes = DIRECTORY_BYTES + identifier.length + 1 + Math.ceil(codeEnd / PAGE) * HASH_BYTES;
  const signatureBytes = align(SUPER_BLOB_BYTES + directoryBytes, 16);
  const signed = Buffer.alloc(codeEnd + signatureBytes);
  file.copy(signed, 0, 0, file.readUInt32LE(signature + 8));
  signed.writeUInt32LE(codeEnd, signature + 8);
  signed.writeUInt32LE(signatureBytes, signature + 12);
  const linkEditBytes = signed.length - Number(file.readBigUInt64LE(linkEdit + 40));
  const memoryPage = file.readUInt32LE(4) === CPU_ARM64 ? 0x4000 : 0x1000;
  signed.writeBigUInt64LE(BigInt(align(linkEditBytes, memoryPage)), linkEdit + 32);
  signed.writeBigUInt64LE(BigInt(linkEditBytes), linkEdit + 48);
  const directory = buildDirectory(signed.subarray(0, codeEnd), identifier, text);
  const superBlob = [0xfade0cc0, SUPER_BLOB_BYTES + directory.length, 1, 0, SUPER_BLOB_BYTES];
  for (const [index, value] of superBlob.entries()) signed.writeUInt32BE(value, codeEnd + index * 4);
  directory.copy(signed, codeEnd + SUPER_BLOB_BYTES);
  writeFileSync(path, signed);
}
