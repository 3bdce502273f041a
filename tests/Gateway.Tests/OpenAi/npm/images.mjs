// Calls a gateway with OpenAI's SDK, and prints what it answers as JSON. Arguments: the base address, two models, the second for edits, an image, a mask.
import fs from 'node:fs';
import { File } from 'node:buffer';

// Node.js 18 has it in a module only.
globalThis.File ??= File;
const { default: OpenAI, toFile } = await import('openai');

const [baseURL, model, editor, image, mask] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: 'unused', maxRetries: 0 });
const report = {};

const listed = [];
for await (const entry of client.models.list()) {
  listed.push(entry.id);
}
report.models = listed;

const made = await client.images.generate({ model, prompt: 'ab a', n: 2, size: '32x32', response_format: 'b64_json', seed: 7, steps: 4 });
report.generated = made.data.map(entry => entry.b64_json);
report.size = made.size;

report.partial = 0;
const stream = await client.images.generate({ model, prompt: 'ab a', size: '32x32', stream: true, partial_images: 2, seed: 7, steps: 4 });
for await (const event of stream) {
  if (event.type === 'image_generation.partial_image') {
    report.partial++;
  } else if (event.type === 'image_generation.completed') {
    report.completed = event.b64_json;
  }
}

const file = async name => toFile(fs.createReadStream(name), null, { type: 'image/png' });
const edited = await client.images.edit({ model: editor, image: [await file(image)], mask: await file(mask), prompt: 'ab', steps: 2, response_format: 'b64_json' });
report.edited = edited.data.length;

try {
  await client.images.generate({ model: 'nothing', prompt: 'a' });
} catch (error) {
  report.missing = [error.constructor.name, error.status, error.code, error.param];
}
try {
  await client.images.generate({ model, prompt: 'a', size: '7x7' });
} catch (error) {
  report.refused = [error.constructor.name, error.status, error.code, error.param];
}
console.log(JSON.stringify(report));
