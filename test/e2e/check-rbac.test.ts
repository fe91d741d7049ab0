import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { loadAll } from 'js-yaml';
import { retina } from './support/cli.ts';
import { apply, kubectl, namespace, objects, until } from './support/cluster.ts';
import { type Account, makeAccount, type Role } from './support/grants.ts';
import { downloads, forget } from './support/leavings.ts';
import { S3_KEYS, s3Server } from './support/stores.ts';

const NS = 'e2e-check-rbac';
/** Where a selector finds pods besides. */
const OTHER = 'e2e-check-rbac-other';
const directory = mkdtempSync(join(tmpdir(), 'retina-check-'));
const s3 = s3Server(17391);
const ENV = { AWS_ACCESS_KEY_ID: S3_KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: S3_KEYS.secretAccessKey };

/** Command lines that take different rights, and whether their ClusterRole is needed. */
const LINES: readonly { what: string; flags: readonly string[]; kinds: readonly string[] }[] = [
  { what: 'a node', flags: ['--node-names', 'node1'], kinds: ['Role', 'ClusterRole'] },
  { what: 'a Deployment', flags: ['deploy/web'], kinds: ['Role'] },
  {
    // Whoever may not read namespaces cannot know which ones: pods are read in all of them.
    what: 'pods of the namespaces that a selector finds',
    flags: ['--pod-selectors', 'app=web', '--namespace-selectors', `check=${NS}`],
    kinds: ['ClusterRole', 'Role'],
  },
  {
    what: 'a Service, with keys that are typed, to S3',
    flags: ['svc/web', '--s3-bucket', 'checked', '--s3-endpoint', s3.url],
    kinds: ['Role'],
  },
];

function workload(ns: string): object[] {
  const container = { name: 'c', image: 'localhost/debian:test', command: ['sleep', '3600'] };
  const spec = {
    ...{ terminationGracePeriodSeconds: 0, tolerations: [{ operator: 'Exists' }], nodeName: 'node1' },
    containers: [container],
  };
  const labels = { app: 'web' };
  const metadata = { name: 'web', namespace: ns };
  const pods = { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } };
  return [
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: pods },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: labels, ports: [{ port: 80 }] } },
  ];
}

type Right = { verb: string; resource: string; subresource: string | null; allowed: boolean; needed: boolean };
type Document = { ready: boolean; rights: Right[]; checks: { check: string; state: string; message: string }[] };

