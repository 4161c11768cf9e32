/* lint_rule: what lint asks of records, and what it keeps of what it finds. */

#ifndef DATA_LINT_RULE_H
#define DATA_LINT_RULE_H

#include "data/example.h"
#include "data/format.h"

#include <stdint.h>

enum { LINT_FIRST = 5, LINT_RECORDS_MAX = 50000000 };

struct lint_rule {
    struct format_rule format;
    const char *method; /* NULL: each record as its kind is used; else lint_rule_method's */
    enum record_want want;
    bool settle, hh;
    const char *text_field; /* NULL: "text" */
    uint32_t max_length;    /* 0: none */
    uint32_t asked;         /* what max_length was before a model's context cut it; 0: that */
    /* The tokens of the example's longest sequence, by a model's tokenizer and template; NULL:
     * none is at hand. Errors: the trainer's. */
    enum err (*encode)(void *self, const struct example *example, uint32_t *tokens);
    enum err (*encode_steps)(void *self, const json_t *row, uint32_t *tokens); /* of prm */
    void *self;
};

/* Method, want, settle and steps of a training command. Errors: ERR_RANGE. */
enum err lint_rule_method(struct lint_rule *rule, const char *method) MUST_CHECK;

#endif
