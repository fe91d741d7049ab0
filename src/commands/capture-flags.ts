import type { CaptureRequest } from '../capture/request.ts';
import { type DestinationFlags, toDestinations, toUploadTimeout } from './destination-flags.ts';
import { type Problems, parseDuration } from './flags.ts';
import { type JobFlags, toJobSettings } from './job-flags.ts';
import { type SettingsFlags, toSettings } from './settings-flags.ts';
import { patienceFor, type StartFlags, toStart } from './start-flags.ts';
import { type TargetFlags, toTarget } from './target-flags.ts';

/** Milliseconds that --wait gives a capture beyond its duration. */
const PATIENCE = 300_000;

/** The flags of `capture create` as typed; unset ones are undefined. */
export type CreateFlags = SettingsFlags &
  TargetFlags &
  DestinationFlags &
  StartFlags &
  JobFlags & { wait?: boolean; timeout?: string };

/** What the conversion of flags needs besides them. */
export type FlagContext = { newId: () => string; now: () => Date; env: NodeJS.ProcessEnv };

/** Flags to a request: applies defaults and every rule that needs no cluster. It counts only if there are no problems. */
export async function toCaptureRequest(
  flags: CreateFlags,
  problems: Problems,
  context: FlagContext,
): Promise<{ request: CaptureRequest; timeoutMs: number | null }> {
  const settings = await toSettings(flags, problems, context.newId);
  const target = toTarget(flags, problems);
  const { durationMs } = settings;
  const start = toStart(flags, problems, context.now());
  const destinations = toDestinations(flags, problems, { ...context, durationMs });
  const job = toJobSettings(flags, problems, context.env);
  const timeoutMs = problems.parse('--timeout', flags.timeout, parseDuration);
  const uploadTimeoutMs = toUploadTimeout(flags, problems);
  const uploading = destinations.some(({ kind }) => kind === 'blob' || kind === 's3') ? uploadTimeoutMs : 0;
  const patience = durationMs === null ? null : patienceFor(start, context.now()) + durationMs + uploading + PATIENCE;
  const cleanup = flags.cleanupAfterUpload !== true ? null : flags.wait === true ? 'client' : 'cluster';
  const request: CaptureRequest = { ...settings, target, start, destinations, uploadTimeoutMs, cleanup, job };
  return { request, timeoutMs: timeoutMs ?? patience };
}
