/* An item's values lie behind those of the items before it, as a SCORE message has them; how
 * many there are is for the kind to say, and no kind gives more than two a item and one a
 * token. batch_begin is called once the items are there, batch_fini when the values have been
 * used. */

#include "reward/batch.h"

#include "base/mem.h"
#include "lm/model/shape.h"

#include <stdlib.h>
#include <string.h>

void batch_begin(struct reward_batch *batch)
{
    size_t room = 2 * (size_t)batch->n_item;

    for (uint32_t i = 0; i < batch->n_item; i++)
        room += (size_t)batch->item[i].n_answer;
    batch->value = mem_new(room, sizeof *batch->value);
    batch->each = mem_new(batch->n_item, sizeof *batch->each);
    batch->n_value = 0;
}

void batch_fini(struct reward_batch *batch)
{
    for (uint32_t i = 0; i < batch->n_item; i++) {
        free(batch->item[i].token);
        free(batch->item[i].prompt_text);
        free(batch->item[i].text);
        free(batch->item[i].meta);
    }
    free(batch->item);
    free(batch->value);
    free(batch->each);
    *batch = (struct reward_batch){.spec = NULL};
}

enum err batch_fits(struct reward_batch *batch, const struct shape *shape)
{
    for (uint32_t i = 0; i < batch->n_item; i++) {
        const struct reward_item *it = &batch->item[i];
        const int n = it->n_prompt + it->n_answer + it->n_tail;
        batch->bad = i;
        if (n < 1 || n > shape->context)
            return err_set(ERR_RANGE,
                           "task %llu: %d tokens do not fit the scorer's context of %d",
                           (unsigned long long)it->task, n, shape->context);
        for (int k = 0; k < n; k++)
            if (it->token[k] < 0 || it->token[k] >= shape->vocab)
                return err_set(ERR_RANGE,
                               "task %llu: token %d is not in the scorer's vocabulary of %d",
                               (unsigned long long)it->task, it->token[k], shape->vocab);
    }
    return OK;
}

/* Sequences of a batch do not see one another: forward_score goes by seq. */
int *batch_pack(const struct reward_batch *batch, int *seq, bool tails)
{
    int n = 0, *token;

    for (uint32_t i = 0; i < batch->n_item; i++) {
        const struct reward_item *it = &batch->item[i];
        seq[i] = n;
        n += it->n_prompt + it->n_answer + (tails ? it->n_tail : 0);
    }
    seq[batch->n_item] = n;
    token = mem_new((size_t)n, sizeof *token);
    for (uint32_t i = 0; i < batch->n_item; i++)
        memcpy(token + seq[i], batch->item[i].token,
               (size_t)(seq[i + 1] - seq[i]) * sizeof *token);
    return token;
}
