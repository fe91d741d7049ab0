import { rolldown } from 'rolldown';

/** The program as CommonJS chunks, file name to code: `main.js`, and one for each lazy import. */
export async function bundle(root: string): Promise<Map<string, string>> {
  const build = await rolldown({ input: { main: 'src/main.ts' }, cwd: root, platform: 'node', logLevel: 'warn' });
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
