// test.Calls as grpc_service.py describes it: node service.js PARTY. Tells what happens to it on stdout, one JSON object a line.
const grpc = require('@grpc/grpc-js');
const {methods, unlimited} = require('./methods.js');

const party = Number(process.argv[2]);
const met = [];

function tell(what) { console.log(JSON.stringify(what)); }

const server = new grpc.Server(unlimited);
server.addService(methods, {
  Unary(call, answer) {
    const trailer = new grpc.Metadata();
    trailer.set('x-sum', String(call.request.length));
    answer(null, call.request, trailer);
  },
  Collect(call, answer) {
    let sum = 0;
    call.on('data', message => { sum += message.length; });
    call.on('end', () => answer(null, Buffer.from(String(sum))));
  },
  Expand(call) {
    for (let number = 0; number < Number(call.request); ++number) call.write(Buffer.from(String(number)));
    call.end();
  },
  Chat(call) { call.pipe(call); },
  Fail(call, answer) { answer({code: grpc.status.FAILED_PRECONDITION, details: 'not today: 100 %\n'}); },
  Hold(call) {
    tell({held: (call.getDeadline() - Date.now()) / 1000});
    call.on('cancelled', () => tell({cancelled: true}));
    call.write(Buffer.from('held'));
  },
  Meet(call) {
    call.write(Buffer.from('here'));
    met.push(call);
    tell({met: met.length});
    if (met.length !== party) return;
    for (const each of met) {
      each.write(Buffer.from('all here'));
      each.end();
    }
  },
});
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  tell({address: `127.0.0.1:${port}`});
});
