/** The columns of the fault matrix. `wait` is `create --wait`. */
export const COMMANDS = ['create', 'wait', 'stop', 'download', 'delete'] as const;
export type Command = (typeof COMMANDS)[number];

/** A test on the cluster that shows what a command does under a fault, or why the fault cannot reach it. */
export type MappedCell = { file: string; test: string } | { none: string };
type Cells = readonly [
  create: MappedCell,
  wait: MappedCell,
  stop: MappedCell,
  download: MappedCell,
  deletion: MappedCell,
];

/** The end of a test's name, with those of its groups, in `test/e2e/<file>.test.ts`. */
const at =
  (file: string) =>
  (test: string): MappedCell => ({ file, test });
const none = (why: string): MappedCell => ({ none: why });

const creation = at('api-create');
const wait = at('api-wait');
const change = at('api-stop-delete');
const fetching = at('api-download');
const restart = at('api-restart');
const interrupt = at('interrupt');
const signals = at('signals');
const killed = at('killed-client');
const waiting = at('waiting');
const webhooks = at('webhooks');
const nodes = at('waiting-nodes');
const clocks = at('clocks');
const local = at('download');

const WATCHES = wait('watches that end, are too old, are refused for a while, cut or broken: the outcome is true');
const OLD = change('at once, or are too old, each in turn: the outcome is true');
const WORD = change('the word to the pods is refused for a while, cut, and its answer lost: both stop, both are saved');
const PODS = fetching('its pods are created, asked and removed against refusals, cuts and lost answers');
const UNCONFIRMED = fetching(
  'its Jobs, or its streams, are refused for good, or done and never confirmed: said so, nothing is fetched or left',
);
const DELETIONS = change('deletions are refused for a while, cut, and their answers lost: all is gone, and named');
const POWER = nodes('by a power cut: told while the node is away, by each command; fetched when it is back');
const AHEAD = clocks("a node's, +1h: --wait and status warn, with node and offset; all else is as ever");
const BEHIND = clocks("the client's own, -1h: no warning, ages and durations as ever");
const TIMELESS = none('nothing that it does depends on a clock');
const ENDED = none('the capture has ended by then');
const HERE = none('only what is fetched lies on this disk');
const LISTS = none('it lists, and watches nothing');
const EARLIER = none('the capture runs by then');

/** Commands that are ended after their first write. */
const LATER = (how: string): MappedCell =>
  at('signals-later')(`${how}: 130; the node ends as it was told, no upload is left, and what was to be deleted goes`);

/** One test that tries all commands but `create` under a fault that keeps a pod from its capture. */
function stuck(name: string): Cells {
  const test = waiting(`${name}: the words, the hint, in time; status and list the same; stop and delete`);
  return [test, test, test, test, test];
}

/** A creation that does not come about: the other commands have nothing to act on. */
function never(create: MappedCell): Cells {
  const nothing = none('nothing was created');
  return [create, nothing, nothing, nothing, nothing];
}

