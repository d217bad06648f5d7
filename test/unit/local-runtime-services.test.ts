import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import {
  DescribeExecutionCommand,
  ListStateMachinesCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRunner } from '../../local/asl/runner.ts';
import type { Authorize } from '../../local/aws-json/json-service.ts';
import { VirtualClock } from '../../local/clock.ts';
import { type RunningServer, type StandInHandler, serve } from '../../local/http.ts';
import { Principals } from '../../local/principals.ts';
import { createSecretsService } from '../../local/secrets/server.ts';
import { ExecutionRegistry } from '../../local/step-functions/execution-registry.ts';
import { createStepFunctionsService } from '../../local/step-functions/server.ts';

const REGION = 'us-east-1';
const SECRET = `arn:aws:secretsmanager:${REGION}:111111111111:secret:reader-abcdef`;
const EMPTY = `arn:aws:secretsmanager:${REGION}:111111111111:secret:empty-abcdef`;
const ROLE = 'arn:aws:iam::111111111111:role/WaitingMachine';
const MACHINE = `arn:aws:states:${REGION}:111111111111:stateMachine:waiting`;

const principals = new Principals();
const reader = principals.ofRole('arn:aws:iam::111111111111:role/reader');
const principalOf = (accessKeyId: string) => principals.ofAccessKey(accessKeyId);
const authorize: Authorize = ({ principal }) => principal.name !== 'arn:aws:iam::111111111111:role/nobody';
/** In virtual time, as functions sign; the SDK's own clock is the machine's. */
const clock = new VirtualClock(Date.now());
const values = new Map([[SECRET, 'first']]);

let handle: StandInHandler;
let server: RunningServer;

beforeAll(async () => {
  server = await serve((request) => handle(request));
});
afterAll(() => server.close());

describe('the local Secrets Manager', () => {
  beforeEach(() => {
    const secrets = [
      { name: 'reader', arn: SECRET, logicalId: 'Reader', constructPath: 'Lake/Reader' },
      { name: 'empty', arn: EMPTY, logicalId: 'Empty', constructPath: 'Lake/Empty' },
    ];
    handle = createSecretsService({ secrets, values, region: REGION, clock, principalOf, authorize });
  });

  function client(credentials = reader, region = REGION): SecretsManagerClient {
    return new SecretsManagerClient({ region, endpoint: server.origin, credentials, maxAttempts: 1 });
  }

  it('gives a value by ARN and by name, and the new one when it was replaced', async () => {
    const byArn = await client().send(new GetSecretValueCommand({ SecretId: SECRET }));
    expect(byArn).toMatchObject({ ARN: SECRET, Name: 'reader', SecretString: 'first' });
    values.set(SECRET, 'second');
    const byName = await client().send(new GetSecretValueCommand({ SecretId: 'reader' }));
    expect(byName.SecretString).toBe('second');
  });

  it.each([
    ['an unknown secret', 'other', 'ResourceNotFoundException'],
    ['a secret without a value', 'empty', 'ResourceNotFoundException'],
  ])('answers %s by AWS’s name', async (_, SecretId, name) => {
    await expect(client().send(new GetSecretValueCommand({ SecretId }))).rejects.toMatchObject({ name });
  });

  it('refuses every other operation by name', async () => {
    await expect(
      client().send(new PutSecretValueCommand({ SecretId: SECRET, SecretString: 'x' })),
    ).rejects.toMatchObject({
      name: 'UnknownOperationException',
      message: expect.stringContaining('PutSecretValue'),
    });
  });

  it('asks whether the role may read', async () => {
    const nobody = principals.ofRole('arn:aws:iam::111111111111:role/nobody');
    await expect(client(nobody).send(new GetSecretValueCommand({ SecretId: SECRET }))).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining(
        'role/nobody is not authorized to perform: secretsmanager:GetSecretValue',
      ),
    });
  });

  it.each([
    ['an unknown access key', { ...reader, accessKeyId: 'AKIAOTHER' }, REGION, 'UnrecognizedClientException'],
    ['a wrong secret key', { ...reader, secretAccessKey: 'other' }, REGION, 'InvalidSignatureException'],
    ['another region', reader, 'eu-central-1', 'InvalidSignatureException'],
  ])('refuses %s', async (_, credentials, region, name) => {
    await expect(
      client(credentials, region).send(new GetSecretValueCommand({ SecretId: SECRET })),
    ).rejects.toMatchObject({ name });
  });

  it('refuses a signature that is too old for its clock', async () => {
    const late = new VirtualClock(Date.now() + 6 * 60_000);
    const secrets = [{ name: 'reader', arn: SECRET, logicalId: 'Reader', constructPath: 'Lake/Reader' }];
    handle = createSecretsService({ secrets, values, region: REGION, clock: late, principalOf });
    await expect(client().send(new GetSecretValueCommand({ SecretId: SECRET }))).rejects.toMatchObject({
      name: 'InvalidSignatureException',
      message: 'Signature expired or not yet current',
    });
  });

  it('refuses a body that was changed after it was signed', async () => {
    const original = handle;
    handle = (request) =>
      original({ ...request, body: [Buffer.from(JSON.stringify({ SecretId: EMPTY }))] as never });
    await expect(client().send(new GetSecretValueCommand({ SecretId: SECRET }))).rejects.toMatchObject({
      name: 'InvalidSignatureException',
    });
  });

  it('refuses a request without a signature', async () => {
    const response = await fetch(server.origin, { method: 'POST', body: '{}' });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ __type: 'MissingAuthenticationTokenException' });
  });
});

