import { monotonic } from './monotonic.ts';

/** Takes one line for each request that was answered, or was not. */
export type Traced = (line: string) => void;

/** Of a query, only what selects: a line may be pasted into a report. */
const SHOWN = ['labelSelector', 'fieldSelector', 'limit', 'watch', 'dryRun'];

/** Runs a request and traces its method, path, outcome and milliseconds; never a header, a body or another query field. */
export async function trace<T>(
  traced: Traced,
  request: { method: string; path: string; query?: Readonly<Record<string, string | number | undefined>> },
  send: () => Promise<{ value: T; outcome: string | number }>,
): Promise<T> {
  const began = monotonic();
  const query = SHOWN.flatMap((name) =>
    request.query?.[name] === undefined ? [] : [`${name}=${request.query[name]}`],
  );
  const where = `${request.method} ${request.path}${query.length > 0 ? `?${query.join('&')}` : ''}`;
  const told = (outcome: string | number): void =>
    traced(`${where} ${outcome} in ${Math.round(monotonic() - began)} ms`);
  try {
    const { value, outcome } = await send();
    told(outcome);
    return value;
  } catch (error) {
    told('failed');
    throw error;
  }
}
