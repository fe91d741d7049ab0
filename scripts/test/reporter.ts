import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';
import { inspect, styleText } from 'node:util';
import { type Counts, noCounts } from './counts.ts';
import type { Failure } from './failures.ts';
import type { Outcome } from './fault-matrix.ts';
import { toLines } from './json-lines.ts';
import { type PlatformCheck, renderPlatformChecks, toPlatformCheck } from './platforms.ts';

// A reporter for Node's test runner: one line a test, and at the end a table of what was checked of which platform, if
// tests name some. For scripts/test.ts it writes the counts to the file in TEST_COUNTS as one line of JSON, and appends each
// test to that in TEST_OUTCOMES and each failure to that in TEST_FAILURES.

const marks: Readonly<Record<keyof Counts, string>> = {
  passed: styleText('green', '✔'),
  failed: styleText('red', '✖'),
  skipped: styleText('yellow', '–'),
};

type Begun = Extract<TestEvent, { type: 'test:start' }>['data'];
type Result = Extract<TestEvent, { type: 'test:pass' | 'test:fail' }>['data'];

function errorOf(result: Result): Error | undefined {
  return 'error' in result.details && result.details.error instanceof Error ? result.details.error : undefined;
}

function outcomeOf(result: Result): keyof Counts {
  if (isSet(result.skip) || isSet(result.todo)) return 'skipped';
  return errorOf(result) ? 'failed' : 'passed';
}

function isSet(value: string | boolean | undefined): boolean {
  return value !== undefined && value !== false;
}

/** What a test threw; Node wraps it. */
function describeError(error: Error): string {
  const cause = error.cause ?? error;
  if (!(cause instanceof Error)) return inspect(cause);
  const inner = cause.cause === undefined ? '' : `\ncaused by: ${inspect(cause.cause)}`;
  return `${cause.stack ?? cause.message}${inner}`.replace(/\n +at .*node:(internal|async_hooks).*/gu, '');
}

/** Groups (suites, and tests with tests in them) are not counted, unless they fail by themselves. */
function isGroup(result: Result, hadChildren: boolean): boolean {
  const error = errorOf(result);
  if (error && 'failureType' in error && error.failureType === 'subtestsFailed') return true;
  return !error && (hadChildren || result.details.type === 'suite');
}

/** What Node says about the whole run; scripts/test.ts says it better. */
const summary = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /u;

interface State {
  readonly counts: { -readonly [outcome in keyof Counts]: Counts[outcome] };
  /** Names of the tests that are open, by nesting. */
  readonly path: string[];
  /** Whether the open test of that nesting has had tests in it. */
  readonly parents: boolean[];
  readonly failures: Failure[];
  readonly platforms: PlatformCheck[];
  readonly outcomes: Outcome[];
  /** Of the group or test that is open and in no other. */
  top: string | undefined;
  /** Whose heading was printed last. */
  file: string | undefined;
}

/** Tests may be made by a module that test files share: what counts is the file of the outermost group. */
function begin(state: State, { nesting, name, file }: Begun): void {
  state.path[nesting] = name;
  if (nesting === 0) state.top = file;
}

function* renderResult(state: State, result: Result): Generator<string> {
  const { nesting } = result;
  const group = isGroup(result, state.parents[nesting] ?? false);
  state.parents[nesting] = false;
  if (nesting > 0) state.parents[nesting - 1] = true;
  if (group) return;
  const file = relative(process.cwd(), state.top ?? '');
  if (file !== state.file) yield `${styleText('bold', file)}\n`;
  state.file = file;
  const outcome = outcomeOf(result);
  state.counts[outcome] += 1;
  const name = [...state.path.slice(0, nesting), result.name].join(' › ');
  const platform = toPlatformCheck(name, outcome);
  if (platform) state.platforms.push(platform);
  state.outcomes.push({ file, name, outcome });
  const reason = typeof result.skip === 'string' ? `: ${result.skip}` : '';
  yield `  ${marks[outcome]} ${name}${reason} ${styleText('dim', `(${Math.round(result.details.duration_ms)} ms)`)}\n`;
  const error = errorOf(result);
  if (outcome === 'failed' && error) {
    const where = `${relative(process.cwd(), result.file ?? '')}:${result.line ?? 0}`;
    state.failures.push({ name, where, error: describeError(error) });
  }
}

function keep(file: string | undefined, text: string): void {
  if (file !== undefined && text !== '') appendFileSync(file, text);
}

// biome-ignore lint/style/noDefaultExport: the form that Node's test runner asks for
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const state: State = {
    counts: { ...noCounts },
    path: [],
    parents: [],
    failures: [],
    platforms: [],
    outcomes: [],
    top: undefined,
    file: undefined,
  };
  for await (const event of source) {
    if (event.type === 'test:start') begin(state, event.data);
    if (event.type === 'test:pass' || event.type === 'test:fail') yield* renderResult(state, event.data);
    if (event.type === 'test:diagnostic' && !summary.test(event.data.message)) yield `  ${event.data.message}\n`;
    if (event.type === 'test:stdout' || event.type === 'test:stderr') yield event.data.message;
  }
  if (state.platforms.length) yield `\n${renderPlatformChecks(state.platforms)}`;
  keep(process.env.TEST_COUNTS, `${JSON.stringify(state.counts)}\n`);
  keep(process.env.TEST_OUTCOMES, toLines(state.outcomes));
  keep(process.env.TEST_FAILURES, toLines(state.failures));
}
