// Validates rendered Kubernetes manifests: node validate.mjs FILE. Writes {"documents": [...], "faults": [...]} as JSON to standard output.
//
// The validators of kubernetes-models accept unknown properties. Each is therefore run on a document that records the properties that the validator
// reads: a property that it never reads is unknown to the schema.
import { readFileSync } from 'node:fs';
import { loadAll } from 'js-yaml';

const packages = [
  [/^gateway\.networking\.k8s\.io\//, '@kubernetes-models/gateway-api/'],
  [/^monitoring\.coreos\.com\//, '@kubernetes-models/prometheus-operator/'],
  [/^cert-manager\.io\//, '@kubernetes-models/cert-manager/'],
  [/^keda\.sh\//, '@kubernetes-models/keda/'],
  [/./, 'kubernetes-models/'],
];

function recorded(value, path, known) {
  if (value === null || typeof value !== 'object') {
    return value;
  }
  const children = new Map();
  known.set(path, { value, read: new Set() });
  return new Proxy(value, {
    get(target, name) {
      if (typeof name === 'string' && Object.hasOwn(target, name)) {
        known.get(path).read.add(name);
        if (!children.has(name)) {
          children.set(name, recorded(target[name], `${path}/${name}`, known));
        }
        return children.get(name);
      }
      return Reflect.get(target, name);
    },
  });
}

async function faultsOf(document) {
  const name = `${document?.kind} ${document?.metadata?.name}`;
  const [, prefix] = packages.find(([pattern]) => pattern.test(document.apiVersion));
  let group;
  try {
    group = await import(prefix + document.apiVersion);
  } catch {
    return [`${name}: no schema for ${document.apiVersion}`];
  }
  const Kind = group[document.kind];
  if (!Kind) {
    return [`${name}: ${document.apiVersion} has no ${document.kind}`];
  }
  const known = new Map();
  try {
    Kind.prototype.validate.call(recorded(new Kind(document), name, known));
  } catch (error) {
    return [`${name}: ${error.message}`];
  }
  return [...known].flatMap(([path, { value, read }]) =>
    Array.isArray(value) ? [] : Object.keys(value).filter((key) => !read.has(key)).map((key) => `${path}/${key}: is unknown`));
}

const documents = loadAll(readFileSync(process.argv[2], 'utf8')).filter((document) => document);
const faults = [];
for (const document of documents) {
  faults.push(...(await faultsOf(document)));
}
process.stdout.write(JSON.stringify({ documents, faults }));
