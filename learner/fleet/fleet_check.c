/* What shows of an answer without the model, for training and evaluation alike, before it is
 * journaled: its hash, its length, its tokens, how it ended and whether it should have ended
 * before, which weights it names, that the policy wrote all of it, that its log-probabilities
 * are some, that its text is its tokens', and that each scorer said as much as it should.
 * Whether the named weights would have written it, only a pass through them tells. */

#include "learner/fleet/fleet_check.h"

#include "learner/journal/scores.h"
#include "proto/digest.h"
#include "proto/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Runs of versions that were announced, none older than the task may have. */
static enum err check_spans(const struct run_context *run, const struct record_sample *s)
{
    const struct tasks_place at = tasks_at(run->tasks, s->task);
    /* a task of one version is answered by it alone; a free one by any newer, each run of tokens by
     * the same or a newer one than before */
    const uint64_t newest = at.any ? ledger_version(run->ledger) : at.version;
    bool good = s->n_span && !s->span[0].start && (at.any || s->n_span == 1);
    uint64_t last = at.version;

    for (uint32_t i = 0; i < s->n_span && good; i++) {
        const struct version *const v = &s->span[i].version;
        good = v->number >= last && v->number <= newest && s->span[i].start < s->n_token &&
               (!i || s->span[i].start > s->span[i - 1].start) &&
               hash_same(&v->hash, ledger_hash(run->ledger, v->number));
        last = v->number;
    }
    return good ? OK
                : err_set(ERR_RANGE, "not written by version %llu%s",
                          (unsigned long long)at.version, at.any ? " or a newer one" : "");
}

static bool stops(const struct decoding *d, int32_t token)
{
    for (uint32_t i = 0; i < d->n_stop; i++)
        if (d->stop[i] == token)
            return true;
    return false;
}

/* It ends at the first stop token, or where there is no more room. */
static enum err check_end(const struct run_context *run, const struct record_sample *s)
{
    const struct decoding *const d = &run->decoding;
    const struct prompt *const prompt = run_context_prompt(run, s->task);
    const bool full =
        s->n_token == d->max_new ||
        prompt->n_token + s->n_token >= (uint64_t)run->models->policy->shape.context;
    const bool stop = stops(d, s->token[s->n_token - 1]);

    for (uint32_t i = 0; i + 1 < s->n_token; i++)
        if (stops(d, s->token[i]))
            return err_set(ERR_RANGE, "it goes on after stop token %d", s->token[i]);
    if (s->end == ROLLOUT_STOP ? stop : s->end == ROLLOUT_LENGTH && full && !stop)
        return OK;
    return err_set(ERR_RANGE, "%u tokens that end by %s: they did not", s->n_token,
                   s->end == ROLLOUT_STOP     ? "a stop token"
                   : s->end == ROLLOUT_LENGTH ? "their number"
                                              : "a stop text");
}

static enum err check_numbers(const struct run_context *run, const struct record_sample *s)
{
    const int vocab = run->models->policy->shape.vocab;

    for (uint32_t i = 0; i < s->n_token; i++) {
        if (s->token[i] < 0 || s->token[i] >= vocab)
            return err_set(ERR_RANGE, "token %d of a vocabulary of %d", s->token[i], vocab);
        if (!isfinite(s->logprob[i]) || s->logprob[i] > 0)
            return err_set(ERR_RANGE, "token %u has log-probability %g", i,
                           (double)s->logprob[i]);
        if (!s->mask[i])
            return err_set(ERR_RANGE, "the policy did not write token %u", i);
    }
    return OK;
}

/* Scorers that read text were given the actor's: it must be what its tokens say. */
static enum err check_text(const struct run_context *run, const struct msg_sample *m)
{
    const struct rollout *const r = &m->rollout;
    char *bytes = NULL, *clean;
    size_t n = 0;
    enum err err;

    if (!*r->text && !run->plan.rewards.text)
        return OK;
    err = tokenizer_decode(run->models->policy->tokenizer, r->token, r->n_token, false, &bytes,
                           &n);
    if (err)
        return err;
    clean = text_clean(bytes, n);
    if (strcmp(clean, r->text) != 0)
        err = err_set(ERR_RANGE, "its text is not its tokens'");
    free(clean);
    free(bytes);
    return err;
}

enum err fleet_check(const struct run_context *run, const struct msg_sample *m,
                     const struct record_sample *s, const struct hash **scorer)
{
    const struct hash name = digest_rollout(&m->rollout);
    enum err err;

    *scorer = NULL;
    if (!hash_same(&name, &s->hash))
        return err_set(ERR_RANGE, "its hash is not its bytes'");
    if (!s->n_token || s->n_token > run->decoding.max_new)
        return err_set(ERR_RANGE, "%u tokens", s->n_token);
    err = check_numbers(run, s);
    if (!err)
        err = check_end(run, s);
    if (!err)
        err = check_spans(run, s);
    if (!err)
        err = check_text(run, m);
    return err ? err : scores_check(&run->plan.rewards, s, scorer);
}
