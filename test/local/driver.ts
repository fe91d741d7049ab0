/** Runs a workload as its own process, so that a test can put it into a network namespace and signal it. */
import { decodeSpec } from '../../src/capture/workload-spec.ts';
import { runWorkload } from '../../src/workload/run.ts';
import type { StopRequest } from '../../src/workload/watch.ts';

const controller = new AbortController();
const REQUESTS: Readonly<Record<string, StopRequest>> = {
  SIGHUP: 'requested',
  SIGTERM: 'terminated',
  SIGINT: 'interrupted',
  SIGUSR2: 'discard',
};
for (const [signal, request] of Object.entries(REQUESTS)) process.on(signal, () => controller.abort(request));

// As a second Ctrl-C does.
process.on('SIGQUIT', () => process.exit(130));

// From here on a signal is a stop; before, it would just end this process.
process.stderr.write('ready\n');
const outcome = await runWorkload(decodeSpec(process.argv[2] ?? ''), {
  stop: controller.signal,
  log: (line) => process.stderr.write(`${line}\n`),
  now: () => new Date(),
});
process.stdout.write(JSON.stringify({ ...outcome, maxRssKiB: process.resourceUsage().maxRSS }));
