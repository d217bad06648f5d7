import type { RunOutcome } from './contracts.ts';
import type { OutcomeName } from './run-record.ts';

/** The metric of each outcome that a person should see; outcomes without one are only counted in the summary. */
const METRIC_OF_OUTCOME: Readonly<Partial<Record<OutcomeName, string>>> = {
  'admin-key-needed': 'AdminKeyNeeded',
  'agreement-missing': 'AgreementMissing',
  'all-reports-empty': 'AllReportsEmpty',
  'app-not-found': 'AppNotFound',
  'checksum-missing': 'ChecksumMissing',
  'columns-missing': 'ColumnsMissing',
  'columns-unknown': 'ColumnsUnknown',
  'credentials-refused': 'CredentialsRefused',
  'curation-failed': 'CurationsFailed',
  'delivery-stopped': 'DeliveryStopped',
  forbidden: 'CallsForbidden',
  'list-incomplete': 'ListIncomplete',
  'operation-not-allowed': 'CallsForbidden',
  'pending-long': 'InstancesPendingLong',
  'program-license-invalid': 'ProgramLicenseInvalid',
  quarantined: 'InstancesQuarantined',
  'report-not-in-catalog': 'ReportsNotInCatalog',
  'report-not-offered': 'ReportsNotOffered',
  'request-refused': 'RequestsRefused',
  'request-stopped': 'RequestsStopped',
  'role-forbidden': 'RoleForbidden',
  'snapshot-refused': 'SnapshotsRefused',
};

/**
 * What a run counts, by metric name: a count for each, bytes for `BytesLanded`, days for `DaysUntilDeleted`, 1 for
 * `RunsCompleted` when no app failed; every outcome's metric is there, also with 0, so that an alarm ends when the
 * outcome does.
 */
export function runMetrics(outcome: RunOutcome): ReadonlyMap<string, number> {
  const metrics = new Map([
    ['RunsCompleted', outcome.failedApps === 0 ? 1 : 0],
    ['InstancesLanded', outcome.instances.landed],
    ['InstancesPending', outcome.instances.pending],
    ['InstancesExpired', outcome.instances.expired],
    ['InstancesFailed', outcome.instances.failed],
    ['DeliveriesCurated', outcome.curation?.deliveries ?? 0],
    ['FailedApps', outcome.failedApps],
    ['AppleCalls', outcome.calls],
    ['BytesLanded', outcome.bytes],
  ]);
  if (outcome.freshness !== undefined) {
    const { emptyReports, missingDays, daysUntilDeleted } = outcome.freshness;
    metrics.set('EmptyReports', emptyReports);
    metrics.set('MissingDays', missingDays);
    if (daysUntilDeleted !== null) metrics.set('DaysUntilDeleted', daysUntilDeleted);
  }
  if (outcome.lowestBudget !== null) metrics.set('LowestCallBudget', outcome.lowestBudget);
  for (const [name, metric] of Object.entries(METRIC_OF_OUTCOME)) {
    metrics.set(metric, (metrics.get(metric) ?? 0) + (outcome.outcomes[name] ?? 0));
  }
  return metrics;
}
