import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Target } from '../build/targets.ts';
import { nodePackage, type Package, pcapFilter, productionPackages } from './packages.ts';

const isLicence = /^(licen[sc]e|unlicense|copying|notice)([.-]|$)/i;

/** The licence texts and notices in a folder, one after the other. */
function readLicences(folder: string): string {
  const files = readdirSync(folder).filter((file) => isLicence.test(file));
  return files
    .sort()
    .map((file) => readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim())
    .join('\n\n');
}

/** What a package says of its licence where it holds no text of it. */
function declaredLicence(folder: string, { license }: Package): string {
  const { author } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    author?: string | { name?: string };
  };
  const by = typeof author === 'string' ? author : author?.name;
  return `The package declares ${license}${by ? `, by ${by},` : ''} and holds no text of it.`;
}

/** The third-party notices of a platform: each licence text, under the packages that it covers. */
export function renderNotices(root: string, target: Target): string {
  const covered = new Map<string, string[]>();
  const cover = (title: string, text: string) => covered.set(text, [...(covered.get(text) ?? []), title]);
  for (const one of productionPackages(root)) {
    const folder = join(root, one.folder);
    cover(`${one.name} ${one.version} (${one.license})`, readLicences(folder) || declaredLicence(folder, one));
  }
  const { version, license, notice } = pcapFilter(root);
  cover(`libpcap ${version} (${license}), its filter compiler as WebAssembly`, notice);
  // The packages of Windows' Node hold the program only; its licence is that of the same version elsewhere.
  const texts = [target.node, target.hostNode].map((program) => join(dirname(resolve(root, program)), '../LICENSE'));
  const nodeLicence = texts.find((file) => existsSync(file));
  if (!nodeLicence) throw new Error(`no licence text of Node ${target.nodeVersion}`);
  cover(`Node.js ${target.nodeVersion}, with V8, OpenSSL and others`, readFileSync(nodeLicence, 'utf8').trim());
  const sections = [...covered].map(([text, titles]) => `${'='.repeat(80)}\n${titles.join('\n')}\n\n${text}\n`);
  return `kubectl-retina contains the following software.\n\n${sections.join('\n')}`;
}

/** Writes the licence texts that go with a platform's program into a folder; a file that is there already stays as it is. */
export function writePapers(root: string, target: Target, folder: string): void {
  const papers = {
    LICENSE: readFileSync(join(root, 'LICENSE'), 'utf8'),
    'THIRD-PARTY-NOTICES.txt': renderNotices(root, target),
  };
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(papers)) {
    const file = join(folder, name);
    if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text, { mode: 0o644 });
  }
}

function toComponent(type: string, one: Package) {
  const purl = `pkg:npm/${one.name.replace('@', '%40')}@${one.version}`;
  return {
    type,
    'bom-ref': purl,
    name: one.name,
    version: one.version,
    purl,
    hashes: [{ alg: 'SHA-512', content: one.sha512 }],
    licenses: [{ expression: one.license }],
  };
}

/** The component that comes from no registry: its sum is that of the source which the project pins. */
function pcapFilterComponent(root: string) {
  const { version, license, sha256 } = pcapFilter(root);
  const purl = `pkg:deb/debian/libpcap@${version}?arch=source`;
  return {
    ...{ type: 'library', 'bom-ref': purl, name: 'libpcap', version, purl },
    description: 'its filter compiler, built as WebAssembly from the source archive that the sum is of',
    hashes: [{ alg: 'SHA-256', content: sha256 }],
    licenses: [{ expression: license }],
  };
}

/** The bill of materials of a platform's binary, as CycloneDX 1.5 JSON; without a date, so that it is the same each time. */
export function renderSbom(root: string, target: Target): string {
  const { name, version, license, description } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const libraries = new Map(productionPackages(root).map((one) => [`${one.name}@${one.version}`, one]));
  const components = [...libraries.values()].map((one) => toComponent('library', one));
  const bom = {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: {
      component: {
        type: 'application',
        'bom-ref': `${name}@${version}`,
        name,
        version,
        description,
        licenses: [{ expression: license }],
      },
    },
    components: [toComponent('platform', nodePackage(root, target.node)), pcapFilterComponent(root), ...components],
  };
  return `${JSON.stringify(bom, null, 2)}\n`;
}
