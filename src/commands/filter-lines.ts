import { plural } from './render.ts';

/** Characters of a filter that are shown unless all is asked for. */
const SHORT = 300;

/** One line for each filter of a capture, with the nodes that have it; long ones are cut unless `whole`. */
export function filterLines(nodes: readonly { node: string; filter?: string | undefined }[], whole: boolean): string[] {
  return [...Map.groupBy(nodes, ({ filter }) => filter ?? '')].flatMap(([filter, there]) => {
    if (filter === '') return [];
    const shown = whole || filter.length <= SHORT ? filter : `${filter.slice(0, SHORT)} … (whole with --verbose)`;
    const names = there.map(({ node }) => node);
    return [`  filter on ${names.length > 3 ? plural(names.length, 'node') : names.join(', ')}: ${shown}`];
  });
}
