import { describeCycleDeaths } from '../support/account-data-deaths.ts';

describeCycleDeaths('the death of a function in a cycle of a daily series', false);
