import { type Plugin, rolldown } from 'rolldown';

/** A module that a package loads at each start, for what this program does seldom or never. */
interface Needless {
  readonly importer: RegExp;
  readonly id: string;
  /** Its exports that are imported there, all of them functions or classes. */
  readonly names: readonly string[];
  /** Whether it is loaded at the first call; else it is not in the bundle, and a call fails. */
  readonly later?: boolean;
}

const clientNode = /\/@kubernetes\/client-node\/dist\/config\.js$/;
const needless: readonly Needless[] = [
  // For subcommands that are programs of their own.
  { importer: /\/node_modules\/commander\//, id: 'node:child_process', names: ['default'] },
  // For client-node's own requests and its classes of the API: our requests are those of src/kube/rest.ts.
  { importer: clientNode, id: 'undici', names: ['Agent', 'ProxyAgent'] },
  { importer: clientNode, id: 'socks', names: ['SocksClient'] },
  { importer: clientNode, id: './gen/index.js', names: ['createConfiguration', 'ServerConfiguration'] },
  { importer: clientNode, id: 'socks-proxy-agent', names: ['SocksProxyAgent'], later: true },
  { importer: /\/dist\/(azure|gcp)_auth\.js$/, id: 'jsonpath-plus', names: ['JSONPath'], later: true },
];

/** Code that stands for a module: functions under the names of what it exports. */
function standIn({ id, names, later }: Needless): string {
  return names
    .map((name) => {
      const call = later
        ? `const found = require(${JSON.stringify(id)}).${name};
           return new.target ? Reflect.construct(found, args) : found(...args);`
        : `throw new Error(${JSON.stringify(`${id} is not in this binary`)});`;
      return `function stand_${name}(...args) { ${call} }\nexport { stand_${name} as ${name} };`;
    })
    .join('\n');
}

/** Makes starts shorter by a third: what needs the API server is ready that much sooner. */
const leaveOut: Plugin = {
  name: 'leave-out',
  resolveId: (id, importer = '') => {
    const found = needless.findIndex((each) => each.id === id && each.importer.test(importer));
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
