import { createHash } from 'node:crypto';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isTarballOf, partialName, scratchName, tarballName } from '../capture/names.ts';
import { readFrom } from '../upload/directory.ts';
import { errnoOf } from '../upload/explain.ts';
import { type BundleEntry, streamBundle } from './bundle.ts';
import { scanPcap } from './pcap.ts';

/** What lies on a node of a capture that did not come to its end, as a tarball that is made while it is read. */
export type FoundPartial = { name: string; bytes: number; sha256: string; packets: number };

const README = 'PARTIAL.txt';
const PCAP = /\.pcap\d*$/;
/** What a workload gives the packets that it could not bundle; a number follows where the name was taken. */
const RESCUED = /^(.+)\.rescued(-\d+)?$/;

/** The unfinished captures of a node in a directory, by name. A directory that does not exist holds none. */
export async function findPartials(
  directory: string,
  query: { capture: string; node: string },
): Promise<FoundPartial[]> {
  const names = await namesIn(directory);
  const ours = names.filter((name) => {
    const stem = stemOf(name);
    return stem !== undefined && isTarballOf(tarballName(stem), query.capture, query.node);
  });
  const found: FoundPartial[] = [];
  for (const name of ours.sort()) {
    const partial = await inspect(directory, name);
    if (partial !== null) found.push(partial);
  }
  return found;
}

/** Copies the tarball of an unfinished capture from an offset to its end; leaves `out` open. */
export async function copyPartial(directory: string, name: string, offset: number, out: Writable): Promise<void> {
  const left = (await namesIn(directory)).find((entry) => partialOf(entry) === name);
  const contents = left === undefined ? null : await contentsOf(directory, left);
  if (contents === null) throw new Error(`there is no unfinished capture for ${name} any more`);
  await pipeline(skip(streamBundle(contents.entries, contents.now), offset), out, { end: false });
}

async function* skip(pieces: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let left = bytes;
  for await (const piece of pieces) {
    // Copied: a piece is overwritten when the next is asked for, and a stream takes it later.
    if (left < piece.length) yield Buffer.from(piece.subarray(left));
    left = Math.max(0, left - piece.length);
  }
}

async function inspect(directory: string, left: string): Promise<FoundPartial | null> {
  const contents = await contentsOf(directory, left);
  if (contents === null) return null;
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of streamBundle(contents.entries, contents.now)) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { name: partialOf(left) ?? '', bytes, sha256: hash.digest('hex'), packets: contents.packets };
}

type Contents = { entries: BundleEntry[]; now: Date; packets: number };

/** The files of an unfinished capture, pcaps up to their last whole packet; null where there is none. Nothing is changed. */
async function contentsOf(directory: string, left: string): Promise<Contents | null> {
  const bundle = RESCUED.test(left) ? join(directory, left) : join(directory, left, 'bundle');
  const entries: BundleEntry[] = [];
  const lines: string[] = [];
  let packets = 0;
  let changedAt = 0;
  for (const name of (await namesIn(bundle)).sort()) {
    const file = join(bundle, name);
    const entry = await stat(file);
    if (!entry.isFile()) continue;
    changedAt = Math.max(changedAt, Math.floor(entry.mtimeMs / 1000) * 1000);
    const scan = PCAP.test(name) ? await scanPcap(file) : undefined;
    // Without a whole header, nothing can open it.
    if (scan === null) continue;
    const size = scan?.end ?? entry.size;
    entries.push({ name, size, open: () => beginning(file, size) });
    packets += scan?.packets ?? 0;
    if (scan !== undefined) lines.push(`${name}: ${scan.packets} packets${cutWords(entry.size - size)}`);
  }
  if (entries.length === 0) return null;
  const text = `This capture did not come to its end: it was killed, or its node was. What it had written is here.\n${lines.join('\n')}\n`;
  return { entries: [{ name: README, content: Buffer.from(text) }, ...entries], now: new Date(changedAt), packets };
}

function cutWords(bytes: number): string {
  return bytes === 0 ? '' : `; ${bytes} bytes of a packet that was half written are left out`;
}

async function* beginning(file: string, size: number): AsyncGenerator<Buffer> {
  let left = size;
  for await (const piece of readFrom(await open(file), 0)) {
    if (left < piece.length) {
      yield piece.subarray(0, left);
      return;
    }
    left -= piece.length;
    yield piece;
  }
  if (left > 0) throw new Error(`${file} became shorter while it was read`);
}

function stemOf(name: string): string | undefined {
  const prefix = scratchName('');
  return name.startsWith(prefix) ? name.slice(prefix.length) : RESCUED.exec(name)?.[1];
}

/** The name of the tarball for a directory that was left; each has its own. */
function partialOf(left: string): string | undefined {
  const stem = stemOf(left);
  return stem === undefined ? undefined : partialName(`${stem}${RESCUED.exec(left)?.[2] ?? ''}`);
}

async function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  });
}
