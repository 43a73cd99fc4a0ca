// Jest transformer: Node's own type stripping, so that tests run the very code that production runs.
const { stripTypeScriptTypes } = require("node:module");

module.exports = {
  canInstrument: false,
  process(source) {
    return { code: stripTypeScriptTypes(source, { mode: "strip" }) };
  },
};
