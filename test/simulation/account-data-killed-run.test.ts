import { describeCycleDeaths } from '../support/account-data-deaths.ts';

describeCycleDeaths('the death of a whole run in a cycle of a daily series', true);
