#include "tests/learner/toy_run.h"

#include "base/mem.h"
#include "base/rng.h"
#include "lm/gen/generate.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 2 * TOY_RUN_MOST };

static void must(enum err err)
{
    if (err) {
        fprintf(stderr, "play: %s\n", err_text());
        exit(1);
    }
}

struct toy_run_table {
    const struct toy_run *toy_run;
    int prompt[ROWS][2], token[ROWS][TOY_LONGEST];
    float behaviour[ROWS][TOY_LONGEST], reference[ROWS][TOY_LONGEST];
    struct iteration_rollout answer[ROWS];
    struct span span[ROWS];
    size_t n;
};

static size_t answers(const struct toy_run *toy_run)
{
    return toy_run->answers ? (size_t)toy_run->answers : TOY_RUN_ANSWERS;
}

static void keep(void *self, const struct generate_done *done)
{
    struct toy_run_table *const table = self;
    const int i = (int)(done->task % answers(table->toy_run)) + (int)done->sample;
    struct iteration_rollout *const answer = &table->answer[i];

    memcpy(table->token[i], done->token, (size_t)done->n * sizeof(int));
    memcpy(table->behaviour[i], done->logprob, (size_t)done->n * sizeof(float));
    answer->n_token = done->n;
    answer->ended = done->finish == FINISH_STOP;
}

static int prompt_of(const struct toy_run *toy_run, uint64_t task)
{
    return (int)(rng_uniform(toy_run->seed, RNG_WORLD, task, 0, 9) * TOY_PROMPTS);
}

/* Answers first .. first+n-1 of this iteration under one model, as many as there are slots. */
static void write_some(struct toy_run_table *table, struct generate *generate,
                       const struct model *model, int iteration, int first, int n)
{
    const struct toy_run *const toy_run = table->toy_run;
    const struct generate_events events = {.done = keep, .self = table};

    for (int i = first; i < first + n; i += toy_run->samples) {
        const uint64_t task = (uint64_t)iteration * answers(toy_run) + (uint64_t)i;
        const int prompt[2] = {toy_run->toy->vocab - 1, prompt_of(toy_run, task)};
        struct generate_job job = {
            .seed = toy_run->seed, .task = task, .n = toy_run->samples, .n_prompt = 2};
        for (int k = 0; k < toy_run->samples; k++)
            memcpy(table->prompt[i + k], prompt, sizeof prompt);
        job.prompt = table->prompt[i];
        job.sampling =
            (struct sampling){.temperature = 1, .top_p = 1, .max_new = toy_run->toy->longest};
        if (toy_run->toy->varied)
            job.sampling.stop[job.sampling.n_stop++] = toy_run->toy->stop;
        must(generate_admit(generate, &job));
    }
    while (generate_room(generate) < TOY_RUN_ANSWERS) {
        int made;
        must(generate_step(generate, model, &events, &made));
    }
}

static void write_answers(struct toy_run_table *table, struct generate *generate,
                          const struct model *model, int iteration, int first, int n)
{
    for (int i = 0; i < n; i += TOY_RUN_ANSWERS)
        write_some(table, generate, model, iteration, first + i,
                   n - i < TOY_RUN_ANSWERS ? n - i : TOY_RUN_ANSWERS);
}

static void refer(struct toy_run_table *table)
{
    const struct toy_world *const toy = table->toy_run->toy;
    int token[ROWS * (TOY_LONGEST + 2)], seq[ROWS + 1], n = 0;
    float logprob[ROWS * (TOY_LONGEST + 2)];

    for (size_t i = 0; i < table->n; i++) {
        seq[i] = n;
        token[n++] = table->prompt[i][0];
        token[n++] = table->prompt[i][1];
        for (int t = 0; t < table->answer[i].n_token; t++)
            token[n++] = table->token[i][t];
    }
    seq[table->n] = n;
    must(forward_score(toy->model, token, seq, (int)table->n, 1, logprob, NULL, NULL));
    for (size_t i = 0; i < table->n; i++)
        for (int t = 0; t < table->answer[i].n_token; t++)
            table->reference[i][t] = table->toy_run->no_reference ? 0 : logprob[seq[i] + 2 + t];
}

