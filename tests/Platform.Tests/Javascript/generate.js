// A picture from a gateway, in Node.js:
//   node generate.js 127.0.0.1:5081 path/to/protos '{"prompt": "red apple, flat", "seeds": [7]}' apple.png
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const protobuf = require('protobufjs');

const [address, protos, request, file] = process.argv.slice(2);

// google/api/annotations.proto, which only the JSON door needs, comes with protobufjs.
const common = path.dirname(require.resolve('protobufjs/package.json'));
const definition = loader.loadSync('brownian/v1/generation.proto', { includeDirs: [protos, common], keepCase: true, longs: String, enums: String, defaults: true, oneofs: true });
const { Generation } = grpc.loadPackageDefinition(definition).brownian.v1;
// What is wrong with a request comes as a google.rpc.Status in a trailer.
const rpc = protobuf.parse(`
  syntax = "proto3";
  package google.rpc;
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message BadRequest { message FieldViolation { string field = 1; string description = 2; } repeated FieldViolation field_violations = 1; }
`, { keepCase: true }).root;

function violations(error) {
  const [bytes] = error.metadata?.get('grpc-status-details-bin') ?? [];
  if (!bytes) {
    return [];
  }
  const badRequest = rpc.lookupType('google.rpc.BadRequest');
  return rpc.lookupType('google.rpc.Status').decode(bytes).details
    .filter((detail) => detail.type_url.endsWith('/google.rpc.BadRequest'))
    .flatMap((detail) => badRequest.decode(detail.value).field_violations);
}

async function main() {
  const client = new Generation(address, grpc.credentials.createInsecure());
  try {
    for await (const event of client.Generate(JSON.parse(request))) {
      console.log(event.id, event.event, event.progress ? `${event.progress.stage} ${event.progress.evaluation}/${event.progress.evaluations}` : '');
      if (event.artifact) {
        const chunks = [];
        for await (const chunk of client.GetArtifact({ id: event.artifact.id })) {
          chunks.push(chunk.data);
        }
        fs.writeFileSync(file, Buffer.concat(chunks));
      }
    }
  } catch (error) {
    console.error(grpc.status[error.code], error.details);
    for (const { field, description } of violations(error)) {
      console.error(`${field}: ${description}`);
    }
    process.exitCode = 1;
  } finally {
    client.close();
  }
}

main();
