import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { type Target, targets } from '../build/targets.ts';
import { checkFormat } from './check.ts';
import { renderKrewManifest } from './krew.ts';
import { type ArchiveListing, completer, listArchive } from './list.ts';
import { checkImage, imageArchive } from './verify-image.ts';

/** What a release must be. */
export interface ReleaseFacts {
  readonly root: string;
  readonly version: string;
  readonly homepage: string;
  /** The tag that is being released; undefined: none yet. */
  readonly tag: string | undefined;
}

/** The limit of a platform's archive, in bytes. */
export const LARGEST_ARCHIVE = 45e6;
/** Bytes; each holds a Node. */
const SMALLEST_PROGRAM = 50e6;
const indexes = ['checksums.txt', 'krew-manifest.yaml'];

function sha256Of(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/** What a file of sums, as sha256sum writes them, says: sums by name. */
function readSums(file: string): Map<string, string> {
  if (!existsSync(file)) return new Map();
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  return new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
}

/** Files without a sum, sums without a file, and sums that are wrong. */
function checkSums(folder: string, listings: readonly ArchiveListing[], { version, tag }: ReleaseFacts): string[] {
  const there = readdirSync(folder);
  const sums = readSums(join(folder, 'checksums.txt'));
  // What is made for a tag goes out with its image; before that, it may be without.
  const images = [imageArchive(version)].filter((name) => tag !== undefined || there.includes(name));
  const sumOf = (name: string) =>
    images.includes(name) ? readSums(join(folder, `${name}.sha256`)).get(name) : sums.get(name);
  const expected = [...listings.map(({ file }) => file), ...images];
  const known = new Set([...expected, ...indexes, ...images.map((name) => `${name}.sha256`)]);
  return [
    ...indexes.filter((name) => !there.includes(name)).map((name) => `there is no ${name}`),
    ...there.filter((name) => !known.has(name)).map((name) => `${name} belongs to no release`),
    ...[...sums.keys()].filter((name) => !expected.includes(name)).map((name) => `checksums.txt names ${name}`),
    ...expected.flatMap((name) => {
      if (!there.includes(name)) return [`there is no ${name}`];
      return sumOf(name) === sha256Of(join(folder, name)) ? [] : [`${name}: its sum is not the one that is written`];
    }),
  ];
}

/** Unpacks an archive with this machine's own tools, to `target`. */
function unpack(file: string, target: string): void {
  mkdirSync(target, { recursive: true });
  if (file.endsWith('.zip')) execFileSync('python3', ['-m', 'zipfile', '-e', file, target]);
  else execFileSync('tar', ['-xzf', file, '-C', target], { stdio: 'ignore' });
}

/** What is wrong with the contents of an archive. */
function checkArchive(folder: string, work: string, platform: Target, facts: ReleaseFacts): string[] {
  const listing = listArchive(platform, facts.version);
  const [file, target] = [join(folder, listing.file), join(work, listing.file)];
  if (!existsSync(file)) return [];
  if (statSync(file).size > LARGEST_ARCHIVE) return [`${listing.file} is over ${LARGEST_ARCHIVE / 1e6} MB`];
  try {
    unpack(file, target);
  } catch {
    return [`${listing.file} cannot be unpacked`];
  }
  const names = readdirSync(target).sort();
  if (names.join() !== [...listing.contents].sort().join()) return [`${listing.file} holds ${names.join(', ')}`];
  const problems = [
    ...checkFiles(target, listing),
    ...checkPapers(target, facts),
    ...checkProgram(join(target, listing.program), platform),
  ];
  return problems.map((problem) => `${listing.file}: ${problem}`);
}

function checkFiles(target: string, { os, program, contents }: ArchiveListing): string[] {
  const wrong = contents.filter((name) => {
    const runs = (statSync(join(target, name)).mode & 0o111) > 0;
    return runs !== (name === program || name === completer);
  });
  return [
    // A zip of ours tells no modes.
    ...(os === 'windows' ? [] : wrong.map((name) => `${name} has the wrong mode`)),
    ...(statSync(join(target, program)).size > SMALLEST_PROGRAM ? [] : [`${program} is too small to be one`]),
  ];
}

function checkProgram(program: string, target: Target): string[] {
  try {
    checkFormat(program, target);
    return [];
  } catch (error) {
    return [`the program: ${error instanceof Error ? error.message : error}`];
  }
}

function checkPapers(target: string, { root, version }: ReleaseFacts): string[] {
  const read = (name: string) => readFileSync(join(target, name), 'utf8');
  const bill = JSON.parse(read('sbom.cdx.json'));
  return [
    ...(read('LICENSE') === readFileSync(join(root, 'LICENSE'), 'utf8') ? [] : ["LICENSE is not the project's"]),
    ...(read('THIRD-PARTY-NOTICES.txt').includes('Node.js') ? [] : ['the notices are not all']),
    ...(bill.bomFormat === 'CycloneDX' && bill.components?.length > 0 ? [] : ['the bill of materials is none']),
    ...(bill.metadata?.component?.version === version ? [] : ['the bill of materials is of another version']),
  ];
}

/** Asks the program that this machine can run which version it is. */
function checkVersion(target: string, version: string): string[] {
  const program = join(target, 'kubectl-retina');
  if (!existsSync(program)) return [];
  const told = execFileSync(program, ['version', '--client'], { encoding: 'utf8' });
  return told.includes(`v${version}`) ? [] : [`kubectl-retina does not say that it is v${version}: ${told}`];
}

/** What is wrong with the image's archive, if there is one. `work` holds the archives, unpacked. */
function checkImageArchive(
  folder: string,
  work: string,
  listings: readonly ArchiveListing[],
  version: string,
): string[] {
  const name = imageArchive(version);
  const file = join(folder, name);
  if (!existsSync(file)) return [];
  const programOf = (platform: string) => {
    const listing = listings.find(({ os, arch }) => `${os}/${arch}` === platform);
    return join(work, listing?.file ?? '', listing?.program ?? '');
  };
  try {
    return checkImage(file, join(work, name), { version, programOf }).map((problem) => `${name}: ${problem}`);
  } catch {
    return [`${name} is no OCI archive of an image for several platforms`];
  }
}

/** Krew's manifest has to be the one that these very archives make. */
function checkManifest(folder: string, listings: readonly ArchiveListing[], facts: ReleaseFacts): string[] {
  const file = join(folder, 'krew-manifest.yaml');
  if (!existsSync(file)) return [];
  const made = listings
    .filter((listing) => existsSync(join(folder, listing.file)))
    .map((listing) => ({ ...listing, sha256: sha256Of(join(folder, listing.file)) }));
  const [is, shall] = [load(readFileSync(file, 'utf8')), load(renderKrewManifest(made, facts))];
  return JSON.stringify(is) === JSON.stringify(shall) ? [] : ['krew-manifest.yaml is not that of these archives'];
}

/** The tag, the changelog and package.json have to tell of one version; a tag makes it final. */
function checkTag({ root, version, tag }: ReleaseFacts): string[] {
  const [, section = ''] = readFileSync(join(root, 'CHANGELOG.md'), 'utf8').split(/^## /mu);
  const [, newest, rest = ''] = /^(\S+)(.*)$/mu.exec(section) ?? [];
  return [
    ...(/^- /mu.test(section) ? [] : ['the newest section of the changelog tells of no change']),
    ...(newest === version ? [] : [`the newest section of the changelog is ${newest}, package.json has ${version}`]),
    ...(tag !== undefined && tag !== `v${version}` ? [`the tag is ${tag}, package.json has ${version}`] : []),
    ...(tag !== undefined && rest.includes('unreleased') ? ['the changelog says that this version is unreleased'] : []),
  ];
}

/** All that is wrong with a release; nothing, if it may go out. */
export function verifyRelease(folder: string, facts: ReleaseFacts): string[] {
  if (!existsSync(folder)) return [`there is no ${folder}: make release`];
  const listings = targets.map((target) => listArchive(target, facts.version));
  const host = targets.find(({ runner }) => runner?.length === 0);
  const work = join(facts.root, 'dist/.verify');
  rmSync(work, { recursive: true, force: true });
  try {
    return [
      ...checkSums(folder, listings, facts),
      ...targets.flatMap((target) => checkArchive(folder, work, target, facts)),
      ...(host ? checkVersion(join(work, listArchive(host, facts.version).file), facts.version) : []),
      ...checkImageArchive(folder, work, listings, facts.version),
      ...checkManifest(folder, listings, facts),
      ...checkTag(facts),
    ];
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
