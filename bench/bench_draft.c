/* bench_draft: what guesses bring (lm/gen/draft.h).
 *
 *     bench_draft rows [float32|bfloat16|int8] [layers, default 30]
 *     bench_draft answers MODEL DATA.jsonl [precision] [temperature, default 1] [prompts, default 8]
 *                 [answers to each, default 4] [tokens of each, default 64]
 *
 * rows: the time of a step over so many rows of one sequence, in steps over one, on a random model of
 * SmolLM2-135M's shape: what draft_pass is fitted to.
 * answers: a first epoch answers each prompt (a record's `chosen`, its first question, in the model's
 * template) under one task; a second one under another, as in a run, decoded three times by turns: without
 * guesses, with those of what was said, with the first epoch's answers. Tokens and bits must be the same;
 * told are the median of rates, and the share of guesses that held, at 1, 2 and 4 sequences at once, of steps without prompts.
 * Times are processor time of the whole process, which company on the machine does not lengthen much. */

#include "base/mem.h"
#include "bench/rounds.h"
#include "bench/subject.h"
#include "lm/file/open_model.h"
#include "lm/gen/generate.h"
#include "lm/kernel/isa.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CONTEXT = 256, PROMPTS = 64, ANSWERS = 16, LONGEST = 512, ARMS = 3 };

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- rows */

static enum err time_rows(const struct model *model)
{
    static const int rows[] = {1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 64};
    enum { KINDS = sizeof rows / sizeof *rows, MOST = 64 };
    const struct shape *shape = model_shape(model);
    const struct sampling sampling = {.temperature = 1, .top_p = 1, .max_new = 1};
    struct forward_row row[CONTEXT];
    struct sample_scratch *scratch = NULL;
    struct forward_work *work = NULL;
    struct cache *cache = NULL;
    double all[KINDS][ROUNDS], one;
    float *hidden = mem_new((size_t)CONTEXT * (size_t)shape->width, sizeof *hidden), logprob;
    float *logits = mem_new((size_t)MOST * (size_t)shape->vocab, sizeof *logits);
    enum err err = cache_new(&cache, shape, CONTEXT + MOST, NULL);

    if (!err)
        err = forward_work_new(&work, shape, CONTEXT);
    if (!err)
        err = sample_scratch_new(&scratch, shape->vocab);
    for (int i = 0; i < CONTEXT; i++)
        row[i] = (struct forward_row){cache, i * 31 % shape->vocab, i};
    if (!err)
        forward_hidden(model, work, row, CONTEXT, hidden);
    for (int r = 0; !err && r < ROUNDS; r++)
        for (int k = 0; k < KINDS; k++) {
            const double start = now();

            for (int i = 0; i < rows[k]; i++)
                row[i] = (struct forward_row){cache, i * 37 % shape->vocab, CONTEXT + i};
            forward_hidden(model, work, row, rows[k], hidden);
            forward_logits(model, work, hidden, rows[k], logits);
            for (int i = 0; i < rows[k]; i++)
                sample_draw(scratch, &sampling, NULL, logits + (size_t)i * (size_t)shape->vocab,
                            .5, &logprob);
            all[k][r] = now() - start;
        }
    one = err ? 1 : rounds_median(all[0]);
    for (int k = 0; !err && k < KINDS; k++)
        printf("%2d rows: %5.2f steps over one; %5.2f is reckoned with\n", rows[k],
               rounds_median(all[k]) / one, draft_pass(shape->compute, rows[k]));
    sample_scratch_free(scratch);
    forward_work_free(work);
    cache_free(cache);
    free(hidden);
    free(logits);
    return err;
}

static enum err run_rows(const char *compute, int layers)
{
    struct subject subject = {NULL};
    enum precision kind;
    enum err err = precision_named(&kind, compute);

    if (!err)
        err = subject_open(&subject, "smollm2-135m", layers, kind);
    if (!err)
        err = time_rows(subject.model);
    subject_close(&subject);
    return err;
}

/* ---- answers */

struct bench_answer {
    int n;
    int32_t token[LONGEST];
    float logprob[LONGEST];
};

struct bench_prompt {
    struct encoded ids;
    struct bench_answer first[ANSWERS], second[ARMS][ANSWERS];
    int32_t token[ANSWERS * LONGEST]; /* the first epoch's as they travel */
    uint8_t share[ANSWERS * LONGEST];
    uint32_t each[ANSWERS], n_token;
};

struct bench_run {
    struct open_model open;
    struct sampling sampling;
    struct bench_prompt *prompt; /* [prompts] */
    int prompts, answers;
    int arm; /* -1: the first epoch */
};

