/* rule_kind: what the table of rules (rule.c) and the files rule_NAME.c know of one another. */

#ifndef REWARD_RULE_RULE_KIND_H
#define REWARD_RULE_RULE_KIND_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct rule_answer { /* what a rule is asked about */
    const char *text;
    size_t tokens;
    const json_t *value; /* of the record's column; NULL unless the rule reads one */
};

/* A rule: a row of rule.c's table. */
struct rule_kind {
    const char *name;
    const char *const *keys; /* NULL-ended: its own, but for `column` */
    bool column;             /* it compares with a column of the record */
    /* *own: what it keeps of its keys, freed with `free`; NULL where a rule has none.
     * Errors: ERR_PARSE, ERR_RANGE name the key. */
    enum err (*read)(void **own, const json_t *spec);
    void (*free)(void *own); /* NULL: free() */
    float (*score)(const void *own, const struct rule_answer *answer);
    bool (*binary)(const void *own); /* NULL: always */
    /* The column's value is of a sort that it reads. NULL: a text or a number. */
    bool (*fits)(const json_t *value);
    const char
        *wrong;       /* what it is else, "no list of calls"; NULL: neither text nor a number */
    const char *with; /* behind "the record has no column 'x'"; NULL: nothing */
    bool (*equal)(const json_t *value); /* some answer can equal it; NULL: always */
    const char *lacks;                  /* what it has none of when none can: "no number" */
};

#endif
