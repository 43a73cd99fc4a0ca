import js from "@eslint/js";
import prettier from "eslint-config-prettier";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(
  globalIgnores(["node_modules", ".data", "samples"]),
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/prefer-promise-reject-errors": "off",
      eqeqeq: ["error", "smart"],
      // config/env.ts is the only reader of the environment; the scripts build it for the nodes they start.
      "no-restricted-properties": ["error", { object: "process", property: "env", message: "Read the environment in config/env.ts." }],
    },
  },
  {
    files: ["config/env.ts", "scripts/**/*.ts", "test/**/*.ts", "bench/**/*.ts", "**/*.spec.ts"],
    rules: { "no-restricted-properties": "off" },
  },
  {
    // Written by the ORM, which escapes dollars.
    files: ["entities/migrations/**/*.ts"],
    rules: { "no-useless-escape": "off" },
  },
  {
    files: ["**/*.mjs", "**/*.cjs"],
    languageOptions: {
      globals: {
        process: "readonly",
        console: "readonly",
        setTimeout: "readonly",
        clearTimeout: "readonly",
        setInterval: "readonly",
        clearInterval: "readonly",
        URL: "readonly",
        Buffer: "readonly",
        fetch: "readonly",
        AbortSignal: "readonly",
        require: "readonly",
        module: "writable",
      },
    },
  },
  prettier,
);
