/** The whole environment of the tools we run: their output is parsed, so it must not depend on the user's language. */
export function toolEnv(): { PATH: string; LC_ALL: string } {
  // Users without root often lack the sbin directories, where tcpdump lies. An empty part would mean this directory.
  const inherited = process.env.PATH === undefined || process.env.PATH === '' ? [] : [process.env.PATH];
  return { PATH: [...inherited, '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(':'), LC_ALL: 'C' };
}
