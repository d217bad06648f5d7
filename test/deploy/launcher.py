"""Starts the AWS emulator MiniStack 1.5.33 with the repairs that the deploy proof needs.

Usage: launcher.py, configured by MiniStack's own environment variables (TLS and AUTH are taken for granted).
Prints one JSON line, {"repairs": [text, ...]}, and then serves until SIGTERM. Every repair is our reading of how
AWS behaves and therefore no evidence of it. A repair whose target has changed ends the launcher with an AssertionError, so that
another release of the emulator is never patched blindly.
"""

import contextvars
import importlib.metadata
import inspect
import json
import os
import threading

import boto3
import botocore.config
import botocore.exceptions
import ministack.core.lambda_runtime as lambda_runtime
import ministack.services.athena as athena
import ministack.services.lambda_svc as lambda_service
import ministack.services.stepfunctions as step_functions
from ministack import app
from ministack.core import tls
from ministack.services.cloudformation import provisioners

VERSION = "1.5.33"
REPAIRS = []


def repair(description, target, expected):
    """Registers a repair after making sure that its target still holds the text `expected`."""
    source = target if isinstance(target, str) else inspect.getsource(target)
    assert expected in source, f"MiniStack has changed, this repair no longer fits: {description}"

    def register(apply):
        REPAIRS.append(description)
        apply()

    return register


@repair(
    "a Lambda error keeps its name in Step Functions",
    lambda_runtime._NODEJS_WORKER_SCRIPT,
    'error: String(err.message || err), trace: err.stack || ""',
)
def name_lambda_errors():
    text = 'error: String(err.message || err), trace: err.stack || ""'
    lambda_runtime._NODEJS_WORKER_SCRIPT = lambda_runtime._NODEJS_WORKER_SCRIPT.replace(
        text, text + ', errorType: (err && err.name) || "Error"'
    )
    last = threading.local()
    invoke, execute = lambda_runtime.Worker.invoke, lambda_service._execute_function_warm

    def remembering_invoke(self, *values, **named):
        result = invoke(self, *values, **named)
        last.error_type = result.get("errorType") if result.get("status") == "error" else None
        return result

    def naming_execute(*values, **named):
        last.error_type = None
        result = execute(*values, **named)
        if result.get("error") and last.error_type:
            result["body"]["errorType"] = last.error_type
        return result

    lambda_runtime.Worker.invoke = remembering_invoke
    lambda_service._execute_function_warm = naming_execute


@repair(
    "Assign evaluates every expression before it sets a variable",
    step_functions._apply_state_assign,
    "variables[name] = _apply_jsonata_template(",
)
def assign_from_one_snapshot():
    def assign(state, raw_input, ctx, result=None, error_output=None):
        if ctx is None or step_functions._state_query_language(state, ctx) != "JSONata":
            return
        values = {
            name: step_functions._apply_jsonata_template(
                template, raw_input, ctx, result=result, error_output=error_output
            )
            for name, template in (state.get("Assign") or {}).items()
        }
        ctx.setdefault("variables", {}).update(values)

    step_functions._apply_state_assign = assign


@repair(
    "Output of a Succeed state is evaluated",
    step_functions._apply_output_path,
    'op = state_def.get("OutputPath", "$")',
)
def evaluate_output_of_succeed():
    original = step_functions._apply_output_path

    def output(state, data, ctx=None):
        if state.get("Type") == "Succeed" and step_functions._state_query_language(state, ctx) == "JSONata":
            return step_functions._apply_jsonata_output(state, data, ctx, default=data)
        return original(state, data, ctx)

    step_functions._apply_output_path = output


@repair(
    "a Distributed Map evaluates Items, ItemSelector, limits, Output and Assign as JSONata",
    step_functions._run_distributed_map,
    "child_input = _resolve_params_obj(item_selector, effective, item_ctx) if item_selector else item",
)
def evaluate_distributed_map():
    original = step_functions._run_distributed_map
    limits = ("MaxConcurrency", "ToleratedFailurePercentage", "ToleratedFailureCount")
    rewritten = ("Items", "ItemSelector", "Output", "Assign", *limits)

    def run(state, raw_input, effective, iterator, execution, ctx):
        if step_functions._state_query_language(state, ctx) != "JSONata":
            return original(state, raw_input, effective, iterator, execution, ctx)
        for field in ("ItemReader", "ItemBatcher", "ResultWriter"):
            assert field not in state, f"{field} of a Distributed Map with JSONata is not repaired"

        def evaluate(template, context, result=None):
            return step_functions._apply_jsonata_template(template, raw_input, context, result=result)

        items = evaluate(state["Items"], ctx) if "Items" in state else raw_input
        contexts = [{**ctx, "Map": {"Item": {"Index": i, "Value": item}}} for i, item in enumerate(items)]
        inputs = [
            evaluate(state["ItemSelector"], context) if "ItemSelector" in state else item
            for item, context in zip(items, contexts)
        ]
        plain = {key: value for key, value in state.items() if key not in rewritten}
        plain.update({key: evaluate(state[key], ctx) for key in limits if key in state})
        results, next_name = original(plain, raw_input, inputs, iterator, execution, ctx)
        output = evaluate(state["Output"], ctx, results) if "Output" in state else results
        step_functions._apply_state_assign(state, raw_input, ctx, result=results)
        return output, next_name

    step_functions._run_distributed_map = run


