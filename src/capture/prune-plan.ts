import type { Job, Pod } from '../kube/cluster.ts';
import { endOfJob } from './job-end.ts';
import { APP_CAPTURE, LABEL_APP } from './names.ts';
import { captureOf, type Found } from './remove.ts';
import { type CaptureSummary, summarize } from './status.ts';

/** What is left behind and old enough to go. */
export type PrunePlan = {
  objects: readonly Found[];
  /** The captures among them, whole, sorted by namespace and name. */
  captures: readonly PrunedCapture[];
  /** Captures, downloads and uploads that are old enough, but still run. */
  running: readonly string[];
};

/** A capture that goes, and how many milliseconds ago it ended; one that has not, began. */
export type PrunedCapture = { capture: CaptureSummary; ageMs: number };

/** Which objects are left behind: those that ended longer ago than this; with `running`, also those that began then. */
export type PruneLimits = { now: Date; olderThanMs: number; running: boolean };

/** Jobs that live and go together: those of one capture, or a helper's. */
type Group = {
  label: string;
  ended: boolean;
  ageMs: number;
  jobs: readonly Job[];
  capture: CaptureSummary | undefined;
};

/**
 * Decides what goes: whole captures that have ended, what helped to fetch and send tarballs, pods and Secrets whose Jobs
 * are gone. What was deleted already is left to the cluster. Pure.
 */
export function planPrune(found: readonly Found[], limits: PruneLimits): PrunePlan {
  const there = found.filter(({ object }) => object.metadata?.deletionTimestamp === undefined);
  const jobs = jobsOf(there);
  const pods = there.flatMap((one) => (one.kind === 'pods' ? [one.object] : []));
  const old = groupsOf(jobs, pods, limits.now).filter(({ ageMs }) => ageMs >= limits.olderThanMs);
  const going = old.filter(({ ended }) => ended || limits.running);
  const uids = new Set(going.flatMap((group) => group.jobs.map(({ metadata }) => metadata?.uid)));
  const ownersOf = index(jobsOf(found));
  const orphans = there.filter((one) => one.kind !== 'jobs' && ownersOf(one).length === 0 && isOld(one, limits));
  const lost = new Set(orphans.filter((one) => limits.running || !runs(one)));
  const goes = (one: Found): boolean => {
    if (one.kind === 'jobs') return uids.has(one.object.metadata?.uid);
    const owners = ownersOf(one);
    return lost.has(one) || (owners.length > 0 && owners.every(({ metadata }) => uids.has(metadata?.uid)));
  };
  return {
    objects: there.filter(goes),
    captures: going.flatMap(({ capture, ageMs }) => (capture === undefined ? [] : [{ capture, ageMs }])),
    running: [
      ...old.filter((group) => !going.includes(group)).map(({ label }) => label),
      ...orphans.filter((one) => !lost.has(one)).map(({ object }) => labelOf(object)),
    ].sort(),
  };
}

function jobsOf(found: readonly Found[]): Job[] {
  return found.flatMap((one) => (one.kind === 'jobs' ? [one.object] : []));
}

/** Tells which of these Jobs a pod or Secret belongs to: those that own it; a Secret without owner, to its capture's. */
function index(jobs: readonly Job[]): (one: Found) => readonly Job[] {
  const byUid = new Map(jobs.map((job) => [job.metadata?.uid, job]));
  const place = (object: Found['object']): string => `${object.metadata?.namespace}/${captureOf(object)}`;
  const byCapture = Map.groupBy(jobs, place);
  return ({ kind, object }) => {
    const owners = (object.metadata?.ownerReferences ?? []).flatMap(({ uid }) => byUid.get(uid) ?? []);
    return owners.length > 0 || kind === 'pods' ? owners : (byCapture.get(place(object)) ?? []);
  };
}

function isOld({ object }: Found, { now, olderThanMs }: PruneLimits): boolean {
  return ageOf(now, Date.parse(object.metadata?.creationTimestamp ?? '')) >= olderThanMs;
}

function runs(one: Found): boolean {
  return one.kind === 'pods' && !/^(Succeeded|Failed)$/.test(one.object.status?.phase ?? '');
}

function groupsOf(jobs: readonly Job[], pods: readonly Pod[], now: Date): Group[] {
  const isCapture = (job: Job): boolean => job.metadata?.labels?.[LABEL_APP] === APP_CAPTURE;
  const capturing = Map.groupBy(jobs.filter(isCapture), (job) => `${job.metadata?.namespace}/${captureOf(job)}`);
  const captures = summarize({ jobs: jobs.filter(isCapture), pods, events: [] }, now).map((capture): Group => {
    const label = `${capture.namespace}/${capture.name}`;
    const own = capturing.get(label) ?? [];
    const ended = capture.state === 'Completed' || capture.state === 'Failed';
    const results = capture.nodes.flatMap(({ result }) => (result === undefined ? [] : [result.endedAt]));
    const since = Math.max(...own.map(endOf), ...results.map((at) => Date.parse(at)));
    const ageMs = ageOf(now, ended ? since : capture.createdAt.getTime());
    return { label, ended, ageMs, jobs: own, capture };
  });
  const helpers = jobs
    .filter((job) => !isCapture(job))
    .map((job): Group => {
      const ended = endOfJob(job) !== undefined;
      return { label: labelOf(job), ended, ageMs: ageOf(now, endOf(job)), jobs: [job], capture: undefined };
    });
  return [...captures, ...helpers];
}

/** When a Job ended, or was created if it has not; milliseconds since 1970. */
function endOf(job: Job): number {
  return Date.parse(endOfJob(job)?.lastTransitionTime ?? job.metadata?.creationTimestamp ?? '');
}

/** The clocks of client and server may differ: nothing is younger than now. */
function ageOf(now: Date, since: number): number {
  return Math.max(0, now.getTime() - since);
}

function labelOf({ metadata }: Found['object']): string {
  return `${metadata?.namespace}/${metadata?.name}`;
}
