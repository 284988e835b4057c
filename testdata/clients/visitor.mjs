// A person at a browser without script: keeps cookies and sends forms as they are written. Also what
// the scripts that sign in share: an administrator who makes clients, and the keys of a client.
//
// ADMIT_URL is the server; ADMIT_TOKEN, PROJECT, EMAIL and PASSWORD are an administrator's.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';

export const base = process.env.ADMIT_URL;

const decode = (text) => text.replace(/&#(\d+);/g, (_, n) => String.fromCodePoint(n)).replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&quot;/g, '"').replace(/&amp;/g, '&');

export class Visitor {
  cookies = new Map();
  text = '';

  // go asks for an address, and stays where a redirect leads away from the server.
  async go(address, form) {
    const response = await fetch(address, {
      method: form ? 'POST' : 'GET', body: form, redirect: 'manual',
      headers: { cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
    });
    for (const set of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(set);
      this.cookies.set(name, value);
    }
    this.status = response.status;
    this.location = response.headers.get('location');
    this.text = await response.text();
    return this;
  }

  // fill sends the form of the page with these values.
  fill(values = {}) {
    const action = /<form method="post" action="([^"]+)"/.exec(this.text);
    assert.ok(action, `${this.status} ${this.text}`);
    const fields = new URLSearchParams();
    for (const [, input] of this.text.matchAll(/<input ([^>]*)>/g)) {
      const of = Object.fromEntries([...input.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, decode(value)]));
      if (!['radio', 'checkbox'].includes(of.type) || / checked/.test(input)) fields.append(of.name, of.value ?? '');
    }
    for (const [name, value] of Object.entries(values)) fields.set(name, value);
    return this.go(decode(action[1]), fields);
  }

  // signIn goes from the sign-in page to what comes after it.
  signIn(email = process.env.EMAIL) {
    return this.fill({ email, password: process.env.PASSWORD });
  }

  // back is where the client gets its answer.
  back() {
    assert.ok(this.location, `${this.status} ${this.text}`);
    return new URL(this.location);
  }
}

// admin asks as the administrator.
export async function admin(path, body) {
  const response = await fetch(base + path, {
    method: body ? 'POST' : 'GET', body: body && JSON.stringify(body),
    headers: { authorization: `Bearer ${process.env.ADMIT_TOKEN}`, 'content-type': 'application/json' },
  });
  assert.ok(response.ok, `${path} ${response.status}`);
  return response.json();
}

export const makeClient = (body) => admin(`admin/projects/${process.env.PROJECT}/client`, body);

// publishKeys makes a key for each algorithm and shows the public ones at an address, until the test ends.
export async function publishKeys(t, algorithms) {
  const keys = {};
  const published = [];
  for (const alg of algorithms) {
    const spec = alg === 'RS384' ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-384', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) } : { name: 'ECDSA', namedCurve: 'P-384' };
    const pair = await crypto.subtle.generateKey(spec, true, ['sign', 'verify']);
    const { key_ops, ext, ...jwk } = await crypto.subtle.exportKey('jwk', pair.publicKey);
    published.push({ ...jwk, kid: alg, alg, use: 'sig' });
    keys[alg] = { key: pair.privateKey, kid: alg, jwk: { ...await crypto.subtle.exportKey('jwk', pair.privateKey), kid: alg, alg } };
  }
  const server = createServer((_, response) => response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: published })));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { keys, address: `http://127.0.0.1:${server.address().port}/jwks.json` };
}
