/* lint_state: what lint.c gathers and lint_report.c tells. */

#ifndef DATA_LINT_STATE_H
#define DATA_LINT_STATE_H

#include "base/hash.h"
#include "data/lint_rule.h"

#include <stdbool.h>
#include <stdint.h>

struct rows;

/* Fields whose lengths are told. */
enum lint_field {
    FIELD_PROMPT,
    FIELD_CHOSEN,
    FIELD_REJECTED,
    FIELD_COMPLETION,
    FIELD_STEP,
    FIELD_TOKENS,
    FIELDS
};
enum lint_code {
    CODE_JSON = FLAWS,
    CODE_KIND,
    CODE_READ,
    CODE_DUPLICATE,
    CODE_REVERSED,
    CODE_LEAK,
    CODE_PROMPTLESS,
    CODE_LENGTH,
    CODES
};

struct lint_problem {
    size_t count;
    json_t *first; /* list of words, at most LINT_FIRST */
};

/* What is kept of a record. */
struct lint_record {
    struct hash whole, prompt, reversed; /* `reversed`: the pair the other way round */
    uint32_t file, split;
    long line;
    bool pair;
};

struct lint_lengths {
    uint32_t *length;
    size_t n, room;
};

struct lint {
    struct lint_rule rule;
    struct lint_problem problem[CODES];
    struct lint_record *record;
    size_t n, room;
    struct lint_lengths lengths[FIELDS];
    size_t pairs, longer, shorter, right, wrong, soft, unknown;
    json_t *files, *splits;  /* reports; list of names */
    json_t *unused;          /* columns that the reader does not hold, counted */
    size_t flaws;            /* of all codes */
    const struct rows *rows; /* being read */
};

/* One more of `code`; the first words are kept. */
void lint_found(struct lint *lint, int code, const char *words);

#endif
