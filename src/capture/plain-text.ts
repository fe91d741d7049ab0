/** Line breaks, however they are spelled; and tabs, which would shift what follows. */
const BREAKS = /[\n\r\t\v\f\u0085\u2028\u2029]+ */g;

/** Text of others as one line: a line break in it could pass for a line of ours, such as "saved". */
export function oneLine(text: string): string {
  return text.trim().replace(BREAKS, ' ');
}

/** A value with all texts in it as one line each: whoever may make pods writes what they tell. */
export function plainText<T>(value: T): T;
export function plainText(value: unknown): unknown {
  if (typeof value === 'string') return oneLine(value);
  if (Array.isArray(value)) return value.map((each) => plainText<unknown>(each));
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plainText<unknown>(each)]));
}