static double gumbel(const struct toy_run *toy_run, uint64_t task)
{
    return -log(-log(rng_uniform(toy_run->seed, RNG_WORLD, task, 1, 11)));
}

/* An answer of the record: drawn from `data`. */
static void demonstrate(struct toy_run_table *table, size_t i, uint64_t task)
{
    const struct toy_run *const toy_run = table->toy_run;
    const struct toy_world *const toy = toy_run->toy;
    const double *const row = toy_run->data + (size_t)table->prompt[i][1] * (size_t)toy->n;
    double u = rng_uniform(toy_run->seed, RNG_WORLD, task, 2, 12);
    int k = 0;

    for (; k < toy->n - 1; k++) {
        u -= exp(row[k]);
        if (u < 0)
            break;
    }
    memcpy(table->token[i], toy->answer + (size_t)k * (size_t)toy->longest,
           (size_t)toy->longest * sizeof(int));
    table->answer[i].n_token = toy->length[k];
}

static void fill(struct toy_run_table *table, int iteration)
{
    const struct toy_run *const toy_run = table->toy_run;
    const struct toy_world *const toy = toy_run->toy;
    const size_t written = answers(toy_run);

    for (size_t i = 0; i < written; i++) {
        const size_t group = i / (size_t)toy_run->samples;
        const uint64_t task = (uint64_t)iteration * written + i;
        struct iteration_rollout *const answer = &table->answer[i];
        const int row = toy_index(toy, table->token[i], answer->n_token);
        answer->task = group;
        answer->sample = (uint32_t)(i % (size_t)toy_run->samples);
        answer->behaviour = table->behaviour[i];
        answer->span = &table->span[i];
        answer->n_span = 1;
        answer->score = toy->reward[table->prompt[i][1] * toy->n + row] +
                        (toy_run->noise ? gumbel(toy_run, task) : 0);
        if (!toy_run->data)
            continue;
        struct iteration_rollout *const own = &table->answer[written + i];
        memcpy(table->prompt[written + i], table->prompt[i], sizeof table->prompt[i]);
        demonstrate(table, written + i, task);
        own->task = group;
        own->sample = 1;
        own->ended = true;
        own->behaviour = NULL;
        own->n_span = 0;
    }
    table->n = toy_run->data ? 2 * written : written;
    for (size_t i = 0; i < table->n; i++) {
        table->answer[i].prompt = table->prompt[i];
        table->answer[i].n_prompt = 2;
        table->answer[i].token = table->token[i];
        table->answer[i].reference = table->reference[i];
    }
    refer(table);
}

static int by_name(const void *a, const void *b)
{
    const struct iteration_rollout *const x = a, *const y = b;

    if (x->task != y->task)
        return x->task < y->task ? -1 : 1;
    return (x->sample > y->sample) - (x->sample < y->sample);
}

/* KL(data || pi), the mean over prompts. */
static double divergence(const struct toy_run *toy_run, const struct model *model)
{
    const size_t n = (size_t)toy_run->toy->n * TOY_PROMPTS;
    double *const logprob = mem_new(n, sizeof *logprob), sum = 0;

    toy_logprobs(toy_run->toy, model, logprob);
    for (size_t i = 0; i < n; i++)
        sum += exp(toy_run->data[i]) * (toy_run->data[i] - logprob[i]);
    free(logprob);
    return sum / TOY_PROMPTS;
}

/* The policy's versions that answers may be of: the newest, and some before it. */
struct versions {
    float *image[TOY_RUN_OLD + 1];
    struct model *model[TOY_RUN_OLD + 1];
    size_t bytes;
};

static void versions_open(struct versions *v, const struct toy_run *toy_run,
                          const struct iteration_state *round)
{
    const float *const image = iteration_image(round, &v->bytes);

    for (int k = 0; k <= toy_run->old; k++) {
        must(mem_big(&v->image[k], v->bytes, 1, "a version"));
        memcpy(v->image[k], image, v->bytes);
        must(model_new(&v->model[k], &toy_run->toy->params->shape, v->image[k], v->bytes));
    }
}

