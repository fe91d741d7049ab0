import { type Plugin, rolldown } from 'rolldown';

/** A module that a package loads at each start, for what this program does seldom or never. */
interface Needless {
  readonly importer: RegExp;
  readonly id: string;
  /** Its exports that are used there. */
  readonly names: readonly string[];
  /** Whether it is loaded when one of them is first used; else it is not in the bundle, and a call fails. */
  readonly later?: boolean;
}

const clientNode = /\/@kubernetes\/client-node\/dist\/config\.js$/;
const itsLogins = /\/@kubernetes\/client-node\/dist\/(azure|gcp|oidc)_auth\.js$/;
const needless: readonly Needless[] = [
  // For what has a colour, or would on a terminal.
  {
    ...{ importer: /\/src\/ui\/terminal\.ts$/, id: 'chalk', later: true },
    names: ['Chalk', 'supportsColor', 'supportsColorStderr'],
  },
  // For subcommands that are programs of their own.
  { importer: /\/node_modules\/commander\//, id: 'node:child_process', names: ['default'] },
  // For client-node's own requests and its classes of the API: our requests are those of src/kube/rest.ts.
  { importer: clientNode, id: 'undici', names: ['Agent', 'ProxyAgent'] },
  { importer: clientNode, id: 'socks', names: ['SocksClient'] },
  { importer: clientNode, id: './gen/index.js', names: ['createConfiguration', 'ServerConfiguration'] },
  { importer: clientNode, id: 'socks-proxy-agent', names: ['SocksProxyAgent'], later: true },
  { importer: clientNode, id: 'node:child_process', names: ['spawnSync'], later: true },
  // For plugins that log in, which src/kube/exec-plugin.ts runs.
  { importer: /\/@kubernetes\/client-node\/dist\/exec_auth\.js$/, id: 'node:child_process', names: ['default'] },
  // For ways to log in that few still have.
  { importer: itsLogins, id: 'jsonpath-plus', names: ['JSONPath'], later: true },
  { importer: itsLogins, id: 'openid-client', names: ['discovery', 'customFetch', 'refreshTokenGrant'], later: true },
  { importer: itsLogins, id: 'node:child_process', names: ['execSync'], later: true },
];

/** The name of the chunk that holds a module and what only it needs. */
function chunkOf(id: string): string {
  return `./later-${id}.js`;
}

/** Code that stands for a module: functions that fail, or getters that load it. */
function standIn({ id, names, later }: Needless): string {
  if (later) {
    const from = JSON.stringify(id.startsWith('node:') ? id : chunkOf(id));
    return `module.exports = { ${names.map((name) => `get ${name}() { return require(${from}).${name}; }`).join(', ')} };`;
  }
  const failing = `throw new Error(${JSON.stringify(`${id} is not in this binary`)});`;
  return names.map((name) => `function none_${name}() { ${failing} }\nexport { none_${name} as ${name} };`).join('\n');
}

/** Makes starts shorter by a third: what needs the API server is ready that much sooner. */
const leaveOut: Plugin = {
  name: 'leave-out',
  async resolveId(id, importer = '') {
    if (id.startsWith('./later-')) return { id, external: true };
    const found = needless.findIndex((each) => each.id === id && each.importer.test(importer));
    if (needless[found]?.later === true && !id.startsWith('node:')) {
      // A chunk of its own: what is in the chunk of its importer would be read with it.
      const module = await this.resolve(id, importer, { skipSelf: true });
      this.emitFile({ type: 'chunk', id: module?.id ?? id, fileName: chunkOf(id).slice(2) });
    }
    return found === -1 ? null : `\0stand-in-${found}`;
  },
  load: (id) => {
    const module = needless[Number(/^\0stand-in-(\d+)$/.exec(id)?.[1])];
    return module === undefined ? null : standIn(module);
  },
};

/** The program as CommonJS chunks, file name to code: `main.js`, and one for each lazy import. */
export async function bundle(root: string): Promise<Map<string, string>> {
  const build = await rolldown({
    input: { main: 'src/main.ts' },
    cwd: root,
    platform: 'node',
    logLevel: 'warn',
    plugins: [leaveOut],
  });
  const { output } = await build.generate({
    format: 'cjs',
    minify: true,
    comments: false,
    charset: 'ascii',
    dynamicImportInCjs: false, // import('node:x') becomes a require: the loader's scripts have no import()
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
  });
  await build.close();
  const chunks = new Map<string, string>();
  for (const file of output) {
    if (file.type !== 'chunk') throw new Error(`the bundle holds ${file.fileName}, which is not code`);
    chunks.set(file.fileName, mark(file.code));
  }
  return chunks;
}

/**
 * The loader holds ASCII code as one byte a character, half of what it takes otherwise. Where characters cannot be
 * escaped (raw templates, regular expressions), a byte order mark tells it so.
 */
function mark(code: string): string {
  return Buffer.byteLength(code) === code.length ? code : `\ufeff${code}`;
}
