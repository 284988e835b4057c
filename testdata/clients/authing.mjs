// Every method of the seed's UsersManagementClient, and what it needs besides, by the real authing-js-sdk.
import assert from 'node:assert/strict';
import sdk from 'authing-js-sdk';
import { refused, told } from './operations.mjs';

const { ADMIT_URL, POOL, SECRET, PASSWORD } = process.env;
const open = (secret) => new sdk.ManagementClient({ userPoolId: POOL, secret, host: ADMIT_URL });
const client = open(SECRET);
const { users, groups, roles, policies, udf } = client;
const step = told('Authing', 'authing-js-sdk 4.23.55');

await step('accessToken, wrong secret', async () => assert.equal((await refused(open('wrong').users.list())).code, 2206));

const bob = await step('create', async () => {
  const made = await users.create({
    username: 'bob', password: PASSWORD, email: 'Bob@Example.com', phone: '18800008888', nickname: 'Nick', name: 'Bob Builder',
    gender: 'M', birthdate: 'some day in May', city: 'Köln', loginsCount: 2, signedUp: '2020-10-15T17:55:37+08:00',
    registerSource: ['import:manual'], unionid: 'u1', openid: 'o1', browser: 'Lynx', device: 'Pad', lastIP: '192.0.2.1',
  });
  assert.equal(made.userPoolId, POOL);
  assert.equal(made.email, 'bob@example.com');
  for (const [name, value] of Object.entries({
    username: 'bob', phone: '18800008888', nickname: 'Nick', name: 'Bob Builder', gender: 'M', birthdate: 'some day in May', city: 'Köln',
    loginsCount: 2, signedUp: '2020-10-15T17:55:37+08:00', unionid: 'u1', openid: 'o1', browser: 'Lynx', device: 'Pad', lastIP: '192.0.2.1',
    status: 'Activated', blocked: false, isDeleted: false, password: null, token: null, emailVerified: false,
  })) {
    assert.equal(made[name], value, name);
  }
  assert.deepEqual(made.registerSource, ['import:manual']);
  assert.ok(!Number.isNaN(Date.parse(made.createdAt)));
  return made;
});
const kate = await step('create, with options', () => users.create({ username: 'kate' }, {
  keepPassword: true, resetPasswordOnFirstLogin: true, identity: { provider: 'wechat', userIdInIdp: '1111', openid: 'o' },
}));
await step('create, username taken', async () => {
  const error = await refused(users.create({ username: 'bob' }));
  assert.equal(error.code, 2026);
  assert.match(error.message, /username/);
});
await step('create, email taken', async () => {
  const error = await refused(users.create({ email: 'BOB@example.com' }));
  assert.equal(error.code, 2026);
  assert.match(error.message, /email/);
});
await step('create, phone taken', async () => {
  const error = await refused(users.create({ phone: '188-0000-8888' }));
  assert.equal(error.code, 2026);
  assert.match(error.message, /phone/);
});
await step('update', async () => {
  const changed = await users.update(bob.id, { nickname: 'Robert', company: 'Bobs Garage', zoneinfo: 'Asia/Shanghai' });
  assert.equal(changed.nickname, 'Robert');
  assert.equal(changed.company, 'Bobs Garage');
  assert.equal(changed.zoneinfo, 'Asia/Shanghai');
  assert.equal(changed.gender, 'M');
});
await step('update, password', () => users.update(bob.id, { password: `${PASSWORD}-new` }));
await step('update, blocked', async () => {
  assert.equal((await users.update(bob.id, { blocked: true })).status, 'Suspended');
  assert.equal((await users.update(bob.id, { blocked: false })).status, 'Activated');
});
await step('update, tokenExpiredAt', () => users.update(bob.id, { tokenExpiredAt: '2017-06-07T14:34:08.700Z' }));
await step('update, nobody', async () => assert.equal((await refused(users.update('nobody', { nickname: 'x' }))).code, 2004));
await step('detail', async () => assert.equal((await users.detail(bob.id)).username, 'bob'));
await step('detail, nobody', async () => assert.equal(await users.detail('nobody'), null));
await step('batch', async () => assert.deepEqual((await users.batch([kate.id, bob.id, 'nobody'])).map((u) => u.username), ['kate', 'bob']));
await step('batch, by username', async () => assert.equal((await users.batch(['bob'], { queryField: 'username' }))[0].id, bob.id));
await step('list', async () => {
  const { totalCount, list } = await users.list();
  assert.equal(list.length, totalCount);
  const second = await users.list(2, 1);
  assert.deepEqual(second.list.map((u) => u.id), [list[1].id]);
  assert.equal(second.totalCount, totalCount);
  const found = (await users.list(1, 10, { withCustomData: true })).list.find((u) => u.id === kate.id);
  assert.deepEqual(found.identities[0].openid, 'o');
});
await step('find', async () => {
  for (const by of [{ username: 'bob' }, { email: 'BOB@example.com' }, { phone: '18800008888' }]) {
    assert.equal((await users.find(by)).id, bob.id);
  }
  assert.equal(await users.find({ username: 'Bob' }), null);
});
await step('exists', async () => {
  assert.equal(await users.exists({ username: 'bob' }), true);
  assert.equal(await users.exists({ email: 'nobody@example.com' }), false);
});
await step('search', async () => {
  assert.deepEqual((await users.search('buil')).list.map((u) => u.id), [bob.id]);
  assert.equal((await users.search('garage bob', { page: 1, limit: 5 })).totalCount, 1);
  assert.equal((await users.search('bob', { fields: ['email'] })).totalCount, 1);
  assert.equal((await users.search('garage', { fields: ['email'] })).totalCount, 0);
});
await step('refresh_token', async () => {
  const { token, iat, exp } = await users.refreshToken(bob.id);
  assert.ok(exp > iat);
  assert.equal((await client.checkLoginStatus(token)).id, bob.id);
  assert.equal((await client.checkLoginStatus(token, { fetchUserDetail: true })).username, 'bob');
});
await step('groups.create', async () => {
  const made = await groups.create('night', 'Night shift', 'Who is awake');
  assert.deepEqual([made.code, made.description], ['night', 'Who is awake']);
});
await step('add_group', async () => assert.equal((await users.addGroup(bob.id, 'night')).code, 200));
await step('add_group, no group', async () => assert.equal((await refused(users.addGroup(bob.id, 'none'))).code, 2080));
await step('list_groups', async () => {
  const { totalCount, list } = await users.listGroups(bob.id);
  assert.equal(totalCount, 1);
  assert.deepEqual([list[0].code, list[0].description], ['night', 'Who is awake']);
});
await step('search, in a group', async () => assert.equal((await users.search('bob', { groupOpts: [{ code: 'night' }] })).totalCount, 1));
await step('remove_group', async () => {
  assert.equal((await users.removeGroup(bob.id, 'night')).code, 200);
  assert.equal((await users.listGroups(bob.id)).totalCount, 0);
});
await step('groups.delete', () => groups.delete('night'));
await step('roles.create', async () => {
  const made = await roles.create('reader', 'Who reads');
  assert.deepEqual([made.namespace, made.description], ['default', 'Who reads']);
  assert.equal((await roles.create('nurse', undefined, 'ward')).namespace, 'ward');
});
await step('add_roles', async () => {
  assert.equal((await users.addRoles(bob.id, ['reader'])).code, 200);
  assert.equal((await users.addRoles(bob.id, ['nurse'], 'ward')).code, 200);
});
await step('list_roles', async () => {
  const { totalCount, list } = await users.listRoles(bob.id);
  assert.equal(totalCount, 2);
  assert.deepEqual(list.map((r) => [r.code, r.description]), [['reader', 'Who reads'], ['nurse', null]]);
  assert.deepEqual((await users.listRoles(bob.id, 'ward')).list.map((r) => r.code), ['nurse']);
  assert.equal(await users.hasRole(bob.id, 'reader'), true);
});
await step('remove_roles', async () => {
  assert.equal((await users.removeRoles(bob.id, ['reader'])).code, 200);
  assert.equal((await users.listRoles(bob.id)).totalCount, 1);
});
await step('roles.delete', () => roles.delete('reader'));
const statements = [
  { resource: 'books:123', effect: 'ALLOW', actions: ['books:edit'] },
  { resource: 'books:*', effect: 'DENY', actions: ['books:burn'], condition: [{ param: 'ip', operator: 'Equal', value: '192.0.2.1' }] },
];
await step('policies.create', async () => {
  const made = await policies.create({ code: 'books', statements, description: 'About books' });
  assert.deepEqual([made.code, made.namespace, made.description, made.isDefault], ['books', 'default', 'About books', false]);
  assert.deepEqual(made.statements, [{ ...statements[0], condition: null }, statements[1]]);
});
await step('add_policies', async () => assert.equal((await policies.addAssignments(['books'], 'USER', [bob.id])).code, 200));
await step('add_policies, no policy', async () => assert.equal((await refused(policies.addAssignments(['none'], 'USER', [bob.id]))).code, 404));
await step('list_policies', async () => {
  const { totalCount, list } = await policies.listAssignments({ code: 'books' });
  assert.deepEqual([totalCount, list], [1, [{ code: 'books', targetType: 'USER', targetIdentifier: bob.id }]]);
  assert.deepEqual((await users.listRoles(bob.id)).list.map((r) => r.code), ['nurse']);
});
await step('remove_policies', async () => {
  assert.equal((await policies.removeAssignments(['books'], 'USER', [bob.id])).code, 200);
  assert.equal((await policies.listAssignments({ code: 'books' })).totalCount, 0);
});
await step('policies.delete', async () => assert.equal((await policies.delete('books')).code, 200));
await step('udf.set', async () => assert.equal((await udf.set('USER', 'school', 'STRING', 'School')).label, 'School'));
await step('setUdfValue', async () => {
  await users.setUdfValue(bob.id, { school: 'MIT', floor: 3, remote: true, desk: { row: 1 } });
  await users.removeUdfValue(bob.id, 'remote');
  const kept = { school: 'MIT', floor: 3, desk: { row: 1 } };
  assert.deepEqual(await users.getUdfValue(bob.id), kept);
  assert.deepEqual((await users.detail(bob.id, { withCustomData: true })).customData, kept);
});
await step('kick', () => users.kick([bob.id]));
await step('delete', async () => {
  assert.equal((await users.delete(bob.id)).code, 200);
  assert.equal(await users.detail(bob.id), null);
  assert.equal((await refused(users.delete(bob.id))).code, 2004);
});
await step('delete_many', async () => {
  const gone = await users.create({ username: 'bob' });
  assert.equal((await refused(users.deleteMany([gone.id, 'nobody']))).code, 2004);
  assert.equal((await users.detail(gone.id)).username, 'bob');
  assert.equal((await users.deleteMany([gone.id, kate.id])).code, 200);
  assert.equal(await users.detail(gone.id), null);
});
await step('listArchivedUsers', async () => assert.equal((await users.listArchivedUsers()).totalCount, 3));