describe('the local Step Functions endpoint', () => {
  beforeEach(() => {
    const runner = createRunner({
      clock,
      invoke: () => Promise.reject(new Error('the machine has no task')),
      random: () => 0.5,
      region: REGION,
      accountId: '111111111111',
    });
    const definition = {
      QueryLanguage: 'JSONata',
      StartAt: 'Wait',
      States: {
        Wait: { Type: 'Wait', Seconds: 60, Next: 'Done' },
        Done: { Type: 'Succeed', Output: { role: '{% $states.context.Execution.RoleArn %}' } },
      },
    };
    const machines = [{ name: 'waiting', arn: MACHINE, definition, roleArn: ROLE }];
    const executions = new ExecutionRegistry({ machines, runner, clock });
    handle = createStepFunctionsService({ executions, region: REGION, clock, principalOf, authorize });
  });

  function client(): SFNClient {
    return new SFNClient({
      region: REGION,
      endpoint: server.origin,
      credentials: reader,
      maxAttempts: 1,
      systemClockOffset: clock.now() - Date.now(),
    });
  }

  it('starts, describes and ends an execution', async () => {
    const { executionArn } = await clock.whileHeld(async () => {
      const started = await client().send(
        new StartExecutionCommand({ stateMachineArn: MACHINE, name: 'one', input: '{"a":1}' }),
      );
      const running = await client().send(
        new DescribeExecutionCommand({ executionArn: started.executionArn }),
      );
      expect(running).toMatchObject({ name: 'one', status: 'RUNNING', input: '{"a":1}' });
      return started;
    });
    await clock.sleep(61_000);
    const ended = await client().send(new DescribeExecutionCommand({ executionArn }));
    expect(ended).toMatchObject({ status: 'SUCCEEDED', output: `{"role":"${ROLE}"}` });
    expect((ended.stopDate?.getTime() ?? 0) - (ended.startDate?.getTime() ?? 0)).toBe(60_000);
  });

  it('treats the same name with the same input as one execution, and refuses any other second use', async () => {
    await clock.whileHeld(async () => {
      const start = (input: string) =>
        client().send(new StartExecutionCommand({ stateMachineArn: MACHINE, name: 'twice', input }));
      const first = await start('{}');
      expect((await start('{}')).executionArn).toBe(first.executionArn);
      await expect(start('{"other":1}')).rejects.toMatchObject({ name: 'ExecutionAlreadyExists' });
    });
  });

  it('frees a name 90 days after its execution ended', async () => {
    const start = (input: string) =>
      client().send(new StartExecutionCommand({ stateMachineArn: MACHINE, name: 'again', input }));
    await clock.whileHeld(() => start('{"n":1}'));
    const ninetyDays = 90 * 86_400_000;
    await clock.sleep(60_000 + ninetyDays - 1000);
    await expect(clock.whileHeld(() => start('{"n":2}'))).rejects.toMatchObject({
      name: 'ExecutionAlreadyExists',
    });
    await clock.sleep(1000);
    const { executionArn } = await clock.whileHeld(() => start('{"n":2}'));
    expect(await client().send(new DescribeExecutionCommand({ executionArn }))).toMatchObject({
      input: '{"n":2}',
    });
  });

  it.each(['a.b', 'é', "a'b", 'a(b)+=@!', 'x'.repeat(80)])('takes the name %s', async (name) => {
    await clock.whileHeld(async () => {
      const { executionArn } = await client().send(
        new StartExecutionCommand({ stateMachineArn: MACHINE, name }),
      );
      expect(executionArn).toBe(`${MACHINE.replace('stateMachine', 'execution')}:${name}`);
    });
  });

  it.each([
    ...[...' \t\u00a0<>{}[]?*"#%\\^|~`$&,;:/\u0000\u001f\u007f\u009f'].map((character) => `a${character}b`),
  ])('refuses the name %j', async (name) => {
    await expect(
      client().send(new StartExecutionCommand({ stateMachineArn: MACHINE, name })),
    ).rejects.toMatchObject({ name: 'InvalidName', message: `Invalid Name: '${name}'` });
  });

  it.each([
    ['x'.repeat(81), 'length less than or equal to 80'],
    ['', 'length greater than or equal to 1'],
  ])('refuses the length of the name %j before it looks for the machine', async (name, constraint) => {
    await expect(
      client().send(new StartExecutionCommand({ stateMachineArn: `${MACHINE}2`, name })),
    ).rejects.toMatchObject({
      name: 'ValidationException',
      message: `1 validation error detected: Value '${name}' at 'name' failed to satisfy constraint: Member must have ${constraint}`,
    });
  });

  it('refuses an input of more than 262,144 bytes without using the name up', async () => {
    const start = (input: string) =>
      client().send(new StartExecutionCommand({ stateMachineArn: MACHINE, name: 'large', input }));
    const most = `"${'é'.repeat(131_071)}"`;
    await expect(start(`${most} `)).rejects.toMatchObject({
      name: 'ValidationException',
      message: expect.stringContaining("at 'input'"),
    });
    await clock.whileHeld(async () => {
      const { executionArn } = await start(most);
      const running = await client().send(new DescribeExecutionCommand({ executionArn }));
      expect(running).toMatchObject({ status: 'RUNNING', input: most });
    });
  });

  it.each([
    ['not-an-arn', 'Invalid ARN prefix: not-an-arn'],
    [
      `${MACHINE.replace('stateMachine', 'execution')}:one`,
      'Resource type not valid in this context: execution',
    ],
  ])('refuses to start %s', async (stateMachineArn, reason) => {
    await expect(client().send(new StartExecutionCommand({ stateMachineArn }))).rejects.toMatchObject({
      name: 'InvalidArn',
      message: `Invalid Arn: '${reason}'`,
    });
  });

  it.each([
    ['arn:aws:states:x', 'Invalid ARN prefix: arn:aws:states:x'],
    [MACHINE, 'Resource type not valid in this context: stateMachine'],
  ])('refuses to describe or stop %s', async (executionArn, reason) => {
    const refusal = { name: 'InvalidArn', message: `Invalid Arn: '${reason}'` };
    await expect(client().send(new DescribeExecutionCommand({ executionArn }))).rejects.toMatchObject(
      refusal,
    );
    await expect(client().send(new StopExecutionCommand({ executionArn }))).rejects.toMatchObject(refusal);
  });

  it('stops an execution', async () => {
    const executionArn = await clock.whileHeld(async () => {
      const started = await client().send(
        new StartExecutionCommand({ stateMachineArn: MACHINE, name: 'stopped' }),
      );
      await client().send(new StopExecutionCommand({ executionArn: started.executionArn, error: 'Enough' }));
      return started.executionArn;
    });
    await clock.sleep(1);
    const ended = await client().send(new DescribeExecutionCommand({ executionArn }));
    expect(ended).toMatchObject({ status: 'ABORTED', error: 'Enough' });
  });

  it('answers unknown executions, machines and operations by AWS’s names', async () => {
    const executionArn = `${MACHINE.replace('stateMachine', 'execution')}:none`;
    await expect(client().send(new DescribeExecutionCommand({ executionArn }))).rejects.toMatchObject({
      name: 'ExecutionDoesNotExist',
    });
    await expect(
      client().send(new StartExecutionCommand({ stateMachineArn: `${MACHINE}2`, name: 'a b', input: '{' })),
    ).rejects.toMatchObject({ name: 'StateMachineDoesNotExist' });
    await expect(
      client().send(new StartExecutionCommand({ stateMachineArn: MACHINE, input: '{' })),
    ).rejects.toMatchObject({ name: 'InvalidExecutionInput' });
    await expect(client().send(new ListStateMachinesCommand({}))).rejects.toMatchObject({
      name: 'UnknownOperationException',
    });
  });
});
