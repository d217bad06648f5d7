import { readFileSync } from 'node:fs';
import { ArnFormat, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { z } from 'zod';
import { acknowledge, acknowledgePattern } from '../nag.ts';
import type { AppleFunction } from './apple-function.ts';

/** The text of a state machine's file, with what the CDK app reads out of it. */
export interface WorkflowDefinition {
  readonly file: string;
  readonly text: string;
  /** `TimeoutSeconds` of the machine. */
  readonly timeoutSeconds: number;
  /** Labels of its Distributed Maps. */
  readonly mapLabels: readonly string[];
}

const objectShape = z.record(z.string(), z.unknown());

function distributedMapLabels(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(distributedMapLabels);
  const object = objectShape.safeParse(node);
  if (!object.success) return [];
  const nested = Object.values(object.data).flatMap(distributedMapLabels);
  const map = z
    .looseObject({
      Label: z.string(),
      ItemProcessor: z.looseObject({ ProcessorConfig: z.looseObject({ Mode: z.literal('DISTRIBUTED') }) }),
    })
    .safeParse(object.data);
  return map.success ? [map.data.Label, ...nested] : nested;
}

/** Reads an `.asl.json` file; throws when it is no JSON or has no TimeoutSeconds. */
export function readWorkflowDefinition(file: string): WorkflowDefinition {
  const text = readFileSync(file, 'utf8');
  const definition = z.looseObject({ TimeoutSeconds: z.int().positive() }).parse(JSON.parse(text));
  return {
    file,
    text,
    timeoutSeconds: definition.TimeoutSeconds,
    mapLabels: distributedMapLabels(definition),
  };
}

/** Names of the substitutions that the text asks for and is not given, or is given and does not ask for. */
export function substitutionDifferences(text: string, given: readonly string[]): string[] {
  const wanted = new Set([...text.matchAll(/\$\{(\w+)\}/g)].flatMap((match) => match[1] ?? []));
  return [
    ...[...wanted].filter((name) => !given.includes(name)).map((name) => `${name} (not given)`),
    ...given.filter((name) => !wanted.has(name)).map((name) => `${name} (not used)`),
  ];
}

/** Actions on executions, by ARN pattern. */
export interface ExecutionGrant {
  readonly actions: readonly string[];
  readonly resources: readonly string[];
}

export interface WorkflowProps {
  readonly definition: WorkflowDefinition;
  /** Functions by construct id; `${<Id>Arn}` in the definition stands for each. */
  readonly functions: Readonly<Record<string, AppleFunction>>;
  /** Further substitutions by their full name. */
  readonly substitutions: Readonly<Record<string, string>>;
  readonly logRetention: RetentionDays;
}

/**
 * A Standard state machine from its JSON text, with a role that may invoke its functions and, where the text
 * has a Distributed Map, start and follow its own children. Grants for `aws-sdk:` tasks are added by the stack
 * that owns the resource. Throws when substitutions and placeholders differ, in either direction.
 */
export class Workflow extends Construct {
  readonly machine: StateMachine;
  readonly role: Role;

  constructor(scope: Construct, id: string, props: WorkflowProps) {
    super(scope, id);
    const { definition, functions } = props;
    const substitutions = {
      ...props.substitutions,
      ...Object.fromEntries(
        Object.entries(functions).map(([name, target]) => [`${name}Arn`, target.function.functionArn]),
      ),
    };
    const differences = substitutionDifferences(definition.text, Object.keys(substitutions));
    if (differences.length > 0) {
      throw new Error(`${definition.file}: substitutions differ: ${differences.join(', ')}`);
    }
    const logGroup = new LogGroup(this, 'Logs', {
      logGroupName: `/aws/vendedlogs/states/${Stack.of(this).stackName}-${id}`,
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('states.amazonaws.com') });
    this.role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['lambda:InvokeFunction'],
        resources: Object.values(functions).map((target) => target.function.functionArn),
      }),
    );
    this.machine = new StateMachine(this, 'Resource', {
      definitionBody: DefinitionBody.fromString(definition.text),
      definitionSubstitutions: substitutions,
      stateMachineType: StateMachineType.STANDARD,
      role: this.role,
      logs: { level: LogLevel.ALL, includeExecutionData: false, destination: logGroup },
      tracingEnabled: true,
    });
    acknowledge(
      this.role,
      'AwsSolutions-IAM5[Resource::*]',
      'Log delivery and X-Ray actions have no resource-level permissions.',
    );
    if (definition.mapLabels.length > 0) this.#allowDistributedMap(definition.mapLabels);
  }

  /** ARN pattern of the machine's executions, or with a label of a Distributed Map's children. */
  executionArns(mapLabel?: string): string {
    const name = this.machine.stateMachineName;
    return Stack.of(this).formatArn({
      service: 'states',
      resource: 'execution',
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      resourceName: mapLabel === undefined ? `${name}:*` : `${name}/${mapLabel}:*`,
    });
  }

  /**
   * Grants actions on the machine's own executions, in a policy of its own: the machine depends on the roles'
   * default policies, which therefore must not name the machine.
   */
  allowOnExecutions(scope: Construct, id: string, role: Role, statements: readonly ExecutionGrant[]): Policy {
    const policy = new Policy(scope, id, {
      roles: [role],
      statements: statements.map(
        (statement) =>
          new PolicyStatement({ actions: [...statement.actions], resources: [...statement.resources] }),
      ),
    });
    for (const pattern of new Set(statements.flatMap((statement) => statement.resources))) {
      acknowledgePattern(
        policy,
        pattern,
        'Executions of this one machine; their names are made at run time.',
      );
    }
    return policy;
  }

  /** Grants the start of this machine, in a policy of its own for the same reason. */
  allowStart(scope: Construct, id: string, role: Role): Policy {
    return new Policy(scope, id, { roles: [role], statements: [this.#startStatement()] });
  }

  #allowDistributedMap(labels: readonly string[]): void {
    const policy = this.allowOnExecutions(this, 'DistributedMap', this.role, [
      { actions: ['states:DescribeExecution', 'states:StopExecution'], resources: [this.executionArns()] },
      {
        actions: ['states:RedriveExecution'],
        resources: labels.map((label) => this.executionArns(label)),
      },
    ]);
    policy.addStatements(this.#startStatement());
  }

  #startStatement(): PolicyStatement {
    return new PolicyStatement({
      actions: ['states:StartExecution'],
      resources: [this.machine.stateMachineArn],
    });
  }
}
