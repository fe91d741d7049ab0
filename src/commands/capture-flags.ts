import type { CaptureRequest } from '../capture/request.ts';
import { type DestinationFlags, toDestinations } from './destination-flags.ts';
import { Problems, parseDuration, throwProblems } from './flags.ts';
import { type JobFlags, toJobSettings } from './job-flags.ts';
import { type SettingsFlags, toSettings } from './settings-flags.ts';
import { type TargetFlags, toTarget } from './target-flags.ts';

/** Milliseconds that --wait gives a capture beyond its duration. */
const PATIENCE = 300_000;

/** The flags of `capture create` as typed; unset ones are undefined. */
export type CreateFlags = SettingsFlags &
  TargetFlags &
  DestinationFlags &
  JobFlags & { wait?: boolean; timeout?: string };

/** What the conversion of flags needs besides them. */
export type FlagContext = { newId: () => string; now: () => Date; env: NodeJS.ProcessEnv };

/** Flags to a request: applies defaults and every rule that needs no cluster. Throws a UsageError with all problems. */
export async function toCaptureRequest(
  flags: CreateFlags,
  context: FlagContext,
): Promise<{ request: CaptureRequest; timeoutMs: number | null; warnings: readonly string[] }> {
  const problems = new Problems();
  const converted = await convertFlags(flags, problems, context);
  throwProblems(problems);
  return { ...converted, warnings: problems.warnings };
}

/** The same, where other problems are told together with those of the flags; it counts only if there are none. */
export async function convertFlags(
  flags: CreateFlags,
  problems: Problems,
  context: FlagContext,
): Promise<{ request: CaptureRequest; timeoutMs: number | null }> {
  const settings = await toSettings(flags, problems, context.newId);
  const target = toTarget(flags, problems);
  const { durationMs } = settings;
  const destinations = toDestinations(flags, problems, { ...context, durationMs });
  const job = toJobSettings(flags, problems, context.env);
  const timeoutMs = problems.parse('--timeout', flags.timeout, parseDuration);
  const patience = settings.durationMs === null ? null : settings.durationMs + PATIENCE;
  const cleanup = flags.cleanupAfterUpload !== true ? null : flags.wait === true ? 'client' : 'cluster';
  const request: CaptureRequest = { ...settings, target, destinations, cleanup, job };
  return { request, timeoutMs: timeoutMs ?? patience };
}
