import { createHash } from 'node:crypto';

// What can be said of a program that this machine cannot run. Written apart from what made the program.

const machOCpus = { x64: 0x01000007, arm64: 0x0100000c };
const peMachines = { x64: 0x8664, arm64: 0xaa64 };

function demand(condition: boolean, problem: string): void {
  if (!condition) throw new Error(problem);
}

/** Node takes its program from inside itself only if this mark ends in 1. */
function demandFuse(file: Buffer): void {
  demand(file.includes('NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:1'), 'the fuse of Node is not blown');
}

/** The load commands of a Mach-O file: number and bytes. */
function* loadCommands(file: Buffer): Generator<[command: number, data: Buffer]> {
  const end = 32 + file.readUInt32LE(20);
  let at = 32;
  while (at < end) {
    const size = file.readUInt32LE(at + 4);
    yield [file.readUInt32LE(at), file.subarray(at, at + size)];
    at += size;
  }
  demand(at === end, 'the load commands do not add up');
}

/** The number of pages whose hash in the signature is not theirs. */
function countBadPages(code: Buffer, directory: Buffer): number {
  const first = directory.readUInt32BE(16);
  const page = 2 ** directory.readUInt8(39);
  const hashOf = (index: number) => directory.subarray(first + 32 * index, first + 32 * (index + 1));
  const pages = Array.from({ length: directory.readUInt32BE(28) }, (_, index) => index);
  return pages.filter((index) => {
    const bytes = code.subarray(index * page, (index + 1) * page);
    return !createHash('sha256').update(bytes).digest().equals(hashOf(index));
  }).length;
}

/** Throws unless a file is a macOS program of ours whose signature, of any signer, fits each of its pages. */
export function checkMachO(file: Buffer, arch: 'x64' | 'arm64'): void {
  demand(file.readUInt32LE(0) === 0xfeedfacf, 'not a 64-bit Mach-O file');
  demand(file.readUInt32LE(4) === machOCpus[arch], `not for ${arch}`);
  demand(file.readUInt32LE(12) === 2, 'not a program');
  const commands = [...loadCommands(file)];
  const segment = (name: string) =>
    commands.find(([command, data]) => command === 0x19 && data.toString('latin1', 8, 24).startsWith(name))?.[1];
  const signature = commands.find(([command]) => command === 0x1d)?.[1];
  const linkEdit = segment('__LINKEDIT');
  if (!signature || !linkEdit) throw new Error('no signature');
  const start = signature.readUInt32LE(8);
  demand(start + signature.readUInt32LE(12) === file.length, 'the signature is not at the end');
  const linkEnd = linkEdit.readBigUInt64LE(40) + linkEdit.readBigUInt64LE(48);
  demand(linkEnd === BigInt(file.length), '__LINKEDIT does not end where the file ends');
  demand(linkEdit.readBigUInt64LE(32) >= linkEdit.readBigUInt64LE(48), '__LINKEDIT is larger than its memory');
  demand(file.readUInt32BE(start) === 0xfade0cc0, 'no SuperBlob');
  demand(file.readUInt32BE(start + 12) === 0, 'the signature does not begin with its CodeDirectory');
  const directory = file.subarray(start + file.readUInt32BE(start + 16));
  demand(directory.readUInt32BE(0) === 0xfade0c02, 'no CodeDirectory');
  demand(directory.readUInt8(36) === 32 && directory.readUInt8(37) === 2, 'not signed by SHA-256');
  demand(directory.readUInt32BE(32) === start, 'not all of the file is signed');
  demand(directory.readUInt32BE(28) === Math.ceil(start / 2 ** directory.readUInt8(39)), 'pages are missing');
  const bad = countBadPages(file.subarray(0, start), directory);
  demand(bad === 0, `the signature does not fit ${bad} pages`);
}

/** Throws unless a file that passes `checkMachO` has our program inside Node, and is signed ad hoc. */
export function checkOurMachO(file: Buffer, arch: 'x64' | 'arm64'): void {
  checkMachO(file, arch);
  const commands = [...loadCommands(file)];
  const signature = commands.find(([command]) => command === 0x1d)?.[1];
  const start = signature?.readUInt32LE(8) ?? 0;
  demand(file.readUInt32BE(start + file.readUInt32BE(start + 16) + 12) === 2, 'not signed ad hoc');
  const names = commands.filter(([command]) => command === 0x19).map(([, data]) => data.toString('latin1', 8, 24));
  demand(
    names.some((name) => name.startsWith('NODE_SEA')),
    'no segment for the program',
  );
  demandFuse(file);
}

/** Throws unless a file is a Windows program with ours inside Node, and no remains of a signature. */
export function checkOurPe(file: Buffer, arch: 'x64' | 'arm64'): void {
  demand(file.toString('latin1', 0, 2) === 'MZ', 'not a Windows program');
  const header = file.readUInt32LE(0x3c);
  demand(file.toString('latin1', header, header + 4) === 'PE\0\0', 'no PE header');
  demand(file.readUInt16LE(header + 4) === peMachines[arch], `not for ${arch}`);
  demand(file.readUInt16LE(header + 24) === 0x20b, 'not a 64-bit program');
  demand(file.readBigUInt64LE(header + 24 + 112 + 4 * 8) === 0n, 'remains of a signature');
  demand(file.includes(Buffer.from('NODE_SEA_BLOB', 'utf16le')), 'no resource for the program');
  demandFuse(file);
}
