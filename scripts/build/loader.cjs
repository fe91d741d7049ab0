'use strict';
// The main script inside the binary: loads the program's CommonJS chunks from the binary's assets, each with its V8 code
// cache if the build made one for this platform. A missing or rejected cache only means compiling: slower, never wrong.
const vm = require('node:vm');
const path = require('node:path');
const { getAssetKeys, getRawAsset } = require('node:sea');

const assets = new Set(getAssetKeys());
const directory = path.dirname(process.execPath);
const loaded = new Map();

function load(name) {
  const known = loaded.get(name);
  if (known) return known.exports;
  const module = { exports: {} };
  loaded.set(name, module);
  const bytes = Buffer.from(getRawAsset(name));
  const source = bytes[0] === 0xef ? bytes.utf8Slice(3) : bytes.latin1Slice(); // a chunk that is not ASCII has a mark
  const cachedData = assets.has(`${name}.cache`) ? Buffer.from(getRawAsset(`${name}.cache`)) : undefined;
  const wrapped = `(function(exports,require,module,__filename,__dirname){${source}\n})`;
  const script = new vm.Script(wrapped, { filename: name, cachedData });
  script.runInThisContext()(module.exports, requireFrom, module, path.join(directory, name), directory);
  return module.exports;
}

function requireFrom(id) {
  return id.startsWith('./') ? load(id.slice(2)) : require(id);
}

load('main.js');
