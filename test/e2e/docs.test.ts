import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type DocCommand, extractCommands } from './support/doc-commands.ts';
import { DELETED, type DocLab, openLab, openStores, runAsReader, standIn } from './support/doc-lab.ts';
import { forget } from './support/leavings.ts';

const root = resolve(import.meta.dirname, '../..');
const pages = ['README.md', ...globSync('docs/*.md', { cwd: root }).sort()];
const read = (page: string) => readFileSync(join(root, page), 'utf8');

/** Every command of the README and of the pages in docs/ is typed here, with the stand-ins of support/doc-lab.ts. */
describe('what the pages tell readers to type', { concurrency: 4 }, () => {
  const work = mkdtempSync(join(tmpdir(), 'retina-docs-'));
  const captures = [...DELETED];
  let stores: Awaited<ReturnType<typeof openStores>>;

  before(async () => {
    stores = await openStores();
  });
  after(async () => {
    await stores.end();
    // Not before: pages share names, and the files of one may be another's.
    forget(...captures);
    rmSync(work, { recursive: true });
  });

  function labOf(page: string): DocLab {
    const name = `e2e-docs-${basename(page, '.md').toLowerCase()}`;
    return { ...stores.stores, namespace: name, directory: join(work, name) };
  }

  for (const page of pages) {
    const { commands, notRun } = extractCommands(page, read(page));
    if (commands.length + notRun.length === 0) continue;
    test(`${page}: ${commands.length} commands`, async (t) => {
      for (const { line, reason } of notRun) t.diagnostic(`${page}:${line} is not run: ${reason}`);
      const lab = labOf(page);
      const close = await openLab(lab);
      try {
        for (const command of commands) await assertRuns(command, lab);
      } finally {
        captures.push(...(await close()));
      }
    });
  }

  test('a command that does not work fails its page', async () => {
    const lab = { ...labOf('nothing'), directory: work };
    const text = '```\nkubectl retina capture list --no-such-flag\nkubectl retina version --client\n```\n';
    const { commands } = extractCommands('page.md', text);
    const [wrong, right] = commands;
    assert.ok(wrong && right && commands.length === 2);
    await assert.rejects(assertRuns(wrong, lab), /page\.md:1[\s\S]*exit code 2, not 0[\s\S]*--no-such-flag/);
    await assertRuns(right, lab);
  });
});

async function assertRuns(command: DocCommand, lab: DocLab): Promise<void> {
  const { code, output } = await runAsReader(command.script, lab);
  const where = `${command.page}:${command.line}`;
  assert.equal(
    code,
    command.code,
    `${where}\n${standIn(command.script, lab)}\nexit code ${code}, not ${command.code}\n${output}`,
  );
}

describe('what is looked for in a page', () => {
  test('lines, scripts, sessions, pipelines, and the reason why a block is not run', () => {
    const text = [
      '```\none --a \\\n  --b\n# a comment\ntwo   # exit code 1\n```',
      '```sh\nset +e\nthree\n```',
      '```\n$ four\nits output\n```',
      '```yaml\njobs: {a: {steps: [{run: five}]}}\nb: {script: [six, seven]}\n```',
      "```groovy\nsh 'eight'\nsh '''\nnine\n'''\n```",
      '<!-- not run: takes a week -->\n```\nten\n```',
      '```text\nno command\n```',
    ];
    const { commands, notRun } = extractCommands('p', text.join('\n\n'));
    assert.deepEqual(
      commands.map(({ script }) => script.trim()),
      ['one --a   --b', 'two   # exit code 1', 'set +e\nthree', 'four', 'five', 'six\nseven', 'eight', 'nine'],
    );
    assert.deepEqual([commands[1]?.code, notRun], [1, [{ page: 'p', line: 30, reason: 'takes a week' }]]);
    assert.throws(() => extractCommands('p', '```ruby\nx\n```'), /block of ruby/);
    assert.throws(() => extractCommands('p', '```text\nkubectl get pods\n```'), /commands in a block of text/);
  });

  test('no capture command hides in the middle of a sentence', () => {
    for (const page of pages) {
      const prose = read(page).replaceAll(/^( *)```[\s\S]*?^\1```$/gmu, '');
      assert.deepEqual([page, ...(prose.match(/`kubectl retina capture [^`]+`/gu) ?? [])], [page]);
    }
  });
});
