import Type from "typebox";

/** One line as people write it. */
export const line = (description: string, maxLength = 120) =>
  Type.String({ minLength: 1, maxLength, pattern: "^[^\\u0000-\\u001F\\u007F]+$", description });
