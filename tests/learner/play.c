#include "tests/learner/play.h"

#include "base/mem.h"
#include "base/rng.h"
#include "lm/gen/generate.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 2 * PLAY_MOST };

static void must(enum err err)
{
    if (err) {
        fprintf(stderr, "play: %s\n", err_text());
        exit(1);
    }
}

struct play_table {
    const struct play *play;
    int prompt[ROWS][2], token[ROWS][BED_LONGEST];
    float behaviour[ROWS][BED_LONGEST], reference[ROWS][BED_LONGEST];
    struct iteration_rollout answer[ROWS];
    struct span span[ROWS];
    size_t n;
};

static size_t answers(const struct play *play)
{
    return play->answers ? (size_t)play->answers : PLAY_ANSWERS;
}

static void keep(void *self, const struct generate_done *done)
{
    struct play_table *const table = self;
    const int i = (int)(done->task % answers(table->play)) + (int)done->sample;
    struct iteration_rollout *const answer = &table->answer[i];

    memcpy(table->token[i], done->token, (size_t)done->n * sizeof(int));
    memcpy(table->behaviour[i], done->logprob, (size_t)done->n * sizeof(float));
    answer->n_token = done->n;
    answer->ended = done->finish == FINISH_STOP;
}

static int prompt_of(const struct play *play, uint64_t task)
{
    return (int)(rng_uniform(play->seed, RNG_WORLD, task, 0, 9) * BED_PROMPTS);
}

/* Answers first .. first+n-1 of this iteration under one model, as many as there are slots. */
static void write_some(struct play_table *table, struct generate *generate,
                       const struct model *model, int iteration, int first, int n)
{
    const struct play *const play = table->play;
    const struct generate_events events = {.done = keep, .self = table};

    for (int i = first; i < first + n; i += play->samples) {
        const uint64_t task = (uint64_t)iteration * answers(play) + (uint64_t)i;
        const int prompt[2] = {play->bed->vocab - 1, prompt_of(play, task)};
        struct generate_job job = {
            .seed = play->seed, .task = task, .n = play->samples, .prompt_len = 2};
        for (int k = 0; k < play->samples; k++)
            memcpy(table->prompt[i + k], prompt, sizeof prompt);
        job.prompt = table->prompt[i];
        job.sampling =
            (struct sampling){.temperature = 1, .top_p = 1, .max_new = play->bed->longest};
        if (play->bed->varied)
            job.sampling.stop[job.sampling.stop_count++] = play->bed->stop;
        must(generate_admit(generate, &job));
    }
    while (generate_room(generate) < PLAY_ANSWERS) {
        int made;
        must(generate_step(generate, model, &events, &made));
    }
}

static void write_answers(struct play_table *table, struct generate *generate,
                          const struct model *model, int iteration, int first, int n)
{
    for (int i = 0; i < n; i += PLAY_ANSWERS)
        write_some(table, generate, model, iteration, first + i,
                   n - i < PLAY_ANSWERS ? n - i : PLAY_ANSWERS);
}

static void refer(struct play_table *table)
{
    const struct toy_world *const bed = table->play->bed;
    int token[ROWS * (BED_LONGEST + 2)], seq[ROWS + 1], n = 0;
    float logprob[ROWS * (BED_LONGEST + 2)];

    for (size_t i = 0; i < table->n; i++) {
        seq[i] = n;
        token[n++] = table->prompt[i][0];
        token[n++] = table->prompt[i][1];
        for (int t = 0; t < table->answer[i].n_token; t++)
            token[n++] = table->token[i][t];
    }
    seq[table->n] = n;
    must(forward_score(bed->model, token, seq, (int)table->n, 1, logprob, NULL, NULL));
    for (size_t i = 0; i < table->n; i++)
        for (int t = 0; t < table->answer[i].n_token; t++)
            table->reference[i][t] = table->play->no_reference ? 0 : logprob[seq[i] + 2 + t];
}

static double gumbel(const struct play *play, uint64_t task)
{
    return -log(-log(rng_uniform(play->seed, RNG_WORLD, task, 1, 11)));
}

/* An answer of the record: drawn from `data`. */
static void demonstrate(struct play_table *table, size_t i, uint64_t task)
{
    const struct play *const play = table->play;
    const struct toy_world *const bed = play->bed;
    const double *const row = play->data + (size_t)table->prompt[i][1] * (size_t)bed->n;
    double u = rng_uniform(play->seed, RNG_WORLD, task, 2, 12);
    int k = 0;

    for (; k < bed->n - 1; k++) {
        u -= exp(row[k]);
        if (u < 0)
            break;
    }
    memcpy(table->token[i], bed->answer + (size_t)k * (size_t)bed->longest,
           (size_t)bed->longest * sizeof(int));
    table->answer[i].n_token = bed->length[k];
}

