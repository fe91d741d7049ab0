import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { type Ran, retina, retinaOk } from './support/cli.ts';
import { apply, kubectl, namespace, until } from './support/cluster.ts';
import { forget, leavings } from './support/leavings.ts';
import { certify, HOST } from './support/stores.ts';

const NS = 'e2e-webhooks';
const PORT = 17420;

type Review = { request: { uid: string; kind: { kind: string }; dryRun?: boolean; object: Reviewed } };
type Reviewed = { metadata?: { annotations?: Record<string, string> } };
/** Why a request is refused; undefined for one that passes. */
type Rule = (request: Review['request']) => string | undefined;

/** An admission webhook as companies run them, which the API server itself asks. */
describe('an admission webhook', () => {
  const directory = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
  let rule: Rule = () => undefined;
  let server: Server;
  let clean: () => Promise<void>;

  const listen = (): Promise<void> => new Promise((resolve) => server.listen(PORT, HOST, () => resolve()));
  const shut = (): Promise<void> => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  };

  before(async () => {
    clean = await namespace(NS);
    const { certificate, key } = await certify(directory);
    server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, async (asked, answer) => {
      const { request } = JSON.parse(await text(asked)) as Review;
      const message = rule(request);
      const response = { uid: request.uid, allowed: message === undefined, status: { message } };
      answer.setHeader('content-type', 'application/json');
      answer.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response }));
    });
    await listen();
    await apply({
      ...{ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration' },
      metadata: { name: NS },
      webhooks: [
        {
          ...{ name: 'captures.example.com', admissionReviewVersions: ['v1'], sideEffects: 'None' },
          ...{ failurePolicy: 'Fail', timeoutSeconds: 5 },
          clientConfig: { url: `https://${HOST}:${PORT}/`, caBundle: readFileSync(certificate).toString('base64') },
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': NS } },
          rules: [
            { apiGroups: ['batch'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['jobs'] },
            { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] },
          ],
        },
      ],
    });
    rule = () => 'not yet';
    await until('it is asked', async () => {
      const tried = await retina(['capture', 'create', '-n', NS, '--name', 'tried', '--duration', '1s']);
      return /not yet/.test(tried.stderr);
    });
  });
  after(async () => {
    await kubectl('delete', 'validatingwebhookconfiguration', NS, '--ignore-not-found');
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await shut().catch(() => undefined);
    forget('tried', 'second', 'down', 'podless');
    rmSync(directory, { recursive: true });
    await clean();
  });

  const create = (name: string, ...flags: readonly string[]): Promise<Ran> =>
    retina(['capture', 'create', '-n', NS, '--name', name, '--duration', '10m', ...flags], { timeoutSeconds: 120 });

  const assertNothing = async (name: string, ran: Ran): Promise<void> => {
    assert.equal(ran.code, 1, ran.stderr);
    assert.doesNotMatch(ran.stderr, /fault of kubectl-retina|saved/);
    assert.deepEqual(
      (await leavings(NS, name)).filter((left) => left.includes(`/${NS}/`)),
      [],
    );
  };

  test('that refuses the Job of one node: all is undone, and its words are told', async () => {
    rule = ({ kind, dryRun, object }) =>
      kind.kind === 'Job' && !dryRun && object.metadata?.annotations?.['retina.sh/node'] === 'node2'
        ? 'no captures on node2'
        : undefined;
    const ran = await create('second');
    assert.match(ran.stderr, /the Job for node node2 was refused: .*captures\.example\.com.* no captures on node2/);
    await assertNothing('second', ran);
  });

  test('that does not answer: told with the name of the webhook, and nothing is created', async () => {
    await shut();
    try {
      const ran = await create('down');
      assert.match(ran.stderr, /captures\.example\.com/);
      await assertNothing('down', ran);
    } finally {
      await listen();
    }
  });

  test('that refuses the pods once the Jobs are there: --wait ends with its words, and delete leaves nothing', async () => {
    rule = ({ kind, dryRun }) => (kind.kind === 'Pod' && !dryRun ? 'no host network here' : undefined);
    const ran = await create('podless', '--wait', '--timeout', '1m');
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /node1: failed: its pod was refused: .*captures\.example\.com.* no host network here/);
    assert.match(ran.stderr, /✖ 0 of 2 tarballs saved/);
    assert.match((await retina(['capture', 'status', 'podless', '-n', NS])).stdout, /no host network here/);
    await retinaOk(['capture', 'delete', 'podless', '-n', NS]);
    assert.deepEqual(await leavings(NS, 'podless'), []);
  });
});
