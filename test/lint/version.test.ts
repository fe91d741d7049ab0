import assert from 'node:assert/strict';
import { test } from 'node:test';
import { projectFiles, readText } from './project.ts';

const { version } = JSON.parse(readText('package.json') ?? '');

test('the newest section of the changelog is that of the version in package.json', () => {
  const newest = /^## (\S+)/mu.exec(readText('CHANGELOG.md') ?? '')?.[1];
  assert.equal(newest, version);
});

test('the lockfile has the version of package.json', () => {
  const lock = JSON.parse(readText('package-lock.json') ?? '');
  assert.deepEqual([lock.version, lock.packages[''].version], [version, version]);
});

test('no source has the version but package.json', () => {
  const sources = projectFiles().filter((file) => /^(src|scripts|bin)\/|^(Dockerfile|Makefile)$/u.test(file));
  assert.ok(sources.length > 0);
  const pattern = new RegExp(String.raw`(?<![\d.])${RegExp.escape(version)}(?![\d.])`, 'u');
  const naming = sources.filter((file) => !file.endsWith('package-lock.json') && pattern.test(readText(file) ?? ''));
  assert.deepEqual(naming, []);
});
