import { access, constants } from 'node:fs/promises';
import { hostname } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { composeFilter } from '../capture/filter.ts';
import { workloadSpec } from '../capture/plan.ts';
import { stopReasonWords } from '../capture/status.ts';
import { shellWord } from '../capture/suggest.ts';
import type { WorkloadResult } from '../capture/workload-spec.ts';
import type { Deps } from '../deps.ts';
import { CaptureError } from '../errors.ts';
import { runWorkload } from '../workload/run.ts';
import { checkNodeFilters } from './filter-check.ts';
import { filterLines } from './filter-lines.ts';
import { Problems, throwProblems } from './flags.ts';
import { count, limitWords, plural, size } from './render.ts';
import { type SettingsFlags, toSettings } from './settings-flags.ts';

/** `capture local`: the same capture on this machine, without a cluster. Ctrl-C ends it and keeps the tarball. */
export async function local(deps: Deps, flags: SettingsFlags & { output?: string }): Promise<number> {
  const problems = new Problems();
  const settings = await toSettings(flags, problems, deps.newId);
  throwProblems(problems, 'captured');
  for (const warning of problems.warnings) deps.ui.warn(warning);
  await requireTcpdump(deps.env);
  const directory = resolve(flags.output ?? '.');
  const spec = workloadSpec(settings, {
    namespace: '',
    node: nodeName(hostname()),
    filter: composeFilter([], settings.filter),
    pktmon: null,
    destinations: [{ kind: 'host-path', path: directory, directory }],
    uploadTimeoutMs: null,
    now: deps.now(),
  });
  const narrowed = [{ node: 'this machine', filter: spec.filter }];
  for (const warning of await checkNodeFilters(narrowed, settings)) deps.ui.warn(warning);
  deps.ui.note(
    `Capture ${spec.capture} on this machine, ${limitWords(settings, '')} (Ctrl-C ends it and keeps the files)`,
  );
  for (const line of filterLines(narrowed, deps.ui.verbose)) deps.ui.note(line);
  const stop = new AbortController();
  deps.signal.addEventListener('abort', () => stop.abort('interrupted'), { once: true });
  const outcome = await runWorkload(spec, { stop: stop.signal, now: deps.now, log: deps.ui.note });
  if (outcome.kind === 'discarded') return 1;
  return report(deps, outcome.result, settings.fileCount !== null);
}

function report(deps: Deps, result: WorkloadResult, ring: boolean): number {
  const saved = result.destinations.filter((to) => to.ok);
  const good = saved.length === result.destinations.length && result.errors.length === 0;
  const lost = result.droppedByKernel + result.droppedByInterface;
  const facts = `${plural(result.packets, 'packet')}, ${count(lost)} lost, ${size(result.tarball?.bytes ?? 0)}`;
  deps.ui.outcome(
    good,
    `${saved.length > 0 ? 'saved' : 'not saved'} (${stopReasonWords(result.stopReason)}): ${facts}`,
  );
  for (const { location } of saved) deps.ui.print(location);
  for (const error of result.errors) deps.ui.note(`  ${error}`);
  for (const { ok, location, error } of result.destinations) {
    if (!ok) deps.ui.note(`  not saved to ${location}: ${error ?? 'no reason told'}`);
  }
  const [first] = saved;
  if (first !== undefined) deps.ui.note(`Next: ${readingCommand(first.location, ring)}`);
  return good ? 0 : 1;
}

/** The packets of a tarball as text. A ring's files have their headers each, so they cannot be read one after another. */
function readingCommand(location: string, ring: boolean): string {
  const tarball = shellWord(location);
  if (ring) return `FILES=$(tar -xvzf ${tarball} --wildcards '*.pcap*'); echo "$FILES" | tcpdump -nV - | less`;
  return `tar -xzf ${tarball} -O --wildcards '*.pcap*' | tcpdump -nr - | less`;
}

/** A machine's own name as a node's name would be written. */
function nodeName(host: string): string {
  return (
    host
      .toLowerCase()
      .replace(/[^a-z0-9.-]+/g, '-')
      .replace(/^[-.]+|[-.]+$/g, '') || 'localhost'
  );
}

async function requireTcpdump(env: NodeJS.ProcessEnv): Promise<void> {
  if (process.platform !== 'linux') {
    throw new CaptureError(`capture local needs Linux, and this is ${process.platform}`, {
      hint: 'Captures of a cluster can be made from here: kubectl retina capture create',
    });
  }
  const places = `${env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/usr/bin${delimiter}/sbin`.split(delimiter);
  const found = await Promise.all(
    places.map((place) =>
      access(join(place, 'tcpdump'), constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  if (!found.includes(true)) {
    throw new CaptureError('tcpdump is not installed on this machine', { hint: 'apt-get install tcpdump' });
  }
  if (process.getuid?.() !== 0) {
    throw new CaptureError('only root may capture packets', { hint: 'sudo kubectl-retina capture local …' });
  }
}
