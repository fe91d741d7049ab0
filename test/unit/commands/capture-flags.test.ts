import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { CreateFlags } from '../../../src/commands/capture-flags.ts';
import { Problems, throwProblems } from '../../../src/commands/flags.ts';
import { captureName, captureNames } from '../../../src/commands/name-argument.ts';
import { UsageError } from '../../../src/errors.ts';
import { filterModel, request, START } from '../support/builders.ts';
import { convertFlags } from '../support/convert.ts';

const env = { RETINA_AGENT_IMAGE: 'registry.example/capture:v1' };
const context = { newId: () => 'x7k2q', now: () => START, env };

function convert(flags: CreateFlags, environment: NodeJS.ProcessEnv = env) {
  return convertFlags(flags, { ...context, env: environment });
}

/** The lines of the refusal. */
async function refusal(flags: CreateFlags, env?: NodeJS.ProcessEnv): Promise<string[]> {
  try {
    await convert(flags, env);
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return error.message.split('\n');
  }
  return assert.fail('it is refused');
}

const LISTING = {
  ...{ resolveNames: true, resolvePorts: true, verbosity: '', data: '', timestamps: '', linkHeader: false },
  ...{ quiet: false, absoluteSequence: false, verifyChecksums: true },
};

suite('flags to a request', () => {
  test('nothing given: the documented defaults', async () => {
    assert.deepEqual((await convert({})).request, request({ name: 'retina-capture-x7k2q' }));
    assert.equal((await convert({})).timeoutMs, 60_000 + 300_000);
  });

  /** Flags, and the part of the request that they make. */
  const rows: readonly (readonly [CreateFlags, object])[] = [
    [{ name: 'web' }, { name: 'web' }],
    [{ duration: '0' }, { durationMs: null }],
    [{ duration: '1h' }, { durationMs: 3_600_000 }],
    [{ maxSize: '0' }, { maxBytes: null }],
    [{ maxSize: '2' }, { maxBytes: 2_000_000 }],
    [{ packetSize: '96' }, { snapLength: 96 }],
    [{ packetCount: '0' }, { packetCount: null }],
    [{ packetCount: '500' }, { packetCount: 500 }],
    [{ fileCount: '3' }, { fileCount: 3, durationMs: null }],
    [
      { fileCount: '1', duration: '1m' },
      { fileCount: 1, durationMs: 60_000 },
    ],
    [
      { fileCount: '2', maxSize: '7' },
      { fileCount: 2, maxBytes: 7_000_000, durationMs: null },
    ],
    [{ noPromiscuous: true }, { promiscuous: false }],
    [{ noPromiscuous: false, packetBuffered: false, immediateMode: false }, {}],
    [{ packetBuffered: true }, { packetBuffered: true }],
    [{ immediateMode: true }, { immediate: true }],
    [{ noResolveDns: false, quietOutput: false }, { listing: null }],
    [{ noResolveDns: true }, { listing: { ...LISTING, resolveNames: false } }],
    [{ noResolvePort: true }, { listing: { ...LISTING, resolvePorts: false } }],
    [{ verbosity: 'extra' }, { listing: { ...LISTING, verbosity: 'extra' } }],
    [{ timestampFormat: 'delta-since-first' }, { listing: { ...LISTING, timestamps: 'delta-since-first' } }],
    [{ printData: 'hex-with-link' }, { listing: { ...LISTING, data: 'hex-with-link' } }],
    [{ printLinkHeader: true }, { listing: { ...LISTING, linkHeader: true } }],
    [{ quietOutput: true }, { listing: { ...LISTING, quiet: true } }],
    [{ absoluteSeq: true }, { listing: { ...LISTING, absoluteSequence: true } }],
    [{ dontVerifyChecksum: true }, { listing: { ...LISTING, verifyChecksums: false } }],
    [{ interfaces: 'eth0,lo' }, { interfaces: ['eth0', 'lo'] }],
    [{ pcapFilter: ' tcp ' }, { filter: filterModel({ expression: 'tcp' }) }],
    [{ pcapFilter: ' ' }, { filter: filterModel() }],
    [{ includeMetadata: false }, { includeMetadata: false }],
    [{ nodeNames: 'b,a' }, { target: { kind: 'node-names', names: ['a', 'b'] } }],
    [{ nodeSelectors: 'a==b' }, { target: { kind: 'nodes', selector: 'a=b' } }],
    [{ podNames: 'a' }, { target: { kind: 'pod-names', names: ['a'] } }],
    [{ podSelectors: 'a=b' }, { target: { kind: 'pods', selector: 'a=b', namespaces: undefined } }],
    [
      { podSelectors: 'a=b', namespaceSelectors: ' ' },
      { target: { kind: 'pods', selector: 'a=b', namespaces: undefined } },
    ],
    [{ podSelectors: 'a=b', namespaceSelectors: 'c' }, { target: { kind: 'pods', selector: 'a=b', namespaces: 'c' } }],
    [{ namespaceSelectors: 'c' }, { target: { kind: 'pods', selector: undefined, namespaces: 'c' } }],
    [{ hostPath: '/x/' }, { destinations: [{ kind: 'host-path', path: '/x' }] }],
    [{ hostPath: 'x' }, { destinations: [{ kind: 'host-path', path: '/var/log/retina/captures/x' }] }],
    [{ hostPath: 'x', hostPathBaseDir: '/b' }, { destinations: [{ kind: 'host-path', path: '/b/x' }] }],
    [{ image: 'a/b:c' }, { job: { ...request().job, image: 'a/b:c' } }],
    [{ imagePullPolicy: 'Never' }, { job: { ...request().job, imagePullPolicy: 'Never' } }],
    [{ imagePullSecret: 'a.b' }, { job: { ...request().job, imagePullSecrets: ['a.b'] } }],
    [
      { serviceAccount: 'a', priorityClass: 'b' },
      { job: { ...request().job, serviceAccount: 'a', priorityClass: 'b' } },
    ],
    [{ jobNumLimit: '3' }, { job: { ...request().job, maxJobs: 3 } }],
    [{ jobNumLimit: '0' }, { job: request().job }],
    [{ ttl: '1h' }, { job: { ...request().job, ttlSeconds: 3600 } }],
    [{ ttl: '1001ms' }, { job: { ...request().job, ttlSeconds: 2 } }],
    [{ ttl: '0' }, { job: { ...request().job, ttlSeconds: null } }],
    [{ cpuLimit: '1', memoryLimit: '1Gi' }, { job: { ...request().job, cpuLimit: '1', memoryLimit: '1Gi' } }],
  ];
  for (const [flags, part] of rows) {
    test(JSON.stringify(flags), async () =>
      assert.deepEqual((await convert(flags)).request, { ...request({ name: 'retina-capture-x7k2q' }), ...part }),
    );
  }

  test('how long to wait: as told, else the duration and five minutes, else without end', async () => {
    assert.equal((await convert({ timeout: '5s' })).timeoutMs, 5000);
    assert.equal((await convert({ duration: '10s' })).timeoutMs, 310_000);
    assert.equal((await convert({ duration: '0' })).timeoutMs, null);
    assert.equal((await convert({ fileCount: '2' })).timeoutMs, null);
  });

  test('without an image in the environment, that of this version', async () => {
    for (const env of [{}, { RETINA_AGENT_IMAGE: ' ' }]) {
      assert.match((await convert({}, env)).request.job.image, /^ghcr\.io\/.*:v\d/);
    }
  });
});

