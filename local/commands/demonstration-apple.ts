import { accountDataDemonstrationScenario } from '../apple/account-data/demonstration-people.ts';
import {
  createSimulatedAccountData,
  type SimulatedAccountData,
} from '../apple/account-data/simulated-account-data.ts';
import { demonstrationScenario } from '../apple/demonstration-scenario.ts';
import { createSimulatedApple, type SimulatedApple } from '../apple/simulated-apple.ts';
import type { VirtualClock } from '../clock.ts';
import { type RunningServer, type StandInHandler, serve } from '../http.ts';

/** Where each of simulated Apple's hosts listens. */
export type AppleOrigins = Readonly<
  Record<'api' | 'downloads' | 'accountDataTransfer' | 'appDataTransfer' | 'oauth' | 'assets', string>
>;

/** Simulated Apple with the demonstration's data, on 127.0.0.1. */
export interface DemonstrationApple {
  readonly apple: SimulatedApple;
  readonly accountData: SimulatedAccountData;
  readonly origins: AppleOrigins;
  close(): Promise<void>;
}

/** Makes both of its parts by the same clock and serves them. */
export async function serveDemonstrationApple(clock: VirtualClock): Promise<DemonstrationApple> {
  const apple = await createSimulatedApple({ clock, scenario: demonstrationScenario() });
  const accountData = await createSimulatedAccountData({
    clock,
    scenario: accountDataDemonstrationScenario(),
  });
  const servers: RunningServer[] = [];
  const start = async (handle: StandInHandler): Promise<string> => {
    const server = await serve(handle);
    servers.push(server);
    return server.origin;
  };
  const origins: AppleOrigins = {
    api: await start(apple.api),
    downloads: await start(apple.downloads),
    accountDataTransfer: await start(accountData.accountDataTransfer),
    appDataTransfer: await start(accountData.appDataTransfer),
    oauth: await start(accountData.oauth),
    assets: await start(accountData.assets),
  };
  apple.setOrigins(origins);
  accountData.setOrigins(origins);
  return {
    apple,
    accountData,
    origins,
    close: async () => void (await Promise.all(servers.map((server) => server.close()))),
  };
}
