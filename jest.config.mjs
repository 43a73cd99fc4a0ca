export default {
  testEnvironment: "node",
  roots: ["<rootDir>"],
  testPathIgnorePatterns: ["/node_modules/", "<rootDir>/.data/"],
  modulePathIgnorePatterns: ["<rootDir>/.data/"],
  watchman: false,
  testMatch: ["**/*.spec.ts"],
  extensionsToTreatAsEsm: [".ts"],
  transform: { "\\.ts$": "<rootDir>/test/strip-types.cjs" },
  testTimeout: 60_000,
  maxWorkers: 2,
};
