/* scored: what of a record is scored: its answer, or the two answers of a pair. */

#ifndef EVAL_SCORED_H
#define EVAL_SCORED_H

#include "data/example.h"
#include "eval/marker.h"

#include <stdint.h>

struct scored {
    bool pair;
    struct marker_item a, b; /* the answer; of a pair the chosen one and the rejected one */
    uint64_t prompt;         /* hash of what stands before the answers */
    /* What the items borrow. */
    struct example example;
    json_t *row;
    char *text[2];
};

/* Of text, messages (the assistant's last turn is the answer), prompt-completion, unpaired,
 * preference, implicit and stepwise records; of prompt and completions without labels, too.
 * Errors: ERR_PARSE (no answer in it; the field that is wrong). Free with scored_free, also
 * after an error. */
enum err scored_read(struct scored *out, const json_t *row) MUST_CHECK;
void scored_free(struct scored *scored);

#endif