@repair(
    "a child of a Distributed Map has its own Execution in the context and none of its parent's variables",
    step_functions._run_sub_machine,
    "current_input = copy.deepcopy(input_data)",
)
def isolate_children():
    original = step_functions._run_sub_machine

    def run(states, start_at, input_data, execution, ctx):
        if execution.get("mapRunArn") and ctx["Execution"]["Id"] != execution["executionArn"]:
            own = {
                "Id": execution["executionArn"],
                "Input": input_data,
                "Name": execution["name"],
                "StartTime": execution["startDate"],
            }
            ctx = {**ctx, "Execution": own, "variables": {}}
        return original(states, start_at, input_data, execution, ctx)

    step_functions._run_sub_machine = run


@repair(
    "aws-sdk:s3:putObject writes a JSON body, with the credentials of the state machine's role",
    step_functions._dispatch_aws_sdk_rest_xml,
    "is not yet implemented in MiniStack",
)
def put_objects():
    dispatch, execute_task = step_functions._dispatch_aws_sdk_rest_xml, step_functions._execute_task
    executing = contextvars.ContextVar("executing")

    def remembering_execute_task(state, raw_input, execution, ctx):
        executing.set(execution)
        return execute_task(state, raw_input, execution, ctx)

    def client_of_role():
        machine = executing.get()["stateMachineArn"].partition("/")[0]
        _arn, _aws, _states, region, account, *_rest = machine.split(":")
        credentials = lambda_runtime.execution_credentials({
            "Role": step_functions._state_machines[machine]["roleArn"],
            "FunctionArn": f"arn:aws:lambda:{region}:{account}:function:states",
            "FunctionName": "states",
        })
        return boto3.client(
            "s3",
            region_name=region,
            endpoint_url=f"https://127.0.0.1:{os.environ['GATEWAY_PORT']}",
            verify=tls.resolve_tls_material()[0],
            config=botocore.config.Config(s3={"addressing_style": "path"}),
            **{name.lower(): value for name, value in credentials.items()},
        )

    def dispatch_put_object(service_info, service_name, action, input_data):
        if (service_name, action) != ("s3", "putObject"):
            return dispatch(service_info, service_name, action, input_data)
        body = json.dumps(input_data["Body"], separators=(",", ":")).encode("utf-8")
        try:
            answer = client_of_role().put_object(**{**input_data, "Body": body})
        except botocore.exceptions.ClientError as error:
            raise step_functions._ExecutionError("S3.S3Exception", str(error)) from error
        return {"ETag": answer["ETag"]}

    step_functions._execute_task = remembering_execute_task
    step_functions._dispatch_aws_sdk_rest_xml = dispatch_put_object


@repair("Tags of a Bucket are set", provisioners._s3_create, "_s3_apply_configurations(name, props)")
def tag_buckets():
    def tagging(provision, position):
        def provision_with_tags(*values):
            answer = provision(*values)
            tags = {tag["Key"]: tag["Value"] for tag in values[position].get("Tags") or []}
            provisioners._s3._bucket_tags[answer[0]] = tags
            return answer

        return provision_with_tags

    handlers = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    handlers.update({"create": tagging(handlers["create"], 1), "update": tagging(handlers["update"], 2)})


@repair("Ref of a Secret is its ARN", provisioners._sm_secret_create, 'return name, {"Id": arn, "Arn": arn}')
def reference_secrets_by_arn():
    def name_of(arn):
        return arn.split(":", 6)[6].rpartition("-")[0]

    def by_arn(answer):
        return answer[1]["Arn"], answer[1]

    def create(*values):
        return by_arn(provisioners._sm_secret_create(*values))

    def update(arn, *values):
        return by_arn(provisioners._sm_secret_update(name_of(arn), *values))

    def delete(arn, properties):
        provisioners._sm_secret_delete(name_of(arn), properties)

    handlers = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
    handlers.update({"create": create, "update": update, "delete": delete})


@repair(
    "a saved query of Athena is a resource of CloudFormation",
    athena._create_named_query,
    'return json_response({"NamedQueryId": query_id})',
)
def provision_saved_queries():
    resource_type = "AWS::Athena::NamedQuery"
    assert resource_type not in provisioners._RESOURCE_HANDLERS

    def create(logical_id, properties, stack_name):
        query = {**properties, "Name": properties.get("Name", logical_id)}
        answer = provisioners._glue_call(athena._create_named_query, query, resource_type, "create")
        return answer["NamedQueryId"], answer

    def replace(query_id, old_properties, new_properties, stack_name):
        created = create(query_id, new_properties, stack_name)
        delete(query_id, old_properties)
        return created

    def delete(query_id, properties):
        athena._delete_named_query({"NamedQueryId": query_id})

    provisioners._RESOURCE_HANDLERS[resource_type] = {"create": create, "update": replace, "delete": delete}


def main():
    """Serves on GATEWAY_PORT alone: the emulator would otherwise also take port 443."""
    installed = importlib.metadata.version("ministack")
    assert installed == VERSION, f"MiniStack {installed} is installed, these repairs are for {VERSION}"
    app._port_is_bindable = lambda host, port: False
    print(json.dumps({"repairs": REPAIRS}), flush=True)
    app.main()


if __name__ == "__main__":
    main()
