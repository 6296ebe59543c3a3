/* Sorts issues by words, in C, without a library or generated bindings:
 *
 *   clang --target=wasm32 -O2 -nostdlib -Wl,--no-entry -o words.module.wasm words.c
 *   autoissue plugin build words.module.wasm --out words.wasm
 *
 * `autoissue plugin build` finds the interfaces from the exports. Each issue gets a new instance, so nothing is ever freed. */

#include "plugin.h"

typedef struct { const char *word; Text domain, reason; } Rule;

/* Words in lower case; the first one that is mentioned decides. */
static const Rule RULES[] = {
  {"invoice", TEXT("billing"), TEXT("mentions `invoice`")},
  {"refund", TEXT("billing"), TEXT("mentions `refund`")},
  {"index", TEXT("search"), TEXT("mentions `index`")},
  {"ranking", TEXT("search"), TEXT("mentions `ranking`")},
};
enum { N_RULES = sizeof RULES / sizeof *RULES };

/* Non-ASCII bytes count as letters. */
static bool is_letter(uint8_t c) {
  return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') || c == '_' || 0x80 <= c;
}

static uint8_t small(uint8_t c) { return 'A' <= c && c <= 'Z' ? c + ('a' - 'A') : c; }

/* Returns whether a text contains a whole word. */
static bool mentions(Text text, const char *word) {
  bool is_start = true;
  for (uint32_t at = 0; at < text.n; at++) {
    uint32_t n = 0;
    while (is_start && word[n] && at + n < text.n && small(text.at[at + n]) == (uint8_t)word[n]) n++;
    if (is_start && !word[n] && (at + n == text.n || !is_letter(text.at[at + n]))) return true;
    is_start = !is_letter(text.at[at]);
  }
  return false;
}

EXPORT("classifier/classifier@0.1.0#classify") Answer *classify(const Question *question) {
  static Answer answer;
  answer = (Answer){.answer = {.domain = TEXT("unknown")}};
  for (int i = 0; i < N_RULES; i++) {
    const Rule *rule = &RULES[i];
    if (mentions(question->issue.title, rule->word) || mentions(question->issue.body, rule->word)) {
      answer.answer = (Classification){.domain = rule->domain, .confidence = 0.7f, .reasons = {&rule->reason, 1}};
      break;
    }
  }
  return &answer;
}

EXPORT("plugin/metadata@0.1.0#describe") const Info *describe(void) {
  static const Strategy strategies[] = {
    {.kind = TEXT("classifier"), .name = TEXT("words"), .summary = TEXT("Sorts issues by the words that they mention")},
  };
  static const Info info = {
    .name = TEXT("c-words"),
    .version = TEXT("0.1.0"),
    .description = TEXT("Sorts issues by words, in C"),
    .strategies = {strategies, 1},
  };
  return &info;
}

/* There are no settings, so any settings are invalid. */
EXPORT("plugin/metadata@0.1.0#check-settings")
Checked *check_settings(const char *kind, uint32_t n_kind, const char *strategy, uint32_t n_strategy, const char *settings, uint32_t n) {
  static Checked checked;
  (void)kind, (void)n_kind, (void)strategy, (void)n_strategy, (void)settings;
  if (n != 0) checked = (Checked){true, {INVALID_SETTINGS, TEXT("this strategy takes no settings")}};
  return &checked;
}

extern uint8_t __heap_base;

/* Allocates memory for values passed in by the host. */
__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, uint32_t n_old, uint32_t align, uint32_t n) {
  static uintptr_t end;
  if (end == 0) end = (uintptr_t)&__heap_base;
  uintptr_t at = (end + align - 1) & ~(uintptr_t)(align - 1);
  uintptr_t has = __builtin_wasm_memory_size(0) << 16;
  uintptr_t wants = at + n;
  if (wants < at) __builtin_trap();
  if (has < wants && __builtin_wasm_memory_grow(0, (wants - has + 0xffff) >> 16) == (uintptr_t)-1) __builtin_trap();
  for (uint32_t i = 0; i < n_old && i < n; i++) ((uint8_t *)at)[i] = ((uint8_t *)old)[i];
  end = wants;
  return (void *)at;
}
