import { posix } from 'node:path';
import type { Secret } from '../kube/cluster.ts';
import { DOWNLOAD_MOUNT } from './download-job.ts';
import { destinationSpecs } from './mounts.ts';
import type { Destination, S3Access, S3Place } from './request.ts';
import { keptOnNode } from './result-words.ts';
import { buildSecret } from './secret.ts';
import { nodesOf } from './sources.ts';
import { type CaptureSummary, isFinal, type NodeStatus, type PodImage } from './status.ts';
import type { UploadOrder } from './upload-job.ts';
import { type DestinationSpec, WORKLOAD_VERSION, type WorkloadResult } from './workload-spec.ts';

/** Another way to the bucket that a capture was sent to: what is not given stays as it was. */
export type BucketChange = { place: Partial<S3Place>; access: S3Access | undefined };

/** A checked order to send a capture's tarballs again; without places, they go to those that did not take them. */
export type UploadRequest = {
  nodes: readonly string[] | undefined;
  destinations: readonly Destination[];
  bucket: BucketChange | undefined;
  timeoutMs: number;
  removeCopy: boolean;
  /** The image for a node whose capture ran this one. */
  image: (own: PodImage | undefined) => PodImage;
};

/** What is sent from where, decided without touching anything. */
export type UploadPlan = {
  orders: readonly UploadOrder[];
  /** The destinations that were typed. */
  typed: readonly Destination[];
  /** The credentials that were typed; undefined where none was. */
  secret: Secret | undefined;
  /** Nodes whose tarball cannot be sent, and why. */
  missing: readonly { node: string; why: string }[];
};

/** Decides which nodes' tarballs go where; `id` tells this run from others. */
export function planUploads(capture: CaptureSummary, request: UploadRequest, id: string): UploadPlan {
  const orders: UploadOrder[] = [];
  const missing: { node: string; why: string }[] = [];
  const typed: Destination[] = [...request.destinations];
  for (const status of nodesOf(capture, request.nodes)) {
    const { node, result, image, serviceAccount } = status;
    const destinations = wantedOf(status, request, { typed, name: capture.name, id });
    // Of another tool's pod, or of one of another version, it is not known whether anything is missing.
    if (status.destinations.length === 0 && destinations.length === 0) missing.push({ node, why: NO_ORDER });
    if (destinations.length === 0) continue;
    const copy = result === undefined ? undefined : keptOnNode(result);
    const why = whyNot(status, copy);
    if (why !== undefined) missing.push({ node, why });
    if (why !== undefined || result === undefined || copy === undefined) continue;
    const { timeoutMs, removeCopy } = request;
    const there = { path: posix.dirname(copy), directory: DOWNLOAD_MOUNT };
    const spec = { version: WORKLOAD_VERSION, result, place: there, destinations, timeoutMs, removeCopy } as const;
    orders.push({ spec, namespace: capture.namespace, image: request.image(image), serviceAccount, id });
  }
  const whole = { name: capture.name, namespace: capture.namespace, destinations: typed };
  return { orders, typed, secret: buildSecret(whole, runOf(id)), missing };
}

const NO_ORDER = 'tells of no destination that this program can read: name one, as with --s3-bucket or --blob-upload';

function runOf(id: string): { id: string } {
  return { id: `upload-${id}` };
}

type Typed = { typed: Destination[]; name: string; id: string };

/** Where a node's tarball is to go; nowhere when all that should have it do. */
function wantedOf(status: NodeStatus, request: UploadRequest, to: Typed): DestinationSpec[] {
  const { result, destinations } = status;
  const refused = destinations.filter(({ kind }) => !isFinal(status) || !tookIt(result, kind));
  const { bucket } = request;
  const changed =
    bucket === undefined ? [] : refused.flatMap((old) => (old.kind === 's3' ? [inAnotherWay(old, bucket, to)] : []));
  const given = destinationSpecs({ name: to.name, destinations: request.destinations }, runOf(to.id));
  if (bucket !== undefined || given.length > 0) return [...given, ...changed];
  return refused;
}

function tookIt(result: WorkloadResult | undefined, kind: DestinationSpec['kind']): boolean {
  return result?.destinations.find((told) => told.kind === kind)?.ok === true;
}

type S3Spec = DestinationSpec & { kind: 's3' };

function inAnotherWay(old: S3Spec, { place, access }: BucketChange, { typed, name, id }: Typed): S3Spec {
  const { bucket, region, endpoint, prefix, checksums } = old;
  const whole = { bucket, region, endpoint, prefix, checksums, ca: null, ...place };
  const destination: Destination = { kind: 's3', place: whole, access: access ?? { kind: 'identity' } };
  if (!typed.some(({ kind }) => kind === 's3')) typed.push(destination);
  const specs = destinationSpecs({ name, destinations: [destination] }, runOf(id));
  const [spec = old] = specs.flatMap((to) => (to.kind === 's3' ? [to] : []));
  return {
    ...spec,
    access: access === undefined ? old.access : spec.access,
    ca: place.ca === undefined ? old.ca : spec.ca,
  };
}

function whyNot(status: NodeStatus, copy: string | undefined): string | undefined {
  const { result, problem } = status;
  if (!isFinal(status)) return 'still captures: wait for it, or end it with: kubectl retina capture stop';
  if (result === undefined) return `has told no result, so nothing is known of its tarball: ${problem ?? 'it ended'}`;
  if (result.tarball === null) return `has no tarball: ${problem ?? 'none was made'}`;
  if (copy !== undefined) return undefined;
  const there = result.destinations.filter(({ ok }) => ok).map(({ location }) => location);
  return `has no copy of its tarball${there.length > 0 ? `; it is in ${there.join(', ')}` : ''}`;
}
