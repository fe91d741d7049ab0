type Row = readonly [what: string, args: readonly string[], message: RegExp, hint?: RegExp];

const list = (...flags: readonly string[]) => ['capture', 'list', ...flags];

/** What cannot be printed, sorted or fetched as asked for: the whole command line. */
export const outputRows: readonly Row[] = [
  ['a format that is none', list('-o', 'bogus'), /--output: "bogus" is not a format; there is wide, json, yaml, name/],
  ['a format that is mistyped', list('-o', 'jsn'), /--output: "jsn" is not a format.*Did you mean json\?/],
  ['a format of kubectl that we lack', list('-o', 'go-template={{.x}}'), /go-template is not supported: use jsonpath/],
  ['a template from a file', list('-o=jsonpath-file=x'), /jsonpath-file is not supported: use jsonpath/],
  ['a format with a value', list('-o', 'yaml=x'), /--output: yaml takes no value/],
  ['a template that is not there', list('-o', 'jsonpath='), /jsonpath needs a template, such as jsonpath='/],
  ['a template with an open brace', list('-o', 'jsonpath={.items'), /jsonpath: a brace is not closed in {.items/],
  ['a template with an open bracket', list('-o', 'jsonpath={.items[*}'), /"\.items\[\*" has unbalanced brackets/],
  ['a range without an end', list('-o', 'jsonpath={range .items[*]}{.name}'), /\{range\} without \{end\}/],
  ['a path that begins with a name', list('-o', 'jsonpath={items}'), /"items" is not a path: it begins with a dot/],
  ['columns that are none', list('-o', 'custom-columns=NAME'), /"NAME" is not a column: write HEADING:\.path/],
  [
    'a column of a field that is not there',
    list('-o', 'custom-columns=N:.nam'),
    /no field \.nam; did you mean \.name\?/,
  ],
  ['an order by a field that is not there', list('--sort-by', '.pakets'), /--sort-by: .*did you mean \.packets\?/],
  ["an order by kubectl's field", list('--sort-by', '.metadata.name'), /no field \.metadata; the fields are name/],
  [
    'two problems of a list',
    list('-o', 'x', '--sort-by', ''),
    /2 problems, nothing was listed/,
    /--output.*--sort-by/s,
  ],
  ['a list of a name that none can have', list('../x'), /"..\/x" cannot be the name of a capture/],
  [
    'status as a table of columns',
    ['capture', 'status', 'a', '-o', 'custom-columns=A:.b'],
    /there is json, yaml, jsonpath=…/,
  ],
  ['version as names', ['version', '-o', 'name'], /--output: "name" is not a format; there is json, yaml/],
  ['all downloads, and one by name', ['capture', 'download', '--all', 'a'], /--all is every capture of the namespace/],
  ['a download from all namespaces', ['capture', 'download', 'a', '-A'], /-A goes with --all/, /with -n/],
];
