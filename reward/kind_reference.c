/* The reference policy: no reward, but a scorer like one: log-probabilities of the answer's
 * tokens under the weights that training began with, for the price of a nat. The learner puts
 * it behind the rewards of the table when a method asks for it and does not compute it itself
 * (reward/scorers.h); no entry of a configuration can. */

#include "base/mem.h"
#include "lm/file/model_files.h"
#include "lm/model/forward.h"
#include "reward/batch.h"
#include "reward/reward_kind.h"

#include <stdlib.h>
#include <string.h>

static enum err score(struct reward_batch *batch, const struct reward_model *with)
{
    int *seq = NULL, *token = NULL;
    float *logprob = NULL;
    enum err err = batch_fits(batch, &with->files->shape);

    if (err)
        return err;
    seq = mem_new(batch->n_item + 1, sizeof *seq);
    token = batch_pack(batch, seq, false); /* what follows the answer was nobody's choice */
    err = mem_big(&logprob, (size_t)seq[batch->n_item], sizeof *logprob, "log-probabilities");
    if (!err)
        err = forward_score(with->model, token, seq, (int)batch->n_item, batch->temperature,
                            logprob, NULL, NULL);
    for (uint32_t i = 0; i < batch->n_item && !err; i++) {
        const struct reward_item *it = &batch->item[i];
        batch->each[i] = (uint32_t)it->n_answer;
        memcpy(batch->value + batch->n_value, logprob + seq[i] + it->n_prompt,
               (size_t)it->n_answer * sizeof *logprob);
        batch->n_value += batch->each[i];
    }
    free(logprob);
    free(token);
    free(seq);
    return err;
}

const struct reward_kind kind_reference = {
    .number = SCORER_REFERENCE, .whose = "the reference", .model = true, .score = score};