describe('capture check --print-rbac', () => {
  let account: Account;
  const clean: (() => Promise<void>)[] = [];
  const as = (verb: string, flags: readonly string[]) =>
    retina(['capture', verb, ...flags, '-n', NS, '--kubeconfig', account.kubeconfig], { env: ENV });

  before(async () => {
    clean.push(...(await Promise.all([namespace(NS), namespace(OTHER)])));
    for (const ns of [NS, OTHER]) {
      await kubectl('label', 'namespace', ns, `check=${NS}`);
      await apply(...workload(ns));
    }
    await s3.start();
    await s3.makeBucket('checked');
    await Promise.all([NS, OTHER].map((ns) => kubectl('-n', ns, 'rollout', 'status', 'deploy/web', '--timeout=90s')));
    account = await makeAccount(NS, 'capturer');
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await account.end();
    await s3.end();
    forget(...LINES.map((_line, index) => `measured-${index}`));
    rmSync(directory, { recursive: true });
    await kubectl('delete', 'clusterrole,clusterrolebinding', clusterName(), '--ignore-not-found');
    await Promise.all(clean.map((remove) => remove()));
  });

  const clusterName = (): string => `retina-capture:${NS}:${account.user}`;

  async function documentOf(flags: readonly string[]): Promise<Document> {
    return JSON.parse((await as('check', [...flags, '-o', 'json'])).stdout) as Document;
  }

  /** The rights that are needed and missing, each with its resource. */
  const lacking = ({ rights }: Document): Right[] => rights.filter(({ allowed, needed }) => needed && !allowed);

  for (const [index, { what, flags, kinds }] of LINES.entries()) {
    const name = `measured-${index}`;
    const line = [...flags, '--name', name, '--duration', '1s', '--wait'];
    let roles: Role[] = [];

    test(`${what}: without rights, check names them all, and create creates nothing`, async () => {
      const checked = await as('check', line);
      assert.equal(checked.code, 1, checked.stderr);
      assert.match(checked.stdout, /^✖ +rights +you may not create, list, watch, delete jobs\.batch in namespace/m);
      assert.match(checked.stdout, /^✖ +rights +you may not create, get pods\/exec in namespace .*download/m);
      const created = await as('create', line);
      assert.equal(created.code, 1);
      assert.match(
        created.stderr,
        /error: you may not create, list, watch jobs\.batch in namespace \S+ \(user system:serv/,
      );
      assert.match(created.stderr, /Nothing was created/);
      assert.deepEqual(await objects(NS), []);
    });

    test(`${what}: what is printed is enough for all of a capture's life`, async () => {
      const documents = loadAll((await as('check', [...line, '--print-rbac'])).stdout) as Role[];
      roles = documents.filter(isRole);
      assert.deepEqual(roles.map(({ kind }) => kind).sort(), [...kinds].sort());
      await apply(...documents);
      await until('the rights are there', async () => (await as('check', line)).code === 0);
      const created = await as('create', line);
      assert.equal(created.code, 0, created.stderr);
      assert.match(created.stderr, /1 of 1 tarball saved|2 of 2 tarballs saved/);
      assert.doesNotMatch(created.stderr, /you may not/);
      for (const [verb, ...more] of [
        ['status', name],
        ['download', name, '-o', directory],
        ['delete', name],
      ] as const) {
        const ran = await as(verb, more);
        assert.equal(ran.code, 0, `${verb}: ${ran.stderr}`);
      }
      assert.deepEqual([await objects(NS), await downloads(NS)], [[], []]);
    });

    test(`${what}: of each rule that is taken away, check names exactly that one`, async () => {
      const rules = roles.flatMap((role) => role.rules.map((rule) => ({ role, rule })));
      assert.ok(rules.length >= 4);
      for (const { role, rule } of rules) {
        await apply({ ...role, rules: role.rules.filter((each) => each !== rule) });
        const [resource = '', subresource = ''] = rule.resources[0]?.split('/') ?? [];
        let found: Document | undefined;
        await until(`${rule.resources} is missing`, async () => {
          found = await documentOf(line);
          return lacking(found).length > 0;
        });
        assert.ok(found !== undefined);
        const names = lacking(found).map((right) => [right.resource, right.subresource ?? '', right.verb].join(' '));
        assert.deepEqual(
          [...new Set(names)].sort(),
          rule.verbs.map((verb) => [resource, subresource, verb].join(' ')).sort(),
        );
        assert.equal(found.ready, false);
        const told = found.checks.filter(({ state }) => state === 'missing');
        const lines = told.map(({ check }) => check);
        // A rule for all namespaces is missed in each of those that the selector finds.
        assert.deepEqual(
          lines,
          Array(what.includes('selector') ? lines.length : 1).fill('rights'),
          JSON.stringify(told),
        );
        await apply(role);
        await until(`${rule.resources} is back`, async () => lacking(await documentOf(line)).length === 0);
      }
      for (const role of roles)
        await kubectl('delete', role.kind.toLowerCase(), role.metadata.name, ...inNamespace(role));
      await until('no right is left', async () => lacking(await documentOf(line)).length > 3);
    });
  }

  test('kubectl takes it from a pipe, twice, and without a change the second time', async () => {
    const { stdout } = await as('check', ['deploy/web', '--print-rbac']);
    const applied = () => execa('kubectl', ['apply', '-f', '-'], { input: stdout });
    await applied();
    const again = (await applied()).stdout.split('\n');
    assert.ok(again.length >= 2 && again.every((text) => text.endsWith(' unchanged')), again.join('\n'));
    assert.match(stdout, /^# without it, why a pod was refused, or does not begin, is not told/m);
    for (const kind of ['role', 'rolebinding'])
      await kubectl('delete', kind, `retina-capture:${account.user}`, '-n', NS);
  });
});

function isRole({ kind }: Role): boolean {
  return kind === 'Role' || kind === 'ClusterRole';
}

function inNamespace({ metadata }: Role): string[] {
  return metadata.namespace === undefined ? [] : ['-n', metadata.namespace];
}
