import fc from 'fast-check';

/** Characters that steer terminals, shells, parsers and file systems. */
export const HOSTILE = [
  ...['\u001b[2J', '\u009b31m', '\u0007', '\r', '\n', '\t', '\0', '\u007f', '\u202e', '\u2066', '\u2028', '\ufeff'],
  ...[
    '../',
    '/',
    '\\',
    '"',
    "'",
    '`',
    '$(x)',
    ';',
    '|',
    '&',
    '%',
    '#',
    '{',
    '}',
    '[',
    ']',
    '(',
    ')',
    '=',
    '!',
    ',',
    ':',
  ],
  ...[' ', '\u00a0', '-', '--', '.', '..', '*', '~', '@', '<', '>', '😀', 'é', '\ud800', '__proto__', 'constructor'],
];

/** Texts of hostile pieces, with some words between. */
export const hostile: fc.Arbitrary<string> = fc
  .array(fc.oneof(fc.constantFrom(...HOSTILE), fc.stringMatching(/^[a-z0-9]{1,6}$/)), { maxLength: 8 })
  .map((parts) => parts.join(''));

/** A text that is right, changed in up to three places: a piece taken out, put in, doubled or changed in case. */
export function almost(right: fc.Arbitrary<string>, pieces: readonly string[] = HOSTILE): fc.Arbitrary<string> {
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.nat(3),
    kind: fc.constantFrom('out', 'in', 'double', 'case'),
    piece: fc.constantFrom(...pieces),
  });
  return fc.tuple(right, fc.array(change, { maxLength: 3 })).map(([text, changes]) =>
    changes.reduce((now, { at, length, kind, piece }) => {
      const from = Math.floor(at * now.length);
      const [before, part, after] = [now.slice(0, from), now.slice(from, from + length), now.slice(from + length)];
      const middle = { out: '', in: piece + part, double: part + part, case: part.toUpperCase() }[kind];
      return before + middle + after;
    }, text),
  );
}

/** Long runs of one piece: what a backtracking pattern hangs on. */
export function long(pieces: readonly string[]): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom(...pieces), fc.integer({ min: 1, max: 4000 }), fc.constantFrom(...pieces, ''))
    .map(([piece, count, end]) => piece.repeat(count) + end);
}

/** Any JSON, with keys and texts that are hostile. */
export const json: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom(null, true, false, 0, -1, 1.5, 1e308, 2 ** 53),
    hostile,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.oneof(hostile, fc.constantFrom('toString', 'version', 'kind', 'length')), tie('value'), {
      maxKeys: 3,
    }),
  ),
})).value;

/** A JSON document that is right, with one to three of its values taken out or replaced, at any depth. */
export function almostJson<T extends object>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> {
  const change = fc.record({ pick: fc.nat(1000), by: fc.option(json, { nil: undefined, freq: 4 }) });
  return fc.tuple(right, fc.array(change, { maxLength: 3 })).map(([document, changes]) => {
    const copy = structuredClone(document) as unknown;
    for (const { pick, by } of changes) {
      const places = placesOf(copy);
      const place = places[pick % Math.max(1, places.length)];
      if (place === undefined) continue;
      if (by === undefined) delete place.holder[place.key];
      else place.holder[place.key] = by;
    }
    return copy;
  });
}

type Place = { holder: Record<string, unknown>; key: string };

function placesOf(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...placesOf(holder[key])]);
}
