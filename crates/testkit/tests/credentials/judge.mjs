// Judges credentials with the libraries of Digital Bazaar, which share nothing with Comity: one JSON credential a line
// on stdin, one line of `{"verified": …, "why": …}` for each on stdout.

import {createInterface} from 'node:readline';
import {DataIntegrityProof} from '@digitalbazaar/data-integrity';
import {createVerifyCryptosuite} from '@digitalbazaar/eddsa-jcs-2022-cryptosuite';
import {defaultDocumentLoader, verifyCredential} from '@digitalbazaar/vc';

const suite = new DataIntegrityProof({cryptosuite: createVerifyCryptosuite()});

// What a did:key says is in its name; nothing is fetched.
async function documentLoader(url) {
  if(!url.startsWith('did:key:')) {
    return defaultDocumentLoader(url);
  }
  const [did, key] = url.split('#');
  const multibase = did.slice('did:key:'.length);
  const id = `${did}#${multibase}`;
  const method = {
    '@context': 'https://w3id.org/security/multikey/v1',
    id, type: 'Multikey', controller: did, publicKeyMultibase: multibase
  };
  const document = key ? method : {
    '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
    id: did, verificationMethod: [method], assertionMethod: [id]
  };
  return {contextUrl: null, documentUrl: url, document};
}

for await (const line of createInterface({input: process.stdin})) {
  const {credential, now} = JSON.parse(line);
  const result = await verifyCredential({credential, suite, documentLoader, now: new Date(now)});
  const why = result.error?.errors?.map(error => error.message).join('; ') ?? result.error?.message;
  console.log(JSON.stringify({verified: result.verified, why}));
}
