import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Need, neededRights, resourceWords } from '../../../src/capture/needed-rights.ts';
import { grantsFor } from '../../../src/capture/rbac.ts';
import type { CaptureRequest } from '../../../src/capture/request.ts';
import { request, selector } from '../support/builders.ts';

const PLACE = { namespace: 'shop', wait: false, searched: [] };

/** Rights as lines: `create list jobs.batch @shop`, the gravest level first, without what is optional. */
function lines(needs: readonly Need[]): string[] {
  const needed = needs.filter(({ level }) => level !== 'optional');
  const where = (need: Need) => `${resourceWords(need)} ${need.name ?? '*'} @${need.namespace ?? '*'}`;
  return [...Map.groupBy(needed, where)].map(([place, same]) => `${same.map(({ verb }) => verb).join(' ')} ${place}`);
}

const levelOf = (needs: readonly Need[], verb: string, resource: string): string | undefined =>
  needs.find((need) => need.verb === verb && need.resource === resource)?.level;

const LIFE = [
  'create list delete watch jobs.batch * @shop',
  'list patch watch pods * @shop',
  'create get pods/exec * @shop',
];

suite('the rights that a command line needs', () => {
  test('for nodes: those of the capture, from create to delete, and to list nodes', () => {
    const needs = neededRights(request(), PLACE);
    assert.deepEqual(lines(needs).sort(), [...LIFE, 'list nodes * @*'].sort());
    assert.deepEqual(
      [levelOf(needs, 'create', 'jobs'), levelOf(needs, 'delete', 'jobs'), levelOf(needs, 'watch', 'jobs')],
      ['create', 'undo', 'later'],
    );
    assert.equal(levelOf(neededRights(request(), { ...PLACE, wait: true }), 'watch', 'jobs'), 'create');
  });

  test('to begin together: to watch the pods and to tell them, before anything is created', () => {
    const needs = neededRights(request({ start: { kind: 'together', timeoutMs: 60_000 } }), PLACE);
    const levels = [levelOf(needs, 'watch', 'jobs'), levelOf(needs, 'watch', 'pods'), levelOf(needs, 'patch', 'pods')];
    assert.deepEqual(levels, ['create', 'create', 'create']);
    const later = neededRights(request({ start: { kind: 'in', ms: 1 } }), PLACE);
    assert.equal(levelOf(later, 'patch', 'pods'), 'undo');
  });

  const KEYS = { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: undefined };
  const place = {
    bucket: 'b',
    region: 'r',
    endpoint: null,
    prefix: '',
    ca: null,
    checksums: 'when_supported',
  } as const;
  const toS3 = (access: Extract<CaptureRequest['destinations'][number], { kind: 's3' }>['access']) =>
    request({ destinations: [{ kind: 's3', place, access }] });

  test('typed keys take a Secret of the capture; an existing one is only read, by its name', () => {
    const typed = lines(neededRights(toS3({ kind: 'keys', keys: KEYS }), PLACE));
    assert.ok(typed.includes('create patch delete get secrets * @shop'), typed.join('\n'));
    const existing = neededRights(toS3({ kind: 'secret', name: 'writer' }), PLACE);
    assert.ok(lines(existing).includes('get secrets * @shop'));
    const read = existing.find(({ verb, name }) => verb === 'list' && name === 'writer');
    assert.deepEqual([read?.level, read?.resource], ['optional', 'secrets']);
    assert.ok(!lines(neededRights(toS3({ kind: 'identity' }), PLACE)).some((line) => line.includes('secrets')));
  });

  test('named objects are asked for by their names', () => {
    const objects = [{ kind: 'deployment', name: 'web' } as const, { kind: 'service', name: 'db' } as const];
    const found = lines(neededRights(request({ target: { kind: 'objects', objects } }), PLACE));
    for (const line of [
      'get deployments.apps web @shop',
      'list replicasets.apps * @shop',
      'get services db @shop',
      'list endpointslices.discovery.k8s.io * @shop',
    ])
      assert.ok(found.includes(line), `${line} is not among\n${found.join('\n')}`);
    assert.ok(!found.some((line) => line.includes('nodes')), 'nodes are only told of');
  });

  test('namespaces that a selector finds: each of them, or all where they are not known', () => {
    const target = { kind: 'pods', selector: undefined, namespaces: selector('team=a') } as const;
    const rights = (searched: readonly string[] | undefined) =>
      lines(neededRights(request({ target }), { ...PLACE, searched })).filter((line) => /pods \*/.test(line));
    assert.deepEqual(rights(['a', 'shop']), ['list pods * @a', 'list patch watch pods * @shop']);
    assert.deepEqual(rights(undefined), ['list pods * @*', 'patch watch pods * @shop']);
  });

  test('what is needed cluster-wide is not needed in the namespace besides', () => {
    const found = lines(neededRights(request({ target: { kind: 'pods-anywhere', selector: undefined } }), PLACE));
    assert.ok(found.includes('list pods * @*'));
    assert.ok(found.includes('patch watch pods * @shop'));
  });

  test('no right is there twice', () => {
    const needs = neededRights(request(), { ...PLACE, wait: true });
    const keys = needs.map(({ level: _level, why: _why, ...access }) => JSON.stringify(access));
    assert.equal(new Set(keys).size, keys.length);
  });
});

