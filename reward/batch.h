/* batch: answers to score, and what they got: what a rewarder's ticket and an evaluation have
 * in common. A kind (reward/reward_kind.h) fills value and each. */

#ifndef REWARD_BATCH_H
#define REWARD_BATCH_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shape;

struct reward_item { /* one answer; its memory is the item's own */
    uint64_t task;   /* for errors */
    int *token;      /* [n_prompt + n_answer + n_tail] the policy's ids, or NULL */
    int n_prompt, n_answer, n_tail;  /* tail: what a scorer reads after a stop token */
    char *prompt_text, *text, *meta; /* meta: the record's other columns, JSON */
};

struct reward_batch {
    const char *spec;  /* the scorer's, JSON */
    bool group;        /* the items are one group: compared among themselves */
    float temperature; /* divides logits where log-probabilities are asked for */
    struct reward_item *item;
    uint32_t n_item;
    float *value; /* out [n_value]: item i owns the next each[i]; room as batch_begin made it */
    uint32_t n_value;
    uint32_t *each; /* out [n_item] */
    uint32_t bad;   /* on an error: the item it is about */
};

void batch_begin(struct reward_batch *batch); /* makes room for value and each */
void batch_fini(struct reward_batch *batch);  /* all but the spec */

/* Whether a model can read all items' tokens. Errors: ERR_RANGE names the task. */
enum err batch_fits(struct reward_batch *batch, const struct shape *shape) MUST_CHECK;

/* The tokens of all items one after another, item i from seq[i] to seq[i + 1]; seq [n_item + 1]
 * out. Tails only when `tails`. The result is freed with free(). */
int *batch_pack(const struct reward_batch *batch, int *seq, bool tails);

#endif
