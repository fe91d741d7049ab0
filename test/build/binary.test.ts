import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';

// The binary as users get it. `make build` has made it.

const root = resolve(import.meta.dirname, '../..');
const binary = join(root, 'dist/kubectl-retina');
const { version, config } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const work = mkdtempSync(join(tmpdir(), 'binary-'));
after(() => rmSync(work, { recursive: true }));

function run(program: string, args: readonly string[], env: Record<string, string> = {}) {
  const start = performance.now();
  const settings = { cwd: work, encoding: 'utf8', env: { PATH: '/usr/bin:/bin', HOME: work, ...env } } as const;
  const { status, stdout, stderr } = spawnSync(program, args, settings);
  return { status, stdout, stderr, milliseconds: performance.now() - start };
}

test('tells its version, from any folder', () => {
  const { status, stdout, stderr } = run(binary, ['version', '--client']);
  assert.equal(status, 0, stderr);
  assert.ok(stdout.includes(version), stdout);
});

test('tells which image captures will run: its own, or that of RETINA_AGENT_IMAGE, or that of --image', () => {
  const imageOf = (env: Record<string, string>, ...args: string[]) =>
    /^Capture image: (.*)$/m.exec(run(binary, ['version', '--client', ...args], env).stdout)?.[1];
  const named = { RETINA_AGENT_IMAGE: 'registry.example/by-environment:v1' };
  assert.equal(imageOf({ RETINA_AGENT_IMAGE: '' }), `${config.captureImage}:v${version}`);
  assert.equal(imageOf(named), named.RETINA_AGENT_IMAGE);
  assert.equal(imageOf(named, '--image', 'registry.example/by-flag:v2'), 'registry.example/by-flag:v2');
});

test('works through a symbolic link', () => {
  const link = join(work, 'kubectl-retina');
  symlinkSync(binary, link);
  assert.equal(run(link, ['version', '--client']).stdout, run(binary, ['version', '--client']).stdout);
});

test("does not obey Node's environment variables", () => {
  const { status, stderr } = run(binary, ['version', '--client'], { NODE_OPTIONS: '--no-such-option' });
  assert.equal(status, 0, stderr);
});

test('prints what the sources print, all characters included', () => {
  for (const args of [['--help'], ['capture', '--help'], ['capture', 'create', '--help'], ['capture', 'nonsense']]) {
    const fromSource = run(join(root, 'bin/kubectl-retina'), args);
    const packed = run(binary, args);
    assert.deepEqual(
      [packed.status, packed.stdout, packed.stderr],
      [fromSource.status, fromSource.stdout, fromSource.stderr],
    );
  }
});

test('a usage error has its exit code', () => {
  assert.equal(run(binary, ['capture', 'create', '--no-such-flag']).status, 2);
});

test('starts quickly', () => {
  const times = Array.from({ length: 7 }, () => run(binary, ['version', '--client']).milliseconds);
  const best = Math.min(...times);
  assert.ok(best < 150, `the best of ${times.length} starts took ${Math.round(best)} ms`);
});
