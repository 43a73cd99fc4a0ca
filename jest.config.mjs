export default {
  testEnvironment: "node",
  roots: ["<rootDir>/bench", "<rootDir>/config", "<rootDir>/entities", "<rootDir>/mixins", "<rootDir>/scripts", "<rootDir>/services", "<rootDir>/test"],
  testMatch: ["**/*.spec.ts"],
  extensionsToTreatAsEsm: [".ts"],
  transform: { "\\.ts$": "<rootDir>/test/strip-types.cjs" },
  testTimeout: 60_000,
  maxWorkers: 2,
};