static void done(void *self, const struct generate_done *d)
{
    const struct bench_run *run = self;
    struct bench_prompt *p = d->owner;
    struct bench_answer *a =
        run->arm < 0 ? &p->first[d->sample] : &p->second[run->arm][d->sample];

    a->n = d->n;
    for (int i = 0; i < d->n; i++) {
        a->token[i] = d->token[i];
        a->logprob[i] = d->logprob[i];
    }
}

/* What the first epoch wrote, with the probability that each token had. */
static void gather(struct bench_prompt *p, int answers)
{
    p->n_token = 0;
    for (int k = 0; k < answers; k++) {
        p->each[k] = (uint32_t)p->first[k].n;
        for (int i = 0; i < p->first[k].n; i++) {
            p->token[p->n_token] = p->first[k].token[i];
            p->share[p->n_token++] = (uint8_t)lrint(255 * exp((double)p->first[k].logprob[i]));
        }
    }
}

struct bench_told {
    double rate;
    struct generate_drafts drafts;
};

/* As many answers to a prompt as there is room for. */
static enum err admit(struct bench_run *run, struct generate *g, uint64_t first_task, int *next)
{
    struct bench_prompt *p = &run->prompt[*next / run->answers];
    const int left = run->answers - *next % run->answers, room = generate_room(g);
    struct generate_job job = {.seed = 42,
                               .task = first_task + (uint64_t)(*next / run->answers),
                               .sample = *next % run->answers,
                               .n = left < room ? left : room,
                               .prompt = p->ids.ids,
                               .n_prompt = p->ids.n,
                               .sampling = run->sampling,
                               .owner = p};

    if (run->arm == 2)
        job.earlier = (struct draft_answers){p->token, p->share, p->each,
                                             (uint32_t)run->answers, p->n_token};
    *next += job.n;
    return generate_admit(g, &job);
}

/* All answers; told are the tokens of the steps in which no prompt came in, and their time. */
static enum err epoch(struct bench_run *run, uint64_t first_task, int slots,
                      struct bench_told *told)
{
    const struct generate_events events = {done, NULL, run};
    const int all = run->prompts * run->answers;
    int made = 1, tokens = 0;
    double seconds = 0;
    struct generate *g;
    enum err err = generate_new(&g, model_shape(run->open.model), slots, 2 * LONGEST,
                                run->open.encode.tokenizer);

    if (!err)
        generate_ahead(g, run->arm > 0 ? DRAFT_MOST : 0);
    for (int next = 0; !err && (made || next < all);) {
        bool fresh = false;
        double start;

        for (; !err && next < all && generate_room(g); fresh = true)
            err = admit(run, g, first_task, &next);
        start = now();
        if (!err)
            err = generate_step(g, run->open.model, &events, &made);
        seconds += fresh ? 0 : now() - start;
        tokens += fresh ? 0 : made;
    }
    if (!err && told)
        *told = (struct bench_told){tokens / seconds, generate_drafts(g)};
    generate_free(g);
    return err;
}

static enum err same(const struct bench_run *run, int arm)
{
    for (int i = 0; i < run->prompts; i++)
        for (int k = 0; k < run->answers; k++) {
            const struct bench_answer *a = &run->prompt[i].second[0][k],
                                      *b = &run->prompt[i].second[arm][k];

            if (a->n != b->n || memcmp(a->token, b->token, (size_t)a->n * sizeof *a->token) ||
                memcmp(a->logprob, b->logprob, (size_t)a->n * sizeof *a->logprob))
                return err_set(ERR_STATE, "other bits with guesses");
        }
    return OK;
}

static enum err compare(struct bench_run *run, int slots)
{
    double rate[ARMS][ROUNDS], ratio[ARMS][ROUNDS];
    struct generate_drafts drafts[ARMS] = {{0, 0}};
    enum err err = OK;

    for (int r = 0; !err && r < ROUNDS; r++)
        for (int arm = 0; !err && arm < ARMS; arm++) {
            struct bench_told told;

            run->arm = arm;
            err = epoch(run, 1000 * (uint64_t)(r + 1), slots, &told);
            if (!err)
                err = same(run, arm);
            if (err)
                break;
            rate[arm][r] = told.rate;
            ratio[arm][r] = told.rate / rate[0][r];
            drafts[arm].drafted += told.drafts.drafted;
            drafts[arm].accepted += told.drafts.accepted;
        }
    for (int arm = 0; !err && arm < ARMS; arm++)
        printf("%2d at once, %-15s x %.2f; %llu guesses, %.0f %% held\n", slots,
               arm == 0   ? "no guesses"
               : arm == 1 ? "what was said"
                          : "earlier answers",
               rounds_median(ratio[arm]), (unsigned long long)drafts[arm].drafted,
               drafts[arm].drafted
                   ? 100.0 * (double)drafts[arm].accepted / (double)drafts[arm].drafted
                   : 0.0);
    fflush(stdout);
    return err;
}

