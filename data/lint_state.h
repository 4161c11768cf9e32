/* lint_state: what lint.c gathers and lint_report.c tells. */

#ifndef DATA_LINT_STATE_H
#define DATA_LINT_STATE_H

#include "data/kind.h"
#include "data/lint.h"
#include "data/rows.h"

#include <stdbool.h>
#include <stdint.h>

/* Fields whose lengths are told. */
enum field {
    FIELD_PROMPT,
    FIELD_CHOSEN,
    FIELD_REJECTED,
    FIELD_COMPLETION,
    FIELD_STEP,
    FIELD_TOKENS,
    FIELDS
};
enum code {
    CODE_JSON = KIND_FLAWS,
    CODE_KIND,
    CODE_READ,
    CODE_DUPLICATE,
    CODE_REVERSED,
    CODE_LEAK,
    CODE_PROMPTLESS,
    CODE_LENGTH,
    CODES
};

struct problem {
    size_t count;
    json_t *first; /* list of words, at most LINT_FIRST */
};

/* What is kept of a record. */
struct record {
    struct hash whole, prompt, reversed; /* `reversed`: the pair the other way round */
    uint32_t file, split;
    long line;
    bool pair;
};

struct lengths {
    uint32_t *length;
    size_t n, room;
};

struct lint {
    struct lint_rule rule;
    struct problem problem[CODES];
    struct record *record;
    size_t n, room;
    struct lengths lengths[FIELDS];
    size_t pairs, longer, shorter, right, wrong, soft, unknown;
    json_t *files, *splits;  /* reports; list of names */
    json_t *unused;          /* columns that the reader does not hold, counted */
    size_t flaws;            /* of all codes */
    const struct rows *rows; /* being read */
};

/* One more of `code`; the first words are kept. */
void lint_found(struct lint *lint, int code, const char *words);

#endif
