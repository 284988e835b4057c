// Drives fhir-kit-client, which knows nothing of Medplum, through R4's interactions.
//
// ADMIT_URL is the server, ADMIT_TOKEN an access token that may do everything with clinical data.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Client } from 'fhir-kit-client';

const client = new Client({ baseUrl: `${process.env.ADMIT_URL}fhir/R4`, bearerToken: process.env.ADMIT_TOKEN });
const status = (code) => (err) => {
  assert.equal(err.response?.status, code, err.stack);
  assert.equal(err.response.data.resourceType, 'OperationOutcome');
  return true;
};

test('the statement of capabilities names what is there', async () => {
  const statement = await client.capabilityStatement();
  assert.equal(statement.fhirVersion, '4.0.1');
  const patient = statement.rest[0].resource.find((r) => r.type === 'Patient');
  assert.ok(patient.searchParam.some((p) => p.name === 'birthdate' && p.type === 'date'));
  for (const code of ['read', 'vread', 'update', 'patch', 'delete', 'history-instance', 'history-type', 'create', 'search-type']) {
    assert.ok(patient.interaction.some((i) => i.code === code), code);
  }
  const smart = await client.smartAuthMetadata();
  assert.equal(smart.tokenUrl.href, `${process.env.ADMIT_URL}oauth2/token`);
});

let patient;
test('a resource is created, read, changed, patched, deleted, and its history told', async () => {
  patient = await client.create({ resourceType: 'Patient', body: { resourceType: 'Patient', name: [{ family: 'Kit' }], birthDate: '1990-05' } });
  assert.deepEqual(await client.read({ resourceType: 'Patient', id: patient.id }), patient);
  const changed = await client.update({ resourceType: 'Patient', id: patient.id, body: { ...patient, gender: 'other' } });
  assert.notEqual(changed.meta.versionId, patient.meta.versionId);
  const before = await client.vread({ resourceType: 'Patient', id: patient.id, version: patient.meta.versionId });
  assert.deepEqual(before, patient);
  const patched = await client.patch({ resourceType: 'Patient', id: patient.id, jsonPatch: [{ op: 'replace', path: '/gender', value: 'female' }] });
  assert.equal(patched.gender, 'female');
  await assert.rejects(client.patch({ resourceType: 'Patient', id: patient.id, jsonPatch: [{ op: 'test', path: '/gender', value: 'male' }, { op: 'remove', path: '/name' }] }), (err) => err.response.status >= 400);
  assert.deepEqual(await client.read({ resourceType: 'Patient', id: patient.id }), patched);
  await client.delete({ resourceType: 'Patient', id: patient.id });
  await assert.rejects(client.read({ resourceType: 'Patient', id: patient.id }), status(410));
  const history = await client.resourceHistory({ resourceType: 'Patient', id: patient.id });
  assert.deepEqual(history.entry.map((e) => e.request.method), ['DELETE', 'PUT', 'PUT', 'POST']);
  assert.equal(history.entry[0].resource, undefined);
  await assert.rejects(client.read({ resourceType: 'Patient', id: 'nobody' }), status(404));
  await assert.rejects(client.create({ resourceType: 'Patient', body: { resourceType: 'Patient', birthDate: 'yesterday' } }), status(400));
});

test('a conditional update makes a resource once', async () => {
  const body = { resourceType: 'Patient', identifier: [{ system: 'urn:kit', value: '1' }] };
  const one = await client.update({ resourceType: 'Patient', searchParams: { identifier: 'urn:kit|1' }, body });
  const two = await client.update({ resourceType: 'Patient', searchParams: { identifier: 'urn:kit|1' }, body: { ...body, active: true } });
  assert.equal(two.id, one.id);
  assert.notEqual(two.meta.versionId, one.meta.versionId);
});

const ids = (bundle) => bundle.entry.map((e) => e.resource.id);

let subject;
test('a transaction resolves its references, and a broken one leaves nothing', async () => {
  const entry = (n, more = {}) => ({
    fullUrl: `urn:uuid:00000000-0000-4000-8000-0000000000${10 + n}`,
    resource: { resourceType: 'Observation', status: 'final', code: { text: `kit ${n}` }, subject: { reference: 'urn:uuid:00000000-0000-4000-8000-000000000001' }, effectiveDateTime: `2026-01-${String(1 + n).padStart(2, '0')}`, ...more },
    request: { method: 'POST', url: 'Observation' },
  });
  const person = { fullUrl: 'urn:uuid:00000000-0000-4000-8000-000000000001', resource: { resourceType: 'Patient', name: [{ family: 'Transacted' }] }, request: { method: 'POST', url: 'Patient' } };
  const bundle = { resourceType: 'Bundle', type: 'transaction', entry: [...Array(25).keys()].map((n) => entry(n)).concat(person) };
  const answer = await client.transaction({ body: bundle });
  assert.ok(answer.entry.every((e) => e.response.status.startsWith('201')));
  const found = await client.search({ resourceType: 'Patient', searchParams: { name: 'transacted' } });
  subject = found.entry[0].resource.id;
  const broken = { ...bundle, entry: [{ ...person, resource: { resourceType: 'Patient', name: [{ family: 'Broken' }] } }, entry(1, { status: 7 })] };
  await assert.rejects(client.transaction({ body: broken }), status(400));
  const none = await client.search({ resourceType: 'Patient', searchParams: { name: 'broken' } });
  assert.equal(none.entry, undefined);
});

