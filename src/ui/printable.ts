/**
 * What could steer a terminal, or show a text in another order than it has: control characters (C0, DEL, C1), Unicode's
 * separators of lines and paragraphs, and the marks that turn the direction of writing.
 */
const STEERING = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** Text that came from a cluster or a node, without what could steer a terminal; line breaks and tabs stay. */
export function printable(text: string): string {
  return text.replace(STEERING, (character) => (character === '\n' || character === '\t' ? character : '\uFFFD'));
}
