/** Whether a text is an id of ours: what PayPal returns under our names may be somebody else's. */
export const isUuid = (text: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
