import { S3Client } from '@aws-sdk/client-s3';
import {
  type CancelAnswer,
  cancelRequest,
  executionName,
  type InstanceReference,
} from '../../lambdas/lib/account-data/contracts.ts';
import { type ObjectStore, objectStore } from '../../lambdas/lib/lake/object-store.ts';
import { AssemblyError } from '../assembly/assembly-error.ts';
import type { Assembly } from '../assembly/model.ts';
import type { Authorize } from '../aws-json/json-service.ts';
import type { Clock } from '../clock.ts';
import { loadPolicies } from '../iam/load-policies.ts';
import { policyAuthorization } from '../iam/policy-authorization.ts';
import type { LocalRuntime } from '../runtime.ts';
import type { StartedExecution } from '../step-functions/execution-registry.ts';
import { PERSONAL_BUCKET } from './grants-lake.ts';

export const TRANSFER_MACHINE = 'account-data-transfer';
/** Deletes superseded instances, on a schedule. */
export const DELETE_FUNCTION = 'delete-superseded-instances';
const SUBMIT_FUNCTION = 'submit-request';
const CANCEL_FUNCTION = 'cancel-request';

/** Whoever sits at the keyboard; on AWS an identity of theirs that may use the grants. */
const OPERATOR = 'operator';

/** The operator may do everything; `decide` answers for functions, machines and schedules. */
export function besidesOperator(decide: Authorize): Authorize {
  return (request) => request.principal.name === OPERATOR || decide(request);
}

/** The assembly's own policies for functions, machines and schedules; the operator may do everything. */
export function operatorAuthorization(assembly: Assembly): Authorize {
  return besidesOperator(policyAuthorization(assembly, loadPolicies(assembly)));
}

function variableOf(assembly: Assembly, name: string): string {
  const { environment } = assembly.functions.find((each) => each.name === SUBMIT_FUNCTION) ?? {};
  const value = environment?.[name];
  if (value !== undefined) return value;
  throw new AssemblyError(
    `the assembly has no function ${SUBMIT_FUNCTION} with ${name}: configure accountData`,
  );
}

/** The secret for client secrets, as `createLocalRuntime` takes it. Throws AssemblyError. */
export function dataSharingSecret(assembly: Assembly, text: string): Record<string, string> {
  return { [variableOf(assembly, 'DATA_SHARING_SECRET_ARN')]: text };
}

/** A runtime with the machine of account data in it. */
export interface AccountDataRuntime {
  readonly assembly: Assembly;
  readonly runtime: LocalRuntime;
  readonly clock: Clock;
}

/**
 * Works with the personal bucket of a running runtime as the operator writes grants to it. Virtual time has to stand
 * still meanwhile: nothing sleeps, or the clock is held. Throws AssemblyError.
 */
export async function withOperatorGrants<Result>(
  { assembly, runtime, clock }: AccountDataRuntime,
  work: (grants: ObjectStore) => Promise<Result>,
): Promise<Result> {
  const client = new S3Client({
    region: assembly.region,
    endpoint: runtime.s3Endpoint,
    forcePathStyle: true,
    credentials: runtime.principals.ofRole(OPERATOR),
  });
  // Signatures carry the time of the runtime's clock.
  client.middlewareStack.add(
    (next) => (input) => {
      client.config.systemClockOffset = clock.now() - Date.now();
      return next(input);
    },
    { step: 'initialize' },
  );
  const encryptionKeyArn = variableOf(assembly, 'GRANTS_KEY_ARN');
  try {
    return await work(objectStore(client, PERSONAL_BUCKET, { encryptionKeyArn }));
  } finally {
    client.destroy();
  }
}

/** Starts the machine for an instance, under the one name that its execution has. */
export function startTransfer(runtime: LocalRuntime, reference: InstanceReference): StartedExecution {
  return runtime.startExecution(TRANSFER_MACHINE, reference, executionName(reference));
}

/** Cancels through the function that is deployed for it; rejects with `InvocationError`. */
export async function cancelTransfer(
  runtime: LocalRuntime,
  grantId: string,
  scope: 'instance' | 'series',
): Promise<CancelAnswer> {
  return cancelRequest.output.parse(await runtime.invokeFunction(CANCEL_FUNCTION, { grantId, scope }));
}
