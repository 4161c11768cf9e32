/* scored_record: what of a record is scored: its answer, or the two answers of a pair. */

#ifndef EVAL_SCORED_RECORD_H
#define EVAL_SCORED_RECORD_H

#include "data/example.h"
#include "eval/evaluator.h"

#include <stdint.h>

struct scored_record {
    bool pair;
    struct evaluator_item a, b; /* the answer; of a pair the chosen one and the rejected one */
    uint64_t prompt;            /* hash of what stands before the answers */
    /* What the items borrow. */
    struct example example;
    json_t *row;
    char *text[2];
};

/* Of text, messages (the assistant's last turn is the answer), prompt-completion, unpaired,
 * preference, implicit and stepwise records; of prompt and completions without labels, too.
 * Errors: ERR_PARSE (no answer in it; the field that is wrong). Free with scored_record_free,
 * also after an error. */
enum err scored_record_read(struct scored_record *out, const json_t *row) MUST_CHECK;
void scored_record_free(struct scored_record *scored);

#endif
