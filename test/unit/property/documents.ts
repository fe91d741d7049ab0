import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeDigest } from '../../../src/capture/node-files.ts';
import { decodeUploadResult, decodeUploadSpec } from '../../../src/capture/upload-spec.ts';
import {
  decodeResult,
  decodeSpec,
  encodeResult,
  encodeSpec,
  filterOfSpec,
  MAX_RESULT_BYTES,
} from '../../../src/capture/workload-spec.ts';
import { readResult } from '../../../src/commands/store-tarballs.ts';
import type { Store } from '../../../src/upload/store.ts';
import { result, spec } from '../support/builders.ts';
import { almost, almostJson, hostile, json } from './inputs.ts';
import { assertTold, property } from './property.ts';

/** Decodes; what is wrong is told of the document by its name. */
function decoded<T>(text: string, decode: (text: string) => T, names: RegExp): T | undefined {
  try {
    return decode(text);
  } catch (error) {
    assert.ok(error instanceof Error && error.constructor === Error, String(error));
    assertTold(error.message, names);
    return undefined;
  }
}

/** A document as whoever may write there writes it: its values changed, its text changed, or cut off. */
function written(right: object): fc.Arbitrary<string> {
  const changed = almostJson(fc.constant(right)).map((value) => JSON.stringify(value) ?? '');
  const cut = fc.tuple(changed, fc.nat(4096)).map(([text, length]) => text.slice(0, length));
  return fc.oneof(
    changed,
    almost(fc.constant(JSON.stringify(right))),
    cut,
    json.map((value) => JSON.stringify(value)),
    hostile,
  );
}

const told = result({
  destinations: [
    { kind: 's3', location: 's3://evidence/x.tar.gz', ok: false, error: 'AccessDenied: no' },
    { kind: 'host-path', location: '/mnt/x.tar.gz', ok: true, durableAt: '2026-11-21T10:16:01Z' },
  ],
  errors: ['x'],
  rescued: '/var/lib/retina/rescued/x.tar.gz',
});
const access = { secret: 'keys', directory: '/var/run/secrets/retina/s3' };
const order = spec({
  destinations: [
    { kind: 'host-path', path: '/mnt/x', directory: '/output/host-path' },
    {
      kind: 's3',
      bucket: 'b',
      region: 'r',
      endpoint: null,
      prefix: 'p',
      ca: null,
      checksums: 'when_supported',
      access,
    },
    { kind: 'blob', container: null, access },
  ],
  nodePlace: { path: '/var/lib/retina', directory: '/output/node' },
});

property(
  'termination messages: a result with the right types, or what is wrong with it',
  5000,
  written(told),
  (text) => {
    const read = decoded(text, decodeResult, /^the result (is not JSON|has (no )?version|is wrong at )/);
    if (read === undefined) return;
    for (const number of [read.packets, read.droppedByKernel, read.droppedByInterface, read.pcapBytes])
      assert.ok(Number.isFinite(number));
    assert.deepEqual(decodeResult(JSON.stringify(read)), read);
  },
);

const errors = fc.array(fc.oneof(hostile, fc.string({ maxLength: 2000 }), fc.constant('ü'.repeat(1500))), {
  maxLength: 20,
});
const locations = fc.array(
  fc.record({ location: fc.string({ maxLength: 300 }), error: fc.string({ maxLength: 3000 }) }),
  { maxLength: 4 },
);

property(
  'results fit into a termination message, and are read as they were but for long words',
  2000,
  fc.tuple(errors, locations),
  ([words, places]) => {
    const destinations = places.map((place) => ({ ...place, kind: 's3' as const, ok: false }));
    const whole = result({ errors: words, destinations });
    const text = encodeResult(whole);
    const read = decodeResult(text);
    const escaped = JSON.stringify(places.map(({ location }) => location));
    assert.ok(Buffer.byteLength(text) <= Math.max(MAX_RESULT_BYTES, 2500 + Buffer.byteLength(escaped)));
    assert.deepEqual({ ...read, errors: [], destinations: [] }, { ...whole, errors: [], destinations: [] });
    assert.deepEqual(
      read.destinations.map(({ location }) => location),
      places.map(({ location }) => location),
    );
    assert.equal(read.errors.length > 0, words.length > 0);
  },
);

property('workload orders: an order with the right types, or what is wrong with it', 4000, written(order), (text) => {
  const read = decoded(text, decodeSpec, /^the workload specification (is not JSON|has (no )?version|is wrong at )/);
  if (read !== undefined) assert.deepEqual(decodeSpec(encodeSpec(read)), read);
  const filter = filterOfSpec(text);
  assert.ok(filter === undefined || typeof filter === 'string');
});

const upload = {
  version: 3,
  result: told,
  place: order.nodePlace,
  destinations: order.destinations,
  timeoutMs: 1,
  removeCopy: false,
};

property(
  'upload orders and their results',
  2500,
  fc.tuple(written(upload), written({ version: 3, destinations: told.destinations, removed: false, errors: [] })),
  ([spoken, answer]) => {
    decoded(spoken, decodeUploadSpec, /^the upload specification (is not JSON|has (no )?version|is wrong at )/);
    decoded(answer, decodeUploadResult, /^the result of the upload (is not JSON|has (no )?version|is wrong at )/);
  },
);

/** A store that gives one text for every name, in pieces. */
function storeOf(text: string): Store {
  const bytes = Buffer.from(text);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 500) yield bytes.subarray(at, at + 500);
  }
  return {
    kind: 's3',
    place: 's3://b',
    list: async () => [],
    read: async () => ({ size: bytes.length, bytes: pieces() }),
  };
}

property(
  '<stem>.json in a store: a sound result whose texts are one line each, or none',
  3000,
  written(told),
  async (text) => {
    const read = await readResult(storeOf(text), 'x.json', AbortSignal.timeout(60_000));
    if (read === undefined) return;
    assert.match(read.capture, /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
    assert.ok(!Number.isNaN(Date.parse(read.startedAt)));
    for (const line of [read.node, ...read.errors, ...read.destinations.map(({ location }) => location)])
      assert.doesNotMatch(line, /[\n\r\t\u2028\u2029]/);
  },
);

property('what a download pod prints of a file', 2000, written({ bytes: 5, sha256: 'ab'.repeat(32) }), (text) => {
  try {
    const { bytes } = decodeDigest(text);
    assert.ok(Number.isSafeInteger(bytes) && bytes >= 0);
  } catch (error) {
    // Told by the caller in its own words: "the answer of the download pod … cannot be read".
    assert.match((error as Error).constructor.name, /^(SyntaxError|\$?ZodError|\$ZodRealError)$/);
  }
});
