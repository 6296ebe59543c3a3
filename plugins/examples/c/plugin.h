/* The types of the WIT packages (../../../wit) that a classifier uses, with their memory layout: a record is a struct, a
 * `string` and a `list` are a pointer and a length, a `result` and a `variant` begin with the number of the case (component model,
 * "Canonical ABI"). There are so few that no generator is needed. */

#pragma once

#include <stdbool.h>
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name("autoissue:" name)))
#define TEXT(literal) ((Text){literal, sizeof(literal) - 1})

typedef struct { const char *at; uint32_t n; } Text; /* bytes of UTF-8 */
typedef struct { const void *at; uint32_t n; } List; /* items */
typedef struct { bool is_there; Text text; } OptionalText;

/* metadata */

typedef struct {
  Text kind, name, summary;
  OptionalText settings_schema, example_settings;
  List extra;
} Strategy;

typedef struct {
  Text name, version, description;
  OptionalText homepage;
  List strategies; /* of Strategy */
  List extra;
} Info;

/* classifier */

typedef struct {
  Text repo;
  uint64_t number;
  Text title, body, author;
  List labels; /* of Text */
  uint64_t created_at_ms;
  Text url;
  List extra;
} Issue;

typedef struct { Text strategy, settings; List domains, extra; } Context;

/* The arguments of `classify`. There are too many to pass directly, so they are passed in memory, one after the other. */
typedef struct { Context context; Issue issue; } Question;

typedef struct {
  Text domain;
  float confidence;
  List reasons;      /* of Text */
  List alternatives; /* of a domain and a confidence */
  List paths;        /* of Text */
  List extra;
} Classification;

enum { INVALID_SETTINGS, INVALID_INPUT, UNAVAILABLE, INTERNAL };
typedef struct { uint8_t which; Text text; } PluginError;

typedef struct {
  bool is_error;
  union { Classification answer; PluginError error; };
} Answer;

typedef struct { bool is_error; PluginError error; } Checked;
