import { cancel } from './cancel-operation.ts';
import { fetch, status } from './status-operations.ts';
import { resubmit, submit } from './submit-operations.ts';
import type { TransferOperation } from './transfer-call.ts';
import type { TransferRoute } from './transfer-routes.ts';

/** The operations of both services by their names. */
export const TRANSFER_OPERATIONS: Readonly<Record<TransferRoute['operation'], TransferOperation>> = {
  submit,
  resubmit,
  status,
  fetch,
  cancel,
};
