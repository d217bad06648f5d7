import { Duration, RemovalPolicy, Size } from 'aws-cdk-lib';
import { Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { BUNDLING } from '../bundling.ts';
import { acknowledge } from '../nag.ts';

export interface AppleFunctionProps {
  /** Absolute path of the `.handler.ts` file, which exports `handler`. */
  readonly entry: string;
  /** Of the whole repository, the base of the bundle's source map and lock file. */
  readonly projectRoot: string;
  readonly description: string;
  readonly timeoutSeconds: number;
  readonly memoryMegabytes: number;
  /** Disk space under /tmp; undefined leaves it at Lambda's own 512. */
  readonly diskMegabytes: number | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly logRetention: RetentionDays;
  /** Why nothing takes the events that it failed to handle; by default because Step Functions invokes it. */
  readonly withoutDeadLetters?: string;
}

const INVOKED_BY_MACHINE =
  'Step Functions invokes it synchronously and handles its errors; nothing is queued.';

/**
 * Bytes on their way lie outside JavaScript's heap and are freed when its young generation is collected: at 4 MB
 * instead of V8's 16 that happens sooner, and a stream of any length holds 40 MB less at the same speed (measured
 * by `npm run bench`).
 */
const NODE_OPTIONS = '--enable-source-maps --max-semi-space-size=4';

/** Makes each of the defined functions under its construct id. */
export function createEach<Id extends string, Definition>(
  definitions: Readonly<Record<Id, Definition>>,
  create: (id: Id, definition: Definition) => AppleFunction,
): Record<Id, AppleFunction> {
  const entries = Object.entries(definitions) as [Id, Definition][];
  return Object.fromEntries(entries.map(([id, definition]) => [id, create(id, definition)])) as Record<
    Id,
    AppleFunction
  >;
}

/**
 * One Lambda function with its own role, log group and bundle. The role may write its own logs and traces and
 * nothing else; grants are added by what owns the resource. It runs outside any VPC.
 */
export class AppleFunction extends Construct {
  readonly function: NodejsFunction;
  readonly role: Role;

  constructor(scope: Construct, id: string, props: AppleFunctionProps) {
    super(scope, id);
    const logGroup = new LogGroup(this, 'Logs', {
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    logGroup.grantWrite(this.role);
    this.function = new NodejsFunction(this, 'Resource', {
      entry: props.entry,
      projectRoot: props.projectRoot,
      depsLockFilePath: `${props.projectRoot}/package-lock.json`,
      handler: 'handler',
      description: props.description,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      timeout: Duration.seconds(props.timeoutSeconds),
      memorySize: props.memoryMegabytes,
      ...(props.diskMegabytes === undefined
        ? {}
        : { ephemeralStorageSize: Size.mebibytes(props.diskMegabytes) }),
      role: this.role,
      logGroup,
      tracing: Tracing.ACTIVE,
      environment: { NODE_OPTIONS, ...props.environment },
      bundling: BUNDLING,
    });
    this.#acknowledgeFindings(props.withoutDeadLetters ?? INVOKED_BY_MACHINE);
  }

  /** Adds one Allow statement to the function's role. */
  allow(actions: readonly string[], resources: readonly string[]): void {
    this.role.addToPrincipalPolicy(
      new PolicyStatement({ effect: Effect.ALLOW, actions: [...actions], resources: [...resources] }),
    );
  }

  #acknowledgeFindings(withoutDeadLetters: string): void {
    acknowledge(this.function, 'Serverless-LambdaDLQ', withoutDeadLetters);
    acknowledge(this.function, 'Serverless-LambdaAsyncFailureDestination', withoutDeadLetters);
    acknowledge(
      this.role,
      'AwsSolutions-IAM5[Resource::*]',
      'X-Ray has no resource-level permission for PutTraceSegments and PutTelemetryRecords.',
    );
  }
}
