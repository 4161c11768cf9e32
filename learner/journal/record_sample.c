/* A SAMPLE message as a record, and who wrote it: everything is copied out of the message's
 * arena, for a record waits for its fsync and its iteration. The packed mask becomes a byte a
 * token. */

#include "base/mem.h"
#include "learner/journal/record.h"

#include <stdlib.h>
#include <string.h>

static enum err scores_from(struct record_sample *out, const struct msg_sample *message)
{
    out->score = mem_new(message->n_score, sizeof *out->score);
    for (uint32_t i = 0; i < message->n_score; i++) {
        const struct score *const score = &message->score[i];
        /* a SAMPLE carries one rollout: so do its scores, each of this one */
        if (score->n_rollout != 1 || !hash_same(&score->rollout[0], &out->hash) ||
            score->each[0] != score->n_value)
            return err_set(ERR_RANGE, "task %llu: a score of another rollout",
                           (unsigned long long)out->task);
        struct record_score *const to = &out->score[out->n_score++];
        to->scorer = score->scorer;
        to->n_value = score->n_value;
        to->value = mem_new(score->n_value, sizeof *to->value);
        if (score->n_value)
            memcpy(to->value, score->value, score->n_value * sizeof *to->value);
        if (message->n_scored)
            record_writer_from(&to->writer, &message->scored[i]);
    }
    return OK;
}

enum err record_sample_from(struct record_sample *out, const struct msg_sample *message)
{
    const struct rollout *const rollout = &message->rollout;

    memset(out, 0, sizeof *out);
    out->task = rollout->task;
    out->sample = rollout->sample;
    out->attempts = message->attempts;
    out->hash = rollout->hash;
    out->end = rollout->end;
    out->n_token = rollout->n_token;
    out->token = mem_new(out->n_token, sizeof *out->token);
    out->logprob = mem_new(out->n_token, sizeof *out->logprob);
    out->mask = mem_new(out->n_token, 1);
    for (uint32_t i = 0; i < out->n_token; i++) {
        out->token[i] = rollout->token[i];
        out->logprob[i] = rollout->logprob[i];
        out->mask[i] = !rollout->n_mask ||
                       (i / 8 < rollout->n_mask && rollout->mask[i / 8] >> (i % 8) & 1);
    }
    out->n_span = rollout->n_span;
    out->span = mem_new(out->n_span, sizeof *out->span);
    for (uint32_t i = 0; i < out->n_span; i++)
        out->span[i] = rollout->span[i];
    record_writer_from(&out->writer, &message->writer);
    const enum err err = scores_from(out, message);
    if (err)
        record_fini(JOURNAL_SAMPLE, out);
    return err;
}