const rows: readonly (readonly [fault: string, cells: Cells])[] = [
  [
    'API server: away for 30 s',
    [
      creation('the server is away for 30 s in the middle: both Jobs are there, and it is told'),
      wait('the server is away for 30 s: create --wait, status --watch and list --watch tell it, and go on'),
      change('the server is away for 30 s after it was asked: told, and both are saved'),
      fetching('the server goes away in the middle, for 30 s: told, and it goes on'),
      change('the server is away for 15 s while pods end: it waits, and says that all is gone'),
    ],
  ],
  [
    'API server: away for good',
    [
      creation('the server is away for good: all that may be left is named, the Secret too'),
      none('it gives up after 5 minutes: too long for a run of all tests; a unit test has it'),
      none('without a server nothing is stopped, which is told, as by every command'),
      fetching('it goes away for good: nothing is called downloaded, the pods are named; the same command goes on'),
      change('the server goes away for good: what is known is told within --timeout, and nothing more'),
    ],
  ],
  [
    'API server: killed and started again',
    [
      none('as when it is away for 30 s'),
      restart('the API server restarts, and is stopped for 30 s, while it is waited for: the outcome is true'),
      restart('it restarts while a capture is stopped and deleted: both are done'),
      none('as when it is away for 30 s'),
      restart('it restarts while a capture is stopped and deleted: both are done'),
    ],
  ],
  ['API server: 500 for a moment', [creation('500: it is done, once'), WATCHES, WORD, PODS, DELETIONS]],
  ['API server: 503 for a moment', [creation('503: it is done, once'), WATCHES, WORD, PODS, DELETIONS]],
  ['API server: 429 with Retry-After', [creation('429: it is done, once'), WATCHES, WORD, PODS, DELETIONS]],
  [
    'API server: the answer is lost',
    [creation('its answer is lost: it is done, once'), WATCHES, WORD, PODS, DELETIONS],
  ],
  [
    'API server: the connection is cut',
    [
      creation('the connection is cut before: it is done, once'),
      WATCHES,
      WORD,
      fetching('its streams are cut in the middle: it goes on from there'),
      DELETIONS,
    ],
  ],
  [
    'API server: never answers',
    [
      creation('message says why › never answered'),
      wait('packets to the server vanish for 40 s: it is noticed, told, and the wait goes on'),
      none('as when it is away for 30 s'),
      none('as when it is away for 30 s'),
      none('as when it is away for 30 s'),
    ],
  ],
  ['API server: a watch that is too old (410 Gone)', [LISTS, WATCHES, OLD, LISTS, LISTS]],
  [
    'API server: one request is refused for good',
    [
      creation('message says why › 403'),
      at('leftovers')('a Job by a quota: exit 1, the node and the reason, and nothing is left, on the nodes either'),
      change('it is forbidden: nothing stops, and it says so'),
      UNCONFIRMED,
      change('one is refused for good: it is named, the other is gone, and the same command ends it'),
    ],
  ],
  [
    'API server: it creates, and is never heard of it again',
    [
      creation('message says why › done, but never confirmed'),
      none('as create: it undoes what it made, and waits for nothing'),
      none('it creates nothing'),
      UNCONFIRMED,
      none('it creates nothing'),
    ],
  ],
  [
    'API server: the undo meets faults too',
    [
      creation('its deletions and lists fail for a while: nothing is left'),
      creation('its deletions are refused: what is left is named, with the command that removes it'),
      none('it undoes nothing'),
      none('as deletions'),
      DELETIONS,
    ],
  ],
  [
    'the token expires',
    [
      creation(
        'the token is no longer accepted after the first Job: the plugin is called once more, and it is done, once',
      ),
      wait('the token is no longer accepted when a watch is renewed: the plugin is called once more'),
      none('as create: one request after the other'),
      fetching('the token is no longer accepted in the middle: the plugin is called once more'),
      none('as create: one request after the other'),
    ],
  ],
  [
    'rights are missing',
    [
      at('preflight')('names every right that is missing, and the user who lacks it'),
      waiting('without the right to events: it waits all the same, and says that its pod is not there'),
      change('it is forbidden: nothing stops, and it says so'),
      at('stop')('elsewhere: the rights that are missing are named, and nothing is created or fetched'),
      change('one is refused for good: it is named, the other is gone, and the same command ends it'),
    ],
  ],
  [
    'Ctrl-C',
    [
      interrupt('create, at many moments: either nothing is left, or the capture is there in full'),
      signals('Ctrl-C, s: ends as capture stop does, and reports the files; exit 0, for all is saved'),
      interrupt('stop, while it waits: the nodes end as they were told'),
      interrupt('download, while its pods start: no pod is left'),
      interrupt('delete, at several moments: a second one ends what was begun'),
    ],
  ],
  [
    'SIGTERM, SIGHUP',
    [
      signals('SIGTERM, at each of its writes: what was created is removed, exit 130'),
      signals('SIGHUP without a terminal: nothing is asked, the capture goes on, and the message says how'),
      LATER('SIGTERM'),
      signals('SIGTERM: the pod goes, the part stays, and the next run goes on from there'),
      LATER('SIGTERM'),
    ],
  ],
  [
    'kill -9 of the command',
    [
      killed('at each of its writes: the Secret has an owner, all ends and goes by itself'),
      killed('at many moments: what is left ends and goes by itself, and prune removes it at once'),
      killed('stop: at each of its writes, and a second one ends what was begun'),
      killed('download: while its pod starts, and while bytes come, the pod goes by itself'),
      killed('delete: at each of its writes, and a second one ends what was begun'),
    ],
  ],
  [
    'the terminal goes away',
    [
      signals('its terminal goes away, at each of its writes: what was created is removed, exit 130'),
      signals('it goes away: 130, and the capture goes on'),
      LATER('its terminal goes away'),
      signals('its terminal goes away: 130, the pod goes, the part stays'),
      LATER('its terminal goes away'),
    ],
  ],
  ['node: too little memory', stuck('large')],
  ['node: the volume is elsewhere', stuck('unbound')],
  ['image: the name of its registry cannot be resolved', stuck('nowhere')],
  ['image: its registry refuses the connection', stuck('closed')],
  ['image: not on the node, and not to be pulled', stuck('never')],
  ['admission: refuses the pods after the Jobs are created', stuck('ruled')],
  [
    'admission: a webhook refuses the Job of one node',
    never(webhooks('that refuses the Job of one node: all is undone, and its words are told')),
  ],
  [
    'admission: a webhook does not answer',
    never(webhooks('that does not answer: told with the name of the webhook, and nothing is created')),
  ],
  ['host path: a file is in its place', stuck('filed')],
  ['Secret: not there', stuck('keyless')],
  ['image: its command is not there', stuck('foreign')],
  ['pod: killed, out of memory', stuck('thirsty')],
  ['node: power cut', [POWER, POWER, POWER, POWER, POWER]],
  [
    'node: out of memory, and its kubelet evicts the capture',
    [
      EARLIER,
      nodes(
        'by the kubelet, whose node runs out of memory: its words are told, and nothing is called saved that is not',
      ),
      ENDED,
      ENDED,
      ENDED,
    ],
  ],
  [
    'node: its kubelet stops',
    [
      none('the Job waits for the node'),
      at('stores-kubelet')('it is told and waited for no longer than asked; the packets are delivered all the same'),
      none('a word to a pod waits until its kubelet is back'),
      none('as when it still captures: nothing is fetched'),
      none('as in a power cut'),
    ],
  ],
  [
    'node: drained',
    [
      nodes('a node that is cordoned is captured on; kubectl drain ends it in good order'),
      nodes('a node that is cordoned is captured on; kubectl drain ends it in good order'),
      ENDED,
      nodes('a node that is cordoned is captured on; kubectl drain ends it in good order'),
      ENDED,
    ],
  ],
  ['Job: its deadline passes', [EARLIER, waiting('a deadline: saved, and told'), ENDED, ENDED, ENDED]],
  [
    'Job: one of two is deleted by somebody',
    [
      EARLIER,
      waiting('a Job that somebody deletes: its node failed, and the other is saved; exit 1'),
      ENDED,
      ENDED,
      ENDED,
    ],
  ],
  ['clock: a node is an hour ahead', [AHEAD, AHEAD, TIMELESS, AHEAD, TIMELESS]],
  ['clock: that of this machine is an hour behind', [BEHIND, BEHIND, TIMELESS, TIMELESS, TIMELESS]],
  [
    'download: the disk here is full',
    [HERE, HERE, HERE, local('the disk here is full, or becomes so: named, exit 1'), HERE],
  ],
  [
    'download: the tarball was changed or cut on its node',
    [HERE, HERE, HERE, local('of a tarball that was changed or cut on its node: exit 1, named, nothing kept'), HERE],
  ],
];

/** Rows of the fault matrix whose tests are not made from a table of faults. */
export const mappedRows: readonly ({ fault: string } & Record<Command, MappedCell>)[] = rows.map(
  ([fault, [create, waited, stop, download, deleted]]) => ({
    ...{ fault, create, wait: waited, stop, download, delete: deleted },
  }),
);
