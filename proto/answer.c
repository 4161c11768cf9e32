/* Each rule is one function; the cheap ones come first, the hash last. A greedy or sampled
 * answer of the right form may still be wrong: that only the model can tell. */

#include "proto/answer.h"

#include "proto/column.h"
#include "proto/digest.h"

#include <string.h>

static bool stops(const struct decoding *decoding, int32_t token)
{
    for (uint32_t i = 0; i < decoding->n_stop; i++)
        if (decoding->stop[i] == token)
            return true;
    return false;
}

static enum err check_tokens(const struct task *task, const struct rollout *r,
                             uint32_t vocabulary)
{
    const int32_t last =
        vocabulary && vocabulary <= INT32_MAX ? (int32_t)vocabulary - 1 : INT32_MAX;
    const bool within = column_within(r->token, r->n_token, last);
    uint32_t i = 0;

    if (r->sample >= task->samples || !r->n_token || r->n_token > task->decoding.max_new)
        return err_set(ERR_RANGE, "answer: sample %u of %u, %u tokens of %u", r->sample,
                       task->samples, r->n_token, task->decoding.max_new);
    while (!within && r->token[i] >= 0 && r->token[i] <= last)
        i++;
    if (!within)
        return err_set(ERR_RANGE, "answer: token %d of a vocabulary of %u", r->token[i],
                       vocabulary);
    if (r->text && strlen(r->text) > 1024 + (size_t)ANSWER_PIECE * r->n_token)
        return err_set(ERR_RANGE, "answer: %zu bytes of text in %u tokens", strlen(r->text),
                       r->n_token);
    return OK;
}

/* It goes on to the first stop token, to the last one that was asked for, or to a text. */
static enum err check_end(const struct decoding *d, const struct rollout *r)
{
    const bool stop = stops(d, r->token[r->n_token - 1]);

    for (uint32_t k = 0; k < d->n_stop; k++)
        if (column_has(r->token, r->n_token - 1, d->stop[k]))
            return err_set(ERR_RANGE, "answer: goes on after stop token %d", d->stop[k]);
    if (r->end == ROLLOUT_STOP ? stop
                               : !stop && (r->end == ROLLOUT_LENGTH ? r->n_token == d->max_new
                                                                    : d->n_stop_text > 0))
        return OK;
    return err_set(ERR_RANGE, "answer: says that it ended by %s, and did not",
                   r->end == ROLLOUT_STOP     ? "a stop token"
                   : r->end == ROLLOUT_LENGTH ? "its length"
                                              : "a stop text");
}

static enum err check_spans(const struct version *wanted, const struct rollout *r)
{
    static const struct hash any;
    const bool exact = !hash_same(&wanted->hash, &any);
    uint64_t last = wanted->number;

    for (uint32_t i = 0; i < r->n_span; i++) {
        const struct version *v = &r->span[i].version;

        if (exact ? v->number != wanted->number || !hash_same(&v->hash, &wanted->hash)
                  : v->number < last)
            return err_set(ERR_RANGE, "answer: written under version %llu, wanted %llu",
                           (unsigned long long)v->number, (unsigned long long)wanted->number);
        last = v->number;
    }
    if (!r->n_span || (exact && r->n_span != 1))
        return err_set(ERR_RANGE, "answer: %u spans of one version", r->n_span);
    return OK;
}

enum err answer_check(const struct task *task, const struct rollout *r, uint32_t vocabulary)
{
    enum err err = check_tokens(task, r, vocabulary);
    struct hash name;

    if (!err)
        err = check_end(&task->decoding, r);
    if (!err)
        err = check_spans(&task->version, r);
    if (err)
        return err;
    name = digest_rollout(r);
    return hash_same(&name, &r->hash)
               ? OK
               : err_set(ERR_RANGE, "answer: its hash is not its bytes'");
}
