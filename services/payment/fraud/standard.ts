import { currencies, type Currency } from "../money.ts";
import type { RuleSet } from "./ruleset.ts";

/** Roughly what one euro buys, for limits that shall mean the same in every currency; where money has a day's rate, nobody reckons with these. */
const perEuro: Partial<Record<Currency, number>> = {
  ...{
    CZK: 25,
    DKK: 7,
    HKD: 9,
    HUF: 400,
    ILS: 4,
    JPY: 160,
    MXN: 20,
    NOK: 11,
    PHP: 65,
    PLN: 4,
    SEK: 11,
    THB: 38,
    TWD: 35,
    CNY: 8,
    BRL: 6,
    MYR: 5,
  },
};
const worth = (euros: number) => Object.fromEntries(currencies.map((code) => [code, String(euros * (perEuro[code] ?? 1))]));

const throwaway = [
  ...["10minutemail.com", "guerrillamail.com", "maildrop.cc", "mailinator.com", "sharklasers.com", "temp-mail.org"],
  ...["tempmail.com", "throwawaymail.com", "trashmail.com", "yopmail.com"],
];

/**
 * What an organisation's payments are judged by until it activates rules of its own; version 0. It blocks by the organisation's own list and by
 * several signs together, never by one sign alone.
 */
export const standardRules: RuleSet = {
  thresholds: { review: 50, block: 100 },
  reviewHours: 72,
  rules: [
    { id: "block-list", description: "Something of the payer is on the block list.", when: { listed: { on: "block" } }, effect: "block" },
    { id: "allow-list", description: "Something of the payer is on the allow list.", when: { listed: { on: "allow" } }, effect: "allow" },
    {
      id: "countries-differ",
      description: "The payer's network is in another country than the billing address.",
      when: { countriesDiffer: true },
      effect: "score",
      points: 40,
    },
    { id: "large", description: "A large amount.", when: { amount: { over: worth(2_500) } }, effect: "score", points: 20 },
    {
      id: "large-and-new",
      description: "A considerable amount by somebody who has not paid here before.",
      when: { all: [{ amount: { over: worth(1_000) } }, { newCustomer: true }] },
      effect: "score",
      points: 30,
    },
    {
      id: "throwaway-address",
      description: "An e-mail address of the kind that is used once.",
      when: { domain: { in: throwaway } },
      effect: "score",
      points: 30,
    },
    {
      id: "many-by-email",
      description: "Many attempts with one e-mail address.",
      when: { velocity: { of: "email", minutes: 60, countOver: 6 } },
      effect: "score",
      points: 50,
    },
    {
      id: "many-by-network",
      description: "Many attempts from one network.",
      when: { velocity: { of: "ip", minutes: 60, countOver: 20 } },
      effect: "score",
      points: 40,
    },
    {
      id: "many-by-card",
      description: "Many attempts with one card.",
      when: { velocity: { of: "card", minutes: 60, countOver: 4 } },
      effect: "score",
      points: 50,
    },
    {
      id: "cards-tried",
      description: "Small amounts in quick succession, as when stolen cards are tried.",
      when: {
        all: [
          { amount: { under: worth(5) } },
          { any: [{ velocity: { of: "ip", minutes: 5, countOver: 10 } }, { velocity: { of: "email", minutes: 5, countOver: 5 } }] },
        ],
      },
      effect: "score",
      points: 50,
    },
    {
      id: "much-in-a-day",
      description: "One e-mail address comes to a lot in a day.",
      when: { velocity: { of: "email", minutes: 1_440, sumOver: worth(10_000) } },
      effect: "score",
      points: 30,
    },
  ],
};
