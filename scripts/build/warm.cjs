'use strict';
// node --random-seed=1 … warm.cjs DIRECTORY ARGUMENT... (see binary.ts): runs the program from its chunks in DIRECTORY
// as loader.cjs does, and leaves V8 code caches beside them. They are made at the end of the run, so they hold
// what it compiled lazily; a later run starts from the cache of an earlier one and adds to it. The wrapper must be the
// same as in loader.cjs.
//
// Caches tell which functions were compiled further, and lack those that were long unused: that depends on time. So all
// of it is off while the program runs, and the same program gives the same bytes, but for a bit at times (see
// docs/adr/0022-binaries-for-six-platforms.md). It is on where caches are read and made, for they are good for an engine
// with the same flags only.
const vm = require('node:vm');
const fs = require('node:fs');
const path = require('node:path');
const v8 = require('node:v8');

const timely = ['sparkplug', 'maglev', 'opt', 'flush-bytecode'];
const turnOff = () => v8.setFlagsFromString(timely.map((flag) => `--no-${flag}`).join(' '));
const turnOn = () => v8.setFlagsFromString(timely.map((flag) => `--${flag}`).join(' '));

turnOff();
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
  turnOn();
  const script = new vm.Script(wrapped, { filename: name, cachedData });
  turnOff();
  if (script.cachedDataRejected) throw new Error(`the code cache of ${name} was rejected`);
  scripts.set(file, script);
  script.runInThisContext()(module.exports, requireFrom, module, file, directory);
  return module.exports;
}

function requireFrom(id) {
  return id.startsWith('./') ? load(id.slice(2)) : require(id);
}

process.on('exit', () => {
  turnOn();
  for (const [file, script] of scripts) fs.writeFileSync(`${file}.cache`, script.createCachedData());
});

/** A server that has one node, and takes what it is sent, in place of the word SERVER; it keeps no process from ending. */
function serve(at) {
  const status = { conditions: [], nodeInfo: { operatingSystem: 'linux' } };
  const items = [{ metadata: { name: 'none', labels: { 'kubernetes.io/os': 'linux' } }, spec: {}, status }];
  const server = require('node:http').createServer((request, response) => {
    let body = '';
    request.on('data', (piece) => {
      body += piece;
    });
    request.on('end', () => {
      const found = request.url.includes('/nodes') ? items : [];
      const object = body === '' ? { metadata: {}, items: found } : { ...JSON.parse(body), status: { allowed: true } };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(object));
    });
  });
  server.on('connection', (socket) => socket.unref());
  server.listen(0, '127.0.0.1', () => {
    process.argv[at] = `http://127.0.0.1:${server.address().port}`;
    load('main.js');
  });
  server.unref();
}

const at = process.argv.indexOf('SERVER');
if (at === -1) load('main.js');
else serve(at);
