'use strict';
// node --random-seed=1 warm.cjs DIRECTORY ARGUMENT... : runs the program from its chunks in DIRECTORY as loader.cjs does,
// and leaves V8 code caches beside them. They are made at the end of the run, so they hold what it compiled lazily; a
// later run starts from the cache of an earlier one and adds to it. The wrapper must be the same as in loader.cjs.
const vm = require('node:vm');
const fs = require('node:fs');
const path = require('node:path');

const directory = process.argv[2];
process.argv.splice(1, 2, process.execPath);
const loaded = new Map();
const scripts = new Map();

function load(name) {
  const known = loaded.get(name);
  if (known) return known.exports;
  const module = { exports: {} };
  loaded.set(name, module);
  const file = path.join(directory, name);
  const bytes = fs.readFileSync(file);
  const source = bytes[0] === 0xef ? bytes.utf8Slice(3) : bytes.latin1Slice();
  const cachedData = fs.existsSync(`${file}.cache`) ? fs.readFileSync(`${file}.cache`) : undefined;
  const wrapped = `(function(exports,require,module,__filename,__dirname){${source}\n})`;
  const script = new vm.Script(wrapped, { filename: name, cachedData });
  scripts.set(file, script);
  script.runInThisContext()(module.exports, requireFrom, module, file, directory);
  return module.exports;
}

function requireFrom(id) {
  return id.startsWith('./') ? load(id.slice(2)) : require(id);
}

process.on('exit', () => {
  for (const [file, script] of scripts) fs.writeFileSync(`${file}.cache`, script.createCachedData());
});

load('main.js');
