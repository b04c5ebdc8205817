// JSON whose numbers are shown as they were sent, also where JavaScript would round them: ids of 64 bits, money of many digits.

type Reviver = (this: unknown, key: string, value: unknown, context?: { source?: string }) => unknown;
/** What browsers have of it since 2024 or 2025 (tc39.es/proposal-json-parse-with-source); others round. */
const json = JSON as unknown as {
  parse: (text: string, reviver: Reviver) => unknown;
  rawJSON?: (text: string) => object;
  isRawJSON?: (value: unknown) => boolean;
};

/** Whether that is a number that is kept as it was written. */
export const isExact = (value: unknown): boolean => json.isRawJSON?.(value) ?? false;

const keep: Reviver = (_key, value, context) =>
  typeof value === "number" && context?.source !== undefined && rounded(value, context.source) && json.rawJSON
    ? json.rawJSON(context.source)
    : value;

const rounded = (value: number, source: string) => /^-?\d+(\.\d+)?$/.test(source) && String(value) !== source;

/** JSON.parse, but that JSON.stringify gives back every number as it was. */
export const exactly = (text: string) => json.parse(text, keep);