static void versions_close(struct versions *v, const struct toy_run *toy_run)
{
    for (int k = 0; k <= toy_run->old; k++) {
        model_free(v->model[k]);
        free(v->image[k]);
    }
}

/* Answers of iteration i: each group under one of the last old + 1 versions. */
static void roll_out(struct toy_run_table *table, struct versions *v, struct generate *generate,
                     int i)
{
    const struct toy_run *const toy_run = table->toy_run;
    const int parts = toy_run->old + 1;

    if (toy_run->frozen) {
        write_answers(table, generate, toy_run->toy->model, i, 0, (int)answers(toy_run));
        return;
    }
    for (int k = 0; k < parts; k++) {
        const int groups = (int)answers(toy_run) / toy_run->samples;
        const int from = k * groups / parts * toy_run->samples;
        const int to = (k + 1) * groups / parts * toy_run->samples;
        const int age = (k + i) % parts;
        write_answers(table, generate, v->model[age < i ? age : i], i, from, to - from);
        for (int s = from; s < to; s++)
            table->span[s].version.number = (uint64_t)(i - (age < i ? age : i));
    }
}

/* The newest becomes version 0 of `v`, the others age by one. */
static void grow_old(struct versions *v, const struct toy_run *toy_run,
                     const struct iteration_state *round)
{
    for (int k = toy_run->old; k > 0; k--)
        memcpy(v->image[k], v->image[k - 1], v->bytes);
    memcpy(v->image[0], iteration_image(round, &v->bytes), v->bytes);
    for (int k = 0; k <= toy_run->old; k++)
        model_changed(v->model[k]);
}

static double metric(const struct iteration_metrics *metrics, const char *name)
{
    for (int i = 0; i < metrics->n; i++)
        if (!strcmp(metrics->metric[i].name, name))
            return metrics->metric[i].value;
    return NAN;
}

static void one(struct toy_run_table *table, struct iteration_state *round, struct versions *v,
                struct generate *generate, int i)
{
    const struct toy_run *const toy_run = table->toy_run;
    struct iteration_metrics metrics;

    roll_out(table, v, generate, i);
    fill(table, i);
    if (toy_run->data)
        qsort(table->answer, table->n, sizeof *table->answer, by_name);
    must(iteration_run(round, table->answer, table->n, 0, &metrics));
    if (!toy_run->old && !toy_run->frozen)
        assert(metrics.first.tokens > 0 && metrics.first.ratio_gap == 0);
    if (toy_run->loss)
        toy_run->loss[i] = metric(&metrics, "loss");
    grow_old(v, toy_run, round);
}

void toy_run_run(struct toy_worth *out, const struct toy_run *toy_run)
{
    struct toy_run_table *const table = mem_new(1, sizeof *table);
    struct versions versions = {.bytes = 0};
    struct generate *generate;
    struct params *params;
    struct iteration_state *round;

    table->toy_run = toy_run;
    must(params_new(&params, &toy_run->toy->params->shape));
    memcpy(params->data, toy_run->toy->params->data, params->count * sizeof(float));
    must(iteration_new(&round, &toy_run->conf, params, NULL));
    versions_open(&versions, toy_run, round);
    must(generate_new(&generate, &toy_run->toy->params->shape, TOY_RUN_ANSWERS, 8, NULL));
    for (int i = 0; i < toy_run->iterations; i++) {
        if (toy_run->divergence)
            toy_run->divergence[i] = divergence(toy_run, versions.model[0]);
        one(table, round, &versions, generate, i);
    }
    if (toy_run->divergence)
        toy_run->divergence[toy_run->iterations] = divergence(toy_run, versions.model[0]);
    toy_worth(out, toy_run->toy, versions.model[0], toy_run->price);
    if (toy_run->logprob)
        toy_logprobs(toy_run->toy, versions.model[0], toy_run->logprob);
    generate_free(generate);
    versions_close(&versions, toy_run);
    iteration_free(round);
    free(table);
}