test('pages follow one another without loss or repetition', async () => {
  const seen = [];
  let page = await client.search({ resourceType: 'Observation', searchParams: { subject: `Patient/${subject}`, _sort: '-date', _count: 10 } });
  const dates = [];
  for (; page; page = await client.nextPage({ bundle: page })) {
    seen.push(...ids(page));
    dates.push(...page.entry.map((e) => e.resource.effectiveDateTime));
  }
  assert.equal(seen.length, 25);
  assert.equal(new Set(seen).size, 25);
  assert.deepEqual(dates, [...dates].sort().reverse());
});

test('searches of every form find the same', async () => {
  const params = { subject: `Patient/${subject}`, date: 'lt2026-01-04' };
  const get = await client.search({ resourceType: 'Observation', searchParams: params });
  const post = await client.search({ resourceType: 'Observation', searchParams: params, options: { postSearch: true } });
  const compartment = await client.search({ resourceType: 'Observation', compartment: { resourceType: 'Patient', id: subject }, searchParams: { date: 'lt2026-01-04' } });
  const system = await client.systemSearch({ searchParams: { _type: 'Observation', ...params } });
  assert.equal(get.entry.length, 3);
  for (const other of [post, compartment, system]) assert.deepEqual(ids(other).sort(), ids(get).sort());
  const included = await client.search({ resourceType: 'Observation', searchParams: { ...params, _include: 'Observation:subject' } });
  assert.deepEqual(included.entry.filter((e) => e.search.mode === 'include').map((e) => e.resource.id), [subject]);
  await assert.rejects(client.search({ resourceType: 'Patient', searchParams: { flavour: 'sweet' } }), status(400));
});

test('a batch answers each request for itself', async () => {
  const body = { resourceType: 'Bundle', type: 'batch', entry: [
    { request: { method: 'GET', url: `Patient/${subject}` } },
    { request: { method: 'GET', url: 'Patient/nobody' } },
    { resource: { resourceType: 'Patient', name: [{ family: 'Batch' }] }, request: { method: 'POST', url: 'Patient' } },
  ] };
  const answer = await client.batch({ body });
  assert.deepEqual(answer.entry.map((e) => e.response.status.slice(0, 3)), ['200', '404', '201']);
});

test('references are followed, within a resource too', async () => {
  const { entry } = await client.search({ resourceType: 'Observation', searchParams: { subject: `Patient/${subject}`, _count: 1 } });
  const person = await client.resolve({ reference: entry[0].resource.subject.reference });
  assert.equal(person.id, subject);
});

test('operations answer', async () => {
  const everything = await client.operation({ name: '$everything', resourceType: 'Patient', id: subject, method: 'GET' });
  const types = new Set(everything.entry.map((e) => e.resource.resourceType));
  for (const audit of ['AuditEvent', 'Practitioner']) types.delete(audit); // who has looked at the patient
  assert.deepEqual([...types].sort(), ['Observation', 'Patient']);
  const validate = (input) => client.operation({ name: 'validate', resourceType: 'Patient', input });
  assert.equal((await validate({ resourceType: 'Patient', gender: 'male' })).resourceType, 'OperationOutcome');
  await assert.rejects(validate({ resourceType: 'Patient', gender: 'purple' }), status(400));
  const expanded = await client.operation({ name: 'expand', resourceType: 'ValueSet', method: 'GET', input: { url: 'http://hl7.org/fhir/ValueSet/administrative-gender' } });
  assert.deepEqual(expanded.expansion.contains.map((c) => c.code).sort(), ['female', 'male', 'other', 'unknown']);
});

test('histories of a type and of all are told', async () => {
  const type = await client.typeHistory({ resourceType: 'Patient' });
  assert.equal(type.type, 'history');
  assert.ok(type.entry.some((e) => e.request.method === 'DELETE'));
  const system = await client.systemHistory();
  assert.ok(new Set(system.entry.map((e) => e.request.url.split('/')[0])).size > 1);
});
