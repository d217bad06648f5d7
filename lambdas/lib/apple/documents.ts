import * as z from 'zod';
import { ApiContractError } from '../errors.ts';
import type { Page } from './paging.ts';

// Apple's schema makes every attribute optional; what the pipeline cannot do without is required here, the rest
// may be absent or of an unexpected type. Unknown fields are ignored.
const id = z.string().min(1);
const optionalText = z.string().optional().catch(undefined);

/** An `apps` resource; needs its id. */
export const appResource = z
  .object({
    id,
    attributes: z
      .object({ name: z.string().catch(''), bundleId: z.string().catch('') })
      .catch({ name: '', bundleId: '' }),
  })
  .transform((resource) => ({ id: resource.id, ...resource.attributes }));

/** An `analyticsReportRequests` resource; needs id and accessType. */
export const reportRequestResource = z
  .object({
    id,
    attributes: z.object({ accessType: z.string(), stoppedDueToInactivity: z.boolean().catch(false) }),
  })
  .transform((resource) => ({ id: resource.id, ...resource.attributes }));

/** An `analyticsReports` resource; needs id and name. */
export const reportResource = z
  .object({ id, attributes: z.object({ name: z.string().min(1), category: optionalText }) })
  .transform(({ attributes, ...resource }) => ({
    id: resource.id,
    name: attributes.name,
    category: attributes.category,
  }));

/** An `analyticsReportInstances` resource; needs id, granularity and processingDate. */
export const instanceResource = z
  .object({
    id,
    attributes: z.object({ granularity: z.string(), processingDate: z.iso.date() }),
  })
  .transform((resource) => ({ id: resource.id, ...resource.attributes }));

/** An `analyticsReportSegments` resource; needs id and url. */
export const segmentResource = z
  .object({
    id,
    attributes: z.object({
      url: z.string().min(1),
      checksum: optionalText,
      sizeInBytes: z.int().nonnegative().optional().catch(undefined),
    }),
  })
  .transform(({ attributes, ...resource }) => ({
    id: resource.id,
    url: attributes.url,
    ...(attributes.checksum === undefined ? {} : { checksum: attributes.checksum }),
    ...(attributes.sizeInBytes === undefined ? {} : { sizeInBytes: attributes.sizeInBytes }),
  }));

const paging = z.object({
  links: z.object({ next: z.string().nullish() }).nullish().catch(undefined),
  meta: z
    .object({ paging: z.object({ total: z.int().nonnegative().optional().catch(undefined) }) })
    .nullish()
    .catch(undefined),
});

function contractError(path: string, error: z.ZodError): ApiContractError {
  const issue = error.issues[0];
  const field = issue?.path.join('.') ?? '';
  return new ApiContractError(
    `The answer to ${path} is not of the documented shape at ${field === '' ? 'its root' : field}: ` +
      `${issue?.message ?? 'unknown'}. Apple may have changed it: report it.`,
    { details: { path: field, call: path, problems: error.issues.length } },
  );
}

/** Parses `{ data: {...} }`; throws `ApiContractError` with the path of the first wrong field. */
export function parseSingle<T>(resource: z.ZodType<T>, document: unknown, path: string): T {
  const result = z.object({ data: resource }).safeParse(document);
  if (!result.success) throw contractError(path, result.error);
  return result.data.data;
}

/** Parses one page of a list; throws `ApiContractError` with the path of the first wrong field. */
export function parsePage<T>(resource: z.ZodType<T>, document: unknown, path: string): Page<T> {
  const result = z.object({ data: z.array(resource) }).safeParse(document);
  if (!result.success) throw contractError(path, result.error);
  const around = paging.safeParse(document);
  if (!around.success) throw contractError(path, around.error);
  return {
    items: result.data.data,
    next: around.data.links?.next ?? undefined,
    total: around.data.meta?.paging.total,
  };
}
