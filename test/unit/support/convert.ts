import { type CreateFlags, type FlagContext, toCaptureRequest } from '../../../src/commands/capture-flags.ts';
import { Problems, throwProblems } from '../../../src/commands/flags.ts';

/** The request of a command line, with its warnings; throws a UsageError with all problems. */
export async function convertFlags(flags: CreateFlags, context: FlagContext) {
  const problems = new Problems();
  const converted = await toCaptureRequest(flags, problems, context);
  throwProblems(problems);
  return { ...converted, warnings: problems.warnings };
}
