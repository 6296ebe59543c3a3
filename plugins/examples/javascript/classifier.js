// Sorts issues by the words of a map in the configuration:
//
//   { "billing": ["invoice", "refund"], "search": ["index", "ranking"] }
//
// Each interface of the WIT packages is an object with its functions; names are in camelCase. Thrown values are errors.

import hostLog from "autoissue:plugin/host-log@0.1.0";

/// The runtime has no `console`; this one prints to the log.
globalThis.console = {
  log: (...values) => hostLog.log("info", values.join(" ")),
  error: (...values) => hostLog.log("error", values.join(" ")),
};

const NAME = "javascript-words";
const EXAMPLE = { billing: ["invoice", "refund"] };

/// Depth of an object of lists.
const DEPTH_MAX = 2;

const SCHEMA = {
  type: "object",
  description: "Words by domain.",
  additionalProperties: { type: "array", items: { type: "string" } },
};

export const metadata = {
  describe() {
    return {
      name: NAME,
      version: "0.1.0",
      description: "Sorts issues by words, in JavaScript",
      homepage: null,
      strategies: [
        {
          kind: "classifier",
          name: "words",
          summary: "Sorts issues by the words that they mention",
          settingsSchema: JSON.stringify(SCHEMA),
          exampleSettings: JSON.stringify(EXAMPLE),
          extra: [],
        },
      ],
      extra: [],
    };
  },

  checkSettings(_kind, _strategy, settings) {
    read(settings);
  },
};

export const classifier = {
  classify(context, issue) {
    const text = `${issue.title}\n${issue.body}`.toLowerCase();
    for (const [domain, words] of Object.entries(read(context.settings))) {
      const word = words.find((word) => mentions(text, word.toLowerCase()));
      if (word !== undefined) {
        return answer(domain, 0.7, [`mentions ${JSON.stringify(word)}`]);
      }
    }
    return answer("unknown", 0, []);
  },
};

function answer(domain, confidence, reasons) {
  return { domain, confidence, reasons, alternatives: [], paths: [], extra: [] };
}

/// Reads the map, or throws an error for the operator to fix.
function read(settings) {
  if (DEPTH_MAX < depth(settings)) {
    throw invalid("expected an object with a list of words for each domain");
  }
  let map;
  try {
    map = settings.trim() === "" ? EXAMPLE : JSON.parse(settings);
  } catch (error) {
    throw invalid(`invalid JSON: ${error.message}`);
  }
  if (map === null || typeof map !== "object" || Array.isArray(map)) {
    throw invalid("expected an object with a list of words for each domain");
  }
  for (const [domain, words] of Object.entries(map)) {
    if (!/^[a-z0-9-]{1,40}$/.test(domain)) {
      throw invalid(`${JSON.stringify(domain.slice(0, 80))} is not a valid domain: use 1 to 40 of a to z, 0 to 9 and -`);
    }
    if (!Array.isArray(words) || !words.every((word) => typeof word === "string" && 0 < word.length && word.length <= 100)) {
      throw invalid(`\`${domain}\` is not a list of words`);
    }
  }
  return map;
}

/// Returns the depth of the brackets in a JSON text. A recursive parser would overflow its stack on millions of them.
function depth(text) {
  let [now, most, isText] = [0, 0, false];
  for (let at = 0; at < text.length; at++) {
    const c = text[at];
    if (isText && c === "\\") at++;
    else if (c === '"') isText = !isText;
    else if (!isText && (c === "{" || c === "[")) most = Math.max(most, ++now);
    else if (!isText && (c === "}" || c === "]")) now--;
  }
  return most;
}

function invalid(val) {
  return { tag: "invalid-settings", val };
}

/// Returns whether a text contains a whole word. Does not use a regular expression, because words come from the configuration.
function mentions(text, word) {
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1)) {
    if (!isLetter(text[at - 1]) && !isLetter(text[at + word.length])) {
      return true;
    }
  }
  return false;
}

function isLetter(c) {
  return c !== undefined && (c === "_" || /[\p{L}\p{N}]/u.test(c));
}
