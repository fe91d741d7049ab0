/** Text that came from a cluster or a node, without what could steer a terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}]/gu, (character) => (character === '\n' || character === '\t' ? character : '\uFFFD'));
}