suite('flags that are refused', () => {
  test('one problem: one line', async () => assert.deepEqual((await refusal({ duration: '5' })).length, 1));

  test('several: a count, then each with its flag, in one message', async () => {
    const flags = { name: 'A', duration: '5', maxSize: '-1', packetSize: 'x', interfaces: 'a/b', pcapFilter: '-w' };
    const places = {
      hostPath: '/',
      hostPathBaseDir: 'x',
      cpuLimit: '?',
      memoryLimit: '1',
      imagePullPolicy: 'x',
      image: 'A',
    };
    const jobs = { imagePullSecret: '', serviceAccount: 'A', priorityClass: '-', jobNumLimit: '-1', ttl: '999ms' };
    const targets = { nodeNames: 'A', podNames: '', podSelectors: '(', nodeSelectors: '=', namespaceSelectors: '!' };
    const [head, ...problems] = await refusal({ ...flags, ...places, ...jobs, ...targets, timeout: 'x' });
    assert.equal(head, '23 problems, nothing was created');
    assert.equal(problems.length, 23);
    assert.equal(new Set(problems.map((problem) => problem.split(':')[0])).size, 23);
  });

  /** Flags, and what is told. */
  const rows: readonly (readonly [CreateFlags, RegExp])[] = [
    [{ packetCount: '-1' }, /^--packet-count: -1 is out of range/],
    [{ packetCount: '3000000000' }, /^--packet-count: 3000000000 is out of range/],
    [{ packetCount: '1e3' }, /^--packet-count: "1e3" is not a whole number/],
    [{ fileCount: '0' }, /^--file-count: 0 is out of range \(1 to 10000\)/],
    [{ fileCount: '-2' }, /^--file-count: -2 is out of range/],
    [{ fileCount: 'many' }, /^--file-count: "many" is not a whole number/],
    [{ fileCount: '3', maxSize: '0' }, /^--file-count: its files need a size, and --max-size 0 is none/],
    [{ maxSize: '99999999' }, /^--max-size: 99999999 is out of range/],
    [{ verbosity: 'verbos' }, /^--verbosity: "verbos" is not one of verbose, extra, max; did you mean verbose\?/],
    [{ verbosity: '' }, /^--verbosity: "" is not one of verbose, extra, max$/],
    [
      { timestampFormat: 'iso' },
      /^--timestamp-format: "iso" is not one of none, unformatted, delta, date, delta-since-/,
    ],
    [{ printData: 'HEX' }, /^--print-data: "HEX" is not one of .*; did you mean hex\?/],
  ];
  for (const [flags, told] of rows) {
    test(JSON.stringify(flags), async () => {
      const lines = await refusal(flags);
      assert.equal(lines.length, 1);
      assert.match(lines[0] ?? '', told);
    });
  }

  test('two kinds of target, in every combination', async () => {
    const kinds = { nodeNames: 'a', nodeSelectors: 'a=b', podNames: 'a', podSelectors: 'a=b' };
    const keys = Object.keys(kinds) as (keyof typeof kinds)[];
    for (const first of keys) {
      for (const second of keys.filter((key) => key !== first)) {
        assert.match(
          (await refusal({ [first]: kinds[first], [second]: kinds[second] }))[0] ?? '',
          /only one kind of target/,
        );
      }
      const alone = { [first]: kinds[first], namespaceSelectors: 'c=d' };
      if (first === 'podSelectors') assert.ok(await convert(alone));
      else assert.match((await refusal(alone))[0] ?? '', /only one kind of target/);
    }
  });

  test('an image in the environment that is none is told by the name of the variable', async () => {
    assert.match(
      (await refusal({}, { RETINA_AGENT_IMAGE: 'No Image' }))[0] ?? '',
      /^RETINA_AGENT_IMAGE: "No Image" is not/,
    );
    assert.ok(await convert({ image: 'good' }, { RETINA_AGENT_IMAGE: 'No Image' }));
  });

  test('what was not done is told in the words of the command', async () => {
    const problems = new Problems();
    assert.doesNotThrow(() => throwProblems(problems));
    problems.found.push('a', 'b');
    assert.throws(() => throwProblems(problems, 'deleted'), /^UsageError: 2 problems, nothing was deleted\na\nb$/);
  });
});

suite('names of captures', () => {
  test('by argument, by flag, by both when they agree', async () => {
    assert.deepEqual(captureNames(['a', 'b'], undefined), ['a', 'b']);
    assert.deepEqual(captureNames(['a', 'a'], 'b'), ['a', 'b']);
    assert.equal(captureName('a', 'a'), 'a');
    assert.equal(captureName(undefined, 'a'), 'a');
    // The reference CLI lets them have dots.
    assert.equal(captureName('a.b', undefined), 'a.b');
  });

  test('refused: none, two for one, and what no capture can be called', async () => {
    assert.throws(() => captureNames([], undefined), /no capture is named/);
    assert.throws(() => captureName('a', 'b'), /one capture can be named, not a and b/);
    for (const name of ['', '../x', '.', 'A', '-a', 'a/b', 'a'.repeat(64)]) {
      assert.throws(() => captureName(name, undefined), /cannot be the name of a capture/, name);
    }
  });
});
