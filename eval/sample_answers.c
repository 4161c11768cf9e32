/* Prompts are encoded first, all of a call, since slots have to be as long as the longest
 * needs; then answers are admitted as slots fall free, several of a prompt together when there
 * is room, and each comes back through `done` in whatever order it ends. The engine is kept
 * between calls (data come in windows) and made anew only when a longer prompt comes. */

#include "eval/sample_answers.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct sample_answers_run {
    struct sample_answers *sampler;
    const struct sample_answers_ask *ask;
    struct encoded *prompt;
    struct sample_answer *out;
    int samples;
    enum err err;
};

/* An end token is part of the ids, and no part of the text. */
static bool is_stop(const struct sampling *s, int token)
{
    for (int i = 0; i < s->n_stop; i++)
        if (s->stop[i] == token)
            return true;
    return false;
}

static void *copy(const void *from, size_t n)
{
    void *to = mem_new(n + 1, 1);

    memcpy(to, from, n);
    return to;
}

/* Answers end in any order; the owner says whose this is. */
static void done(void *self, const struct generate_done *d)
{
    struct sample_answers_run *run = self;
    const struct sample_answers_ask *ask = d->owner;
    const int i = (int)(ask - run->ask);
    struct sample_answer *to = &run->out[i * run->samples + d->sample];
    const bool cut = d->n && d->finish == FINISH_STOP &&
                     is_stop(&run->sampler->sampling, d->token[d->n - 1]);

    to->ids = copy(d->token, (size_t)d->n * sizeof *to->ids);
    to->logprob = copy(d->logprob, (size_t)d->n * sizeof *to->logprob);
    to->n = d->n;
    to->prompt = run->prompt[i].n;
    to->finish = d->finish;
    if (tokenizer_decode(run->sampler->loaded->encode.tokenizer, d->token, (size_t)(d->n - cut),
                         false, &to->text, &to->bytes))
        run->err = ERR_RANGE;
}

/* Tokens of an answer to a prompt of n tokens, at most. */
static int most_of(const struct sample_answers *r, int n)
{
    const int left = model_shape(r->loaded->model)->context - n;

    return r->fit && left > 0 && left < r->sampling.max_new ? left : r->sampling.max_new;
}

/* An engine of so many slots of so many tokens; the one that is there, if it is large enough. A
 * slot's keys are memory: one question needs one, whatever there could be. */
static enum err engine(struct sample_answers *r, int asked, int longest)
{
    const int slots = asked < r->slots ? asked : r->slots;
    const int context = model_shape(r->loaded->model)->context;
    enum err err;

    longest = (longest + 63) / 64 * 64; /* a few lines' engine mostly serves the next few */
    if (longest > context)              /* which may be no multiple of 64 */
        longest = context;
    if (r->generate && longest <= r->length && slots <= r->open)
        return OK;
    generate_free(r->generate);
    r->generate = NULL;
    r->length = longest > r->length ? longest : r->length;
    r->open = slots > r->open ? slots : r->open;
    err = generate_new(&r->generate, model_shape(r->loaded->model), r->open, r->length,
                       r->loaded->encode.tokenizer);
    if (!err)
        generate_ahead(r->generate, r->ahead);
    return err;
}

/* The prompts as ids, and slots long enough for the longest. */
static enum err prepare(struct sample_answers_run *run, int n, int *bad)
{
    struct sample_answers *r = run->sampler;
    const struct shape *shape = model_shape(r->loaded->model);
    int longest = 0, most = 0;
    enum err err = OK;

    for (*bad = 0; *bad < n && !err; ++*bad) {
        struct encoded *e = &run->prompt[*bad];
        err = encode_prompt(&r->loaded->encode, run->ask[*bad].prompt, run->ask[*bad].tools, e);
        most = most_of(r, e->n);
        if (!err && !e->n)
            err = err_set(ERR_RANGE, "the prompt has 0 tokens");
        else if (!err && e->n + most > shape->context)
            err = err_set(ERR_RANGE,
                          "prompt of %d tokens and max_new_tokens=%d do not fit the context of "
                          "%d: %s %d%s",
                          e->n, most, shape->context,
                          e->n < shape->context ? "at most" : "a prompt has at most",
                          e->n < shape->context ? shape->context - e->n : shape->context - 1,
                          e->n < shape->context ? " fit" : " tokens");
        longest = e->n + most > longest ? e->n + most : longest;
    }
    if (err) {
        --*bad;
        return err;
    }
    return engine(r, n * run->samples, longest);
}

/* As many samples as there is room for, from number *next of all. */
static enum err admit(struct sample_answers_run *run, int *next)
{
    const int i = *next / run->samples, sample = *next % run->samples;
    const int room = generate_room(run->sampler->generate), left = run->samples - sample;
    struct generate_job job = {.seed = run->sampler->seed,
                               .task = run->ask[i].task,
                               .sample = sample,
                               .n = left < room ? left : room,
                               .prompt = run->prompt[i].ids,
                               .n_prompt = run->prompt[i].n,
                               .sampling = run->sampler->sampling,
                               .owner = (void *)(uintptr_t)&run->ask[i]};

    job.sampling.max_new = most_of(run->sampler, job.n_prompt);
    *next += job.n;
    return generate_admit(run->sampler->generate, &job);
}

enum err sample_answers_run(struct sample_answers *r, const struct sample_answers_ask *ask,
                            int n, int samples, struct sample_answer *out, int *bad)
{
    struct sample_answers_run run = {.sampler = r, .ask = ask, .out = out, .samples = samples};
    const struct generate_events events = {done, NULL, &run};
    int next = 0, made = 1;
    enum err err;

    memset(out, 0, (size_t)(n * samples) * sizeof *out);
    run.prompt = mem_new((size_t)n, sizeof *run.prompt);
    err = prepare(&run, n, bad);
    while (!err && (made || next < n * samples)) {
        while (next < n * samples && !err && generate_room(r->generate)) {
            *bad = next / samples;
            err = admit(&run, &next);
        }
        if (!err)
            err = generate_step(r->generate, r->loaded->model, &events, &made);
        if (!err)
            err = run.err;
    }
    for (int i = 0; i < n; i++)
        encoded_free(&run.prompt[i]);
    free(run.prompt);
    for (int i = 0; i < n * samples && err; i++)
        sample_answers_free(&out[i]);
    return err;
}

void sample_answers_free(struct sample_answer *answer)
{
    free(answer->text);
    free(answer->ids);
    free(answer->logprob);
    memset(answer, 0, sizeof *answer);
}

void sample_answers_fini(struct sample_answers *sampler)
{
    generate_free(sampler->generate);
    sampler->generate = NULL;
}
