// A channel over TLS, calls of test.Calls on it, and what came of them as JSON: node stub.js ADDRESS CA SCENARIO ARGUMENT…
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const {methods, unlimited} = require('./methods.js');

const [address, ca, scenario, ...words] = process.argv.slice(2);
const Stub = grpc.makeGenericClientConstructor(methods, 'test.Calls');
const stub = new Stub(address, grpc.credentials.createSsl(fs.readFileSync(ca)), {...unlimited, 'grpc.enable_retries': 0});

const MIB = 1 << 20;

function unary(name, message, metadata = new grpc.Metadata()) {
  return new Promise((resolve, reject) => {
    let trailer;
    stub[name](message, metadata, (error, answer) => error ? reject(error) : setImmediate(() => resolve({answer, trailer})))
      .on('status', status => { trailer = status.metadata; });
  });
}

// The messages of a call, and the status that it ended with.
function whole(call, onMessage = () => {}) {
  const messages = [];
  return new Promise(resolve => {
    call.on('data', message => { messages.push(message); onMessage(message, messages.length); });
    call.on('error', () => {});
    call.on('status', status => setImmediate(() => resolve({messages, code: status.code, details: status.details})));
  });
}

function texts(call) { return call.messages.map(String); }

const scenarios = {
  async kinds() {
    const {answer, trailer} = await unary('Unary', Buffer.from('one'));
    const collected = await new Promise((resolve, reject) => {
      const call = stub.Collect((error, sum) => error ? reject(error) : resolve(String(sum)));
      for (let i = 0; i < 100; ++i) call.write(Buffer.alloc(1000));
      call.end();
    });
    const expanded = await whole(stub.Expand(Buffer.from('200')));
    const say = [Buffer.from('a'), Buffer.alloc(100000, 'b'), Buffer.from('c')];
    const chat = stub.Chat();
    chat.write(say[0]);
    // Each message waits for the echo of the one before it.
    const said = await whole(chat, (_, came) => came < say.length ? chat.write(say[came]) : chat.end());
    return {unary: String(answer), sum: trailer.get('x-sum')[0], collected, expanded: texts(expanded),
            echoed: said.messages.map((message, i) => message.equals(say[i])), code: said.code};
  },
  async large() {
    const messages = [0, 1, 2, 3].map(byte => Buffer.alloc(4 * MIB, byte));
    const answers = await Promise.all(messages.map(message => unary('Unary', message)));
    const chat = stub.Chat();
    for (const message of messages) chat.write(message);
    chat.end();
    const said = await whole(chat);
    return {unary: answers.map(({answer}, i) => answer.equals(messages[i])),
            chat: said.messages.map((message, i) => message.equals(messages[i]))};
  },
  async meet(count) {
    const calls = await Promise.all(Array.from({length: Number(count)}, () => whole(stub.Meet(Buffer.alloc(0)))));
    return {whole: calls.filter(call => call.code === 0 && String(texts(call)) === 'here,all here').length};
  },
  async deadline(seconds) {
    const call = await whole(stub.Hold(Buffer.alloc(0), {deadline: Date.now() + 1000 * Number(seconds)}));
    return {messages: texts(call), code: call.code};
  },
  async cancel() {
    const call = stub.Hold(Buffer.alloc(0));
    const {messages, code} = await whole(call, () => call.cancel());
    const next = await unary('Unary', Buffer.from('next'));
    return {messages: messages.map(String), code, next: String(next.answer)};
  },
  async fail(name, size, fields) {
    const metadata = new grpc.Metadata();
    for (let i = 0; i < Number(fields); ++i) metadata.set(`x-${i}`, 'x');
    return unary(name, Buffer.alloc(Number(size)), metadata).then(
      () => ({code: 0}), ({code, details}) => ({code, details}));
  },
  // Calls that send a message and no more: the codes of those that have ended by the time that the first has.
  async silent(count) {
    return {code: await new Promise(resolve => {
      for (let i = 0; i < Number(count); ++i) stub.Collect(error => resolve(error ? error.code : 0)).write(Buffer.alloc(20000));
    })};
  },
};

scenarios[scenario](...words).then(told => {
  console.log(JSON.stringify(told));
  process.exit(0);
}, error => {
  console.error(error);
  process.exit(1);
});