suite('the Roles that are printed', () => {
  const grants = (user: string, extra: Partial<CaptureRequest> = {}) =>
    grantsFor(neededRights(request(extra), PLACE), { user, namespace: 'shop' });

  test('a Role for the namespace and a ClusterRole for nodes, each bound to the user', () => {
    const [role, whole, ...rest] = grants('anna');
    assert.equal(rest.length, 0);
    assert.deepEqual(role?.role.rules, [
      { apiGroups: [''], resources: ['pods'], verbs: ['list', 'patch', 'watch'] },
      { apiGroups: [''], resources: ['pods/exec'], verbs: ['create', 'get'] },
      { apiGroups: ['batch'], resources: ['jobs'], verbs: ['create', 'delete', 'list', 'watch'] },
    ]);
    assert.deepEqual(role?.role.metadata, { name: 'retina-capture:anna', namespace: 'shop' });
    assert.deepEqual([whole?.role.kind, whole?.role.metadata], ['ClusterRole', { name: 'retina-capture:shop:anna' }]);
    assert.deepEqual(whole?.role.rules, [{ apiGroups: [''], resources: ['nodes'], verbs: ['list'] }]);
    const optional = role?.optional.map(({ rule }) => `${rule.verbs} ${rule.resources}`) ?? [];
    assert.ok(optional.includes('get pods/log'), optional.join('; '));
  });

  test('no ClusterRole where everything is in the namespace, and rules for the named objects alone', () => {
    const target = { kind: 'objects', objects: [{ kind: 'statefulset', name: 'db' }] } as const;
    const [role, ...rest] = grants('anna', { target });
    assert.equal(rest.length, 0);
    assert.deepEqual(role?.role.rules.at(-2), {
      apiGroups: ['apps'],
      resources: ['statefulsets'],
      resourceNames: ['db'],
      verbs: ['get'],
    });
  });

  test('a service account is a subject of its own kind; any name of a user makes a name for a Role', () => {
    const subject = (user: string) => JSON.stringify(grants(user)[0]?.binding);
    assert.match(
      subject('system:serviceaccount:ci:runner'),
      /"subjects":\[\{"kind":"ServiceAccount","name":"runner","namespace":"ci"\}\]/,
    );
    assert.match(subject('https://idp/x#a%b'), /"name":"https:\/\/idp\/x#a%b"/);
    assert.match(subject('https://idp/x#a%b'), /"roleRef":\{[^}]*"name":"retina-capture:https:--idp-x-a-b"\}/);
  });
});
