import Type from "typebox";

/** A name as people write them: not blank, without control characters (PostgreSQL refuses U+0000). */
export const nameField = (description: string, maxLength: number) =>
  Type.String({ description, minLength: 1, maxLength, pattern: "^(?!\\s*$)[^\\u0000-\\u001F\\u007F]+$" });

export const emailField = Type.String({
  format: "email",
  maxLength: 254,
  description: "E-mail address; upper and lower case are the same.",
});

/** Long enough for any password; how many bytes a new one may have is checked with a precise answer in password.ts. */
export const passwordField = Type.String({ minLength: 1, maxLength: 1024, description: "12 to 72 bytes in UTF-8." });

/** The token of a mailed link. */
export const linkField = Type.String({ minLength: 1, maxLength: 128, description: "What stands behind #token= in the link." });

/** The form in which an address is stored and looked up. */
export const addressOf = (email: string) => email.toLowerCase();

export const roleField = Type.String({
  pattern: "^[a-z][a-z0-9-]{0,39}$",
  description: "Name of a role: one that every organisation has, or one of its own.",
});
