// The operations of the seed's UsersManagementClient that version 3 has, by the real authing-node-sdk.
import assert from 'node:assert/strict';
import sdk from 'authing-node-sdk';
import { told } from './operations.mjs';

const { ADMIT_URL, POOL, SECRET, PASSWORD } = process.env;
const open = (accessKeySecret) => new sdk.ManagementClient({ accessKeyId: POOL, accessKeySecret, host: ADMIT_URL });
const client = open(SECRET);
const step = told('Authing', 'authing-node-sdk 4.0.1');

// What an operation gives that succeeds, and the code of one that fails.
const data = async (answer) => {
  const { statusCode, message, data: given } = await answer;
  assert.equal(statusCode, 200, message);
  return given;
};
const refusal = async (answer) => {
  const { statusCode, apiCode, message, data: given } = await answer;
  assert.notEqual(statusCode, 200);
  return { statusCode, apiCode, message, field: given?.field };
};
const succeeds = async (answer) => assert.deepEqual(await data(answer), { success: true });

await step('create, wrong secret', async () => {
  const { statusCode, apiCode } = await refusal(open('wrong').createUser({ username: 'x' }));
  assert.deepEqual([statusCode, apiCode], [401, 2020]);
});
const carl = await step('create', async () => {
  const made = await data(client.createUser({
    username: 'carl', email: 'Carl@Example.com', phone: '13900000001', gender: 'M', password: PASSWORD, name: 'Carl Zhang 张 & <Co>',
    city: 'Köln', identityNumber: '42', customData: { school: 'MIT', floor: 3.50 }, identities: [{ extIdpId: 'e', provider: 'p', type: 't', userIdInIdp: 'u' }],
  }));
  for (const [name, value] of Object.entries({
    username: 'carl', email: 'carl@example.com', phone: '13900000001', gender: 'M', name: 'Carl Zhang 张 & <Co>', city: 'Köln', identityNumber: '42', status: 'Activated',
  })) {
    assert.equal(made[name], value, name);
  }
  assert.deepEqual(made.customData, { school: 'MIT', floor: 3.5 });
  assert.equal(made.password, undefined);
  return made;
});
const id = carl.userId;
await step('create, username taken', async () => {
  const { statusCode, apiCode, field } = await refusal(client.createUser({ username: 'carl' }));
  assert.deepEqual([statusCode, apiCode, field], [400, 2026, 'username']);
});
await step('create, email taken', async () => assert.equal((await refusal(client.createUser({ email: 'CARL@example.com' }))).field, 'email'));
await step('create, phone taken', async () => assert.equal((await refusal(client.createUser({ phone: '13900000001' }))).field, 'phone'));
await step('create, several', async () => {
  const made = await data(client.createUsersBatch({ list: [{ username: 'b1' }, { username: 'b2' }] }));
  assert.deepEqual(made.map((u) => u.username), ['b1', 'b2']);
});
await step('update', async () => {
  assert.equal((await data(client.updateUser({ userId: id, nickname: 'CC' }))).nickname, 'CC');
  const changed = await data(client.updateUser({ userId: 'carl@example.com', city: 'X', options: { userIdType: 'email' } }));
  assert.deepEqual([changed.userId, changed.city, changed.nickname], [id, 'X', 'CC']);
});
await step('update, status', async () => {
  assert.equal((await data(client.updateUser({ userId: id, status: 'Resigned' }))).status, 'Resigned');
  assert.equal((await data(client.updateUser({ userId: id, status: 'Activated' }))).status, 'Activated');
});
await step('detail', async () => {
  assert.equal((await data(client.getUser({ userId: id }))).customData, undefined);
  for (const [value, userIdType] of [['carl', 'username'], ['carl@example.com', 'email'], ['13900000001', 'phone']]) {
    const found = await data(client.getUser({ userId: value, userIdType, withCustomData: true, withIdentities: true }));
    assert.equal(found.userId, id);
    assert.equal(found.customData.school, 'MIT');
    assert.equal(found.identities[0].userIdInIdp, 'u');
  }
});
await step('detail, nobody', async () => assert.equal((await refusal(client.getUser({ userId: 'nobody' }))).apiCode, 2004));
await step('batch', async () => {
  assert.deepEqual((await data(client.getUserBatch({ userIds: [id] }))).map((u) => u.userId), [id]);
  assert.deepEqual((await data(client.getUserBatch({ userIds: ['b1', 'carl'], userIdType: 'username' }))).map((u) => u.username), ['b1', 'carl']);
});
await step('list', async () => {
  const { totalCount, list } = await data(client.listUsers({ options: { pagination: { page: 1, limit: 50 } } }));
  assert.equal(list.length, totalCount);
  const legacy = await data(client.listUsersLegacy({ page: 2, limit: 1 }));
  assert.deepEqual([legacy.totalCount, legacy.list[0].userId], [totalCount, list[1].userId]);
});
await step('find', async () => {
  const { totalCount, list } = await data(client.listUsers({ advancedFilter: [{ field: 'username', operator: 'EQUAL', value: 'carl' }] }));
  assert.deepEqual([totalCount, list[0].userId], [1, id]);
});
await step('search', async () => {
  assert.equal((await data(client.listUsers({ keywords: 'zha' }))).totalCount, 1);
  assert.equal((await data(client.listUsers({ keywords: 'carl', options: { fuzzySearchOn: ['username', 'email'] } }))).totalCount, 1);
});
await step('exists', async () => assert.deepEqual(await data(client.isUserExists({ username: 'carl' })), { exists: true }));
await step('create a group', async () => assert.equal((await data(client.createGroup({ code: 'vg', name: 'VG', description: '', type: 'static' }))).code, 'vg'));
await step('add_group', () => succeeds(client.addGroupMembers({ code: 'vg', userIds: [id] })));
await step('list_groups', async () => {
  const { totalCount, list } = await data(client.getUserGroups({ userId: id }));
  assert.deepEqual([totalCount, list[0].code], [1, 'vg']);
});
await step('remove_group', async () => {
  await succeeds(client.removeGroupMembers({ code: 'vg', userIds: [id] }));
  assert.equal((await data(client.getUserGroups({ userId: id }))).totalCount, 0);
});
await step('delete a group', () => succeeds(client.deleteGroupsBatch({ codeList: ['vg'] })));
await step('create a role', async () => assert.equal((await data(client.createRole({ code: 'vr' }))).namespace, 'default'));
const targets = [{ targetType: 'USER', targetIdentifier: id }];
await step('add_roles', () => succeeds(client.assignRole({ code: 'vr', targets })));
await step('list_roles', async () => {
  const { totalCount, list } = await data(client.getUserRoles({ userId: id }));
  assert.deepEqual([totalCount, list[0].code], [1, 'vr']);
});
await step('remove_roles', async () => {
  await succeeds(client.revokeRole({ code: 'vr', targets }));
  assert.equal((await data(client.getUserRoles({ userId: id }))).totalCount, 0);
});
await step('delete a role', () => succeeds(client.deleteRolesBatch({ codeList: ['vr'] })));
await step('kick', () => succeeds(client.kickUsers({ appIds: ['a'], userId: id })));
await step('delete', async () => {
  await succeeds(client.deleteUsersBatch({ userIds: ['carl'], options: { userIdType: 'username' } }));
  assert.equal((await refusal(client.getUser({ userId: id }))).apiCode, 2004);
});
await step('delete_many', async () => {
  const users = await data(client.getUserBatch({ userIds: ['b1', 'b2'], userIdType: 'username' }));
  await succeeds(client.deleteUsersBatch({ userIds: users.map((u) => u.userId) }));
});
