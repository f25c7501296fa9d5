// The calls of the service test.Calls (grpc_service.py). Messages are bytes.
const same = bytes => bytes;

function method(name, requestStream, responseStream) {
  return {path: `/test.Calls/${name}`, requestStream, responseStream, requestSerialize: same, requestDeserialize: same,
          responseSerialize: same, responseDeserialize: same};
}

const methods = {
  Unary: method('Unary', false, false),
  Collect: method('Collect', true, false),
  Expand: method('Expand', false, true),
  Chat: method('Chat', true, true),
  Fail: method('Fail', false, false),
  Hold: method('Hold', false, true),
  Meet: method('Meet', false, true),
};

const unlimited = {'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1};

module.exports = {methods, unlimited};