/* The first question of a dialogue: what stands between its first two names. */
static enum err read_prompts(struct bench_run *run, FILE *file, int most)
{
    static const char human[] = "\n\nHuman: ", assistant[] = "\n\nAssistant:";
    enum err err = OK;
    char *line = NULL;
    size_t room = 0;

    while (!err && run->prompts < most && getline(&line, &room, file) > 0) {
        json_t *json = json_loads(line, 0, NULL), *messages;
        const char *text = json_string_value(json_object_get(json, "chosen"));
        const char *end = text ? strstr(text, assistant) : NULL;

        if (end && !strncmp(text, human, sizeof human - 1)) {
            text += sizeof human - 1;
            messages = json_pack("[{s:s,s:s%}]", "role", "user", "content", text,
                                 (size_t)(end - text));
            err = encode_prompt(&run->open.encode, messages, NULL,
                                &run->prompt[run->prompts].ids);
            if (!err && run->prompt[run->prompts].ids.n < LONGEST)
                run->prompts++;
            json_decref(messages);
        }
        json_decref(json);
    }
    free(line);
    return err;
}

/* A number among the words, or what it is without. */
static int word(int argc, char **argv, int at, int usual)
{
    return argc > at ? (int)strtol(argv[at], NULL, 10) : usual;
}

static enum err open_run(struct bench_run *run, FILE *file, int argc, char **argv)
{
    const int most = word(argc, argv, 6, 8);
    const struct shape *shape;
    enum err err;

    run->sampling =
        (struct sampling){.temperature = argc > 5 ? strtof(argv[5], NULL) : 1, .top_p = 1};
    run->answers = word(argc, argv, 7, 4);
    run->sampling.max_new = word(argc, argv, 8, 64);
    if (most < 1 || most > PROMPTS || run->answers < 1 || run->answers > ANSWERS ||
        run->sampling.max_new < 1 || run->sampling.max_new > LONGEST)
        return err_set(ERR_RANGE, "at most %d prompts, %d answers, %d tokens", PROMPTS, ANSWERS,
                       LONGEST);
    err = open_model_all(&run->open, argv[2], HEAD_LM, argc > 4 ? argv[4] : NULL);
    if (!err)
        err = open_model_chat(&run->open, "");
    if (err)
        return err;
    shape = model_shape(run->open.model);
    for (int i = 0; i < shape->eos_count; i++)
        run->sampling.stop[i] = shape->eos[i];
    run->sampling.n_stop = shape->eos_count;
    return read_prompts(run, file, most);
}

static enum err run_answers(int argc, char **argv)
{
    struct bench_run run = {.arm = -1};
    FILE *file = fopen(argv[3], "r");
    enum err err;

    if (!file)
        return err_set(ERR_IO, "%s: cannot be read", argv[3]);
    run.prompt = mem_new(PROMPTS, sizeof *run.prompt);
    err = open_run(&run, file, argc, argv);
    if (!err)
        err = epoch(&run, 0, 8, NULL);
    for (int i = 0; !err && i < run.prompts; i++)
        gather(&run.prompt[i], run.answers);
    for (int slots = 1; !err && slots <= 4; slots *= 2)
        err = compare(&run, slots);
    for (int i = 0; i < run.prompts; i++)
        encoded_free(&run.prompt[i].ids);
    free(run.prompt);
    open_model_close(&run.open);
    fclose(file);
    return err;
}

int main(int argc, char **argv)
{
    const bool answers = argc > 3 && !strcmp(argv[1], "answers");
    enum err err;

    if (!answers && (argc < 2 || strcmp(argv[1], "rows") != 0)) {
        fprintf(stderr,
                "usage: bench_draft rows [precision] [layers], or answers MODEL DATA.jsonl "
                "[precision] [temperature] [prompts] [answers] [tokens]\n");
        return 1;
    }
    printf("%s, %d threads\n", isa_current()->name, omp_get_max_threads());
    err = answers ? run_answers(argc, argv)
                  : run_rows(argc > 2 ? argv[2] : NULL,
                             argc > 3 ? (int)strtol(argv[3], NULL, 10) : 30);
    if (err)
        fprintf(stderr, "%s\n", err_text());
    return err ? 1 : 0;
}
