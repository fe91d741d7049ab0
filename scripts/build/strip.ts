import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from './run.ts';
import type { Target } from './targets.ts';

/** The commands that remove the symbols of a program, by platform. Those of Windows are in files of their own. */
function stripCommand({ platform, arch }: Target): readonly string[] | undefined {
  if (platform === 'win') return undefined;
  if (platform === 'macos') return ['llvm-strip-19', '-x'];
  return arch === 'x64' ? ['strip', '--strip-all'] : ['llvm-strip-19', '--strip-all'];
}

/**
 * A copy of Node in `work` without its symbols, which are a fifth of it; with them if there is no such tool here, or if
 * that breaks it. Its signature, which would be void, goes too, or is replaced later.
 */
export function stripNode(source: string, target: Target, work: string): string {
  const stripped = join(work, `node-${target.name}${target.platform === 'win' ? '.exe' : ''}`);
  const [program, ...args] = stripCommand(target) ?? [];
  const done = program && spawnSync(program, [...args, '-o', stripped, source]).status === 0;
  if (done && (!target.runner || versionOf(stripped, target) === target.nodeVersion)) return stripped;
  copyFileSync(source, stripped);
  chmodSync(stripped, 0o755);
  if (target.platform === 'win') unsignPe(stripped);
  const found = target.runner ? versionOf(stripped, target) : target.nodeVersion;
  if (found !== target.nodeVersion)
    throw new Error(
      `${source} is Node ${found || 'that does not start'}, expected ${target.nodeVersion}: run make deps`,
    );
  return stripped;
}

function versionOf(node: string, target: Target): string {
  return runProgram(node, target, ['--version']).stdout.trim().replace(/^v/, '');
}

/** Removes the signature of a Windows program: the entry in its header, and the certificates at its end. */
function unsignPe(path: string): void {
  const file = readFileSync(path);
  const optionalHeader = file.readUInt32LE(0x3c) + 24;
  if (file.readUInt16LE(optionalHeader) !== 0x20b) throw new Error(`${path} is not a 64-bit Windows program`);
  const entry = optionalHeader + 112 + 4 * 8; // of IMAGE_DIRECTORY_ENTRY_SECURITY
  const start = file.readUInt32LE(entry);
  if (start === 0) return;
  if (start + file.readUInt32LE(entry + 4) !== file.length) throw new Error(`${path}: its signature is not at its end`);
  file.writeBigUInt64LE(0n, entry);
  file.writeUInt32LE(0, optionalHeader + 64); // the checksum, which is checked of drivers only
  writeFileSync(path, file.subarray(0, start));
}
