import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readText } from './project.ts';

/** What the page names: a file below test/, and the words of a test in it. */
function namedTests(page: string): { file: string; name: string }[] {
  const found = [...page.matchAll(/`((?:unit|contract|e2e|lint|local|release)\/[\w./-]+\.ts)`|\*([^*\n][^*]*)\*/g)];
  const named: { file: string; name: string }[] = [];
  let file = '';
  for (const [, path, name] of found) {
    if (path !== undefined) file = path;
    else if (name !== undefined && file !== '' && !name.startsWith('*'))
      named.push({ file, name: name.replace(/\s+/g, ' ') });
  }
  return named;
}

test('every test that docs/security.md names is there', () => {
  const page = (readText('docs/security.md') ?? '').replaceAll('**', '');
  const named = namedTests(page);
  assert.ok(named.length > 25, String(named.length));
  const missing = named.filter(({ file, name }) => !(readText(`test/${file}`) ?? '').includes(name));
  assert.deepEqual(missing, []);
  for (const suite of ['unit', 'contract', 'e2e', 'lint', 'local'])
    assert.deepEqual(namedTests(`\`${suite}/x.test.ts\` *a\nb*`), [{ file: `${suite}/x.test.ts`, name: 'a b' }]);
});