static void fill(struct play_table *table, int iteration)
{
    const struct play *const play = table->play;
    const struct toy_world *const bed = play->bed;
    const size_t written = answers(play);

    for (size_t i = 0; i < written; i++) {
        const size_t group = i / (size_t)play->samples;
        const uint64_t task = (uint64_t)iteration * written + i;
        struct iteration_rollout *const answer = &table->answer[i];
        const int row = bed_index(bed, table->token[i], answer->n_token);
        answer->task = group;
        answer->sample = (uint32_t)(i % (size_t)play->samples);
        answer->behaviour = table->behaviour[i];
        answer->span = &table->span[i];
        answer->n_span = 1;
        answer->score = bed->reward[table->prompt[i][1] * bed->n + row] +
                        (play->noise ? gumbel(play, task) : 0);
        if (!play->data)
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
    table->n = play->data ? 2 * written : written;
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
static double divergence(const struct play *play, const struct model *model)
{
    const size_t n = (size_t)play->bed->n * BED_PROMPTS;
    double *const logprob = mem_new(n, sizeof *logprob), sum = 0;

    bed_logprobs(play->bed, model, logprob);
    for (size_t i = 0; i < n; i++)
        sum += exp(play->data[i]) * (play->data[i] - logprob[i]);
    free(logprob);
    return sum / BED_PROMPTS;
}

/* The policy's versions that answers may be of: the newest, and some before it. */
struct versions {
    float *image[PLAY_OLD + 1];
    struct model *model[PLAY_OLD + 1];
    size_t bytes;
};

static void versions_open(struct versions *v, const struct play *play,
                          const struct iteration_state *round)
{
    const float *const image = iteration_image(round, &v->bytes);

    for (int k = 0; k <= play->old; k++) {
        must(mem_big(&v->image[k], v->bytes, 1, "a version"));
        memcpy(v->image[k], image, v->bytes);
        must(model_new(&v->model[k], &play->bed->params->shape, v->image[k], v->bytes));
    }
}

static void versions_close(struct versions *v, const struct play *play)
{
    for (int k = 0; k <= play->old; k++) {
        model_free(v->model[k]);
        free(v->image[k]);
    }
}

/* Answers of iteration i: each group under one of the last old + 1 versions. */
static void roll_out(struct play_table *table, struct versions *v, struct generate *generate,
                     int i)
{
    const struct play *const play = table->play;
    const int parts = play->old + 1;

    if (play->frozen) {
        write_answers(table, generate, play->bed->model, i, 0, (int)answers(play));
        return;
    }
    for (int k = 0; k < parts; k++) {
        const int groups = (int)answers(play) / play->samples;
        const int from = k * groups / parts * play->samples;
        const int to = (k + 1) * groups / parts * play->samples;
        const int age = (k + i) % parts;
        write_answers(table, generate, v->model[age < i ? age : i], i, from, to - from);
        for (int s = from; s < to; s++)
            table->span[s].version.number = (uint64_t)(i - (age < i ? age : i));
    }
}

/* The newest becomes version 0 of `v`, the others age by one. */
static void grow_old(struct versions *v, const struct play *play,
                     const struct iteration_state *round)
{
    for (int k = play->old; k > 0; k--)
        memcpy(v->image[k], v->image[k - 1], v->bytes);
    memcpy(v->image[0], iteration_image(round, &v->bytes), v->bytes);
}

static double metric(const struct iteration_metrics *metrics, const char *name)
{
    for (int i = 0; i < metrics->n; i++)
        if (!strcmp(metrics->metric[i].name, name))
            return metrics->metric[i].value;
    return NAN;
}

static void one(struct play_table *table, struct iteration_state *round, struct versions *v,
                struct generate *generate, int i)
{
    const struct play *const play = table->play;
    struct iteration_metrics metrics;

    roll_out(table, v, generate, i);
    fill(table, i);
    if (play->data)
        qsort(table->answer, table->n, sizeof *table->answer, by_name);
    must(iteration_run(round, table->answer, table->n, &metrics));
    if (!play->old && !play->frozen)
        assert(metrics.first.tokens > 0 && metrics.first.ratio_gap == 0);
    if (play->loss)
        play->loss[i] = metric(&metrics, "loss");
    grow_old(v, play, round);
}

void play_run(struct bed_worth *out, const struct play *play)
{
    struct play_table *const table = mem_new(1, sizeof *table);
    struct versions versions = {.bytes = 0};
    struct generate *generate;
    struct params *params;
    struct iteration_state *round;

    table->play = play;
    must(params_new(&params, &play->bed->params->shape));
    memcpy(params->data, play->bed->params->data, params->count * sizeof(float));
    must(iteration_new(&round, &play->conf, params, NULL));
    versions_open(&versions, play, round);
    must(generate_new(&generate, &play->bed->params->shape, PLAY_ANSWERS, 8, NULL));
    for (int i = 0; i < play->iterations; i++) {
        if (play->divergence)
            play->divergence[i] = divergence(play, versions.model[0]);
        one(table, round, &versions, generate, i);
    }
    if (play->divergence)
        play->divergence[play->iterations] = divergence(play, versions.model[0]);
    bed_worth(out, play->bed, versions.model[0], play->price);
    if (play->logprob)
        bed_logprobs(play->bed, versions.model[0], play->logprob);
    generate_free(generate);
    versions_close(&versions, play);
    iteration_free(round);
    free(table);
}
