/* Speculation changes no bit: answers with guesses, right, wrong and half right, are those without. */

#include "tests/lm/tiny.h"

#include "base/rng.h"
#include "lm/gen/generate.h"
#include "lm/kernel/isa.h"

#include <stdio.h>

enum { SAMPLES = 6, LENGTH = 80, PROMPT = 30 };

/* Everything that is told, in order. */
struct told {
    int token[SAMPLES][LENGTH], n[SAMPLES], streamed[SAMPLES], steps;
    float logprob[SAMPLES][LENGTH];
    struct sample_top top[SAMPLES][LENGTH][3];
    enum finish finish[SAMPLES];
    uint64_t drafted, accepted;
};

static void on_token(void *self, const struct generate_token *t)
{
    struct told *told = self;
    const int at = told->streamed[t->sample]++;

    told->token[t->sample][at] = t->token;
    told->logprob[t->sample][at] = t->logprob;
    memcpy(told->top[t->sample][at], t->top, (size_t)t->tops * sizeof *t->top);
}

static void on_done(void *self, const struct generate_done *d)
{
    struct told *told = self;

    assert_int_equal(told->streamed[d->sample], d->n);
    assert_memory_equal(told->token[d->sample], d->token, (size_t)d->n * sizeof(int));
    assert_memory_equal(told->logprob[d->sample], d->logprob, (size_t)d->n * sizeof(float));
    told->n[d->sample] = d->n;
    told->finish[d->sample] = d->finish;
}

static struct told answers_of(const struct model *model, const struct tokenizer *tokenizer,
                              const struct generate_job *job, int guesses)
{
    const struct generate_events events = {on_done, on_token, NULL};
    struct generate_events mine = events;
    struct generate_drafts drafts;
    struct told told;
    struct generate *g;

    memset(&told, 0, sizeof told);
    mine.self = &told;
    assert_ok(generate_new(&g, model_shape(model), job->n, PROMPT + LENGTH, tokenizer));
    generate_ahead(g, guesses);
    assert_ok(generate_admit(g, job));
    for (; generate_room(g) < job->n; told.steps++)
        assert_ok(generate_step(g, model, &mine, NULL));
    drafts = generate_drafts(g);
    told.drafted = drafts.drafted;
    told.accepted = drafts.accepted;
    assert_int_equal(generate_drafts(g).drafted, 0);
    generate_free(g);
    return told;
}

static void same(const struct told *a, const struct told *b)
{
    assert_memory_equal(a->n, b->n, sizeof a->n);
    assert_memory_equal(a->finish, b->finish, sizeof a->finish);
    assert_memory_equal(a->token, b->token, sizeof a->token);
    assert_memory_equal(a->logprob, b->logprob, sizeof a->logprob);
    assert_memory_equal(a->top, b->top, sizeof a->top);
}

/* Drafts of what was told: the answers themselves, or each `wrong`th token another. */
struct drafts {
    int32_t token[SAMPLES * LENGTH];
    uint8_t share[SAMPLES * LENGTH];
    uint32_t each[SAMPLES], n_token;
};

static struct draft_answers draft(struct drafts *d, const struct told *told, int n, int wrong,
                                  int vocab)
{
    d->n_token = 0;
    for (int i = 0; i < n; i++) {
        d->each[i] = (uint32_t)told->n[i];
        for (int t = 0; t < told->n[i]; t++) {
            const int token = told->token[i][t];

            d->token[d->n_token] =
                wrong && t % wrong == wrong - 1 ? (token + 1) % vocab : token;
            d->share[d->n_token++] = 255;
        }
    }
    return (struct draft_answers){d->token, d->share, d->each, (uint32_t)n, d->n_token};
}

static struct generate_job job_of(const int *prompt, int n)
{
    return (struct generate_job){.seed = 4,
                                 .task = 77,
                                 .n = n,
                                 .prompt = prompt,
                                 .n_prompt = PROMPT,
                                 .top = 3,
                                 .sampling = {.temperature = 1, .top_p = 1, .max_new = 60}};
}

/* Ways of drawing, each with its own end. */
static struct sampling sampling_of(int way)
{
    static const struct penalty_bias bias[] = {{7, 3}, {8, -2}};
    const struct sampling ways[] = {
        {.temperature = 0, .top_p = 1, .max_new = 60},
        {.temperature = 1, .top_p = 1, .max_new = 60, .stop = {2, 5, 11}, .n_stop = 3},
        {.temperature = 0.7f, .top_p = 0.9f, .top_k = 20, .min_p = 0.01f, .max_new = 33},
        {.temperature = 1.3f,
         .top_p = 1,
         .max_new = 60,
         .penalties = {.repetition = 1.3f, .frequency = 0.5f, .bias = bias, .biases = 2}},
        {.temperature = 0, .top_p = 1, .max_new = 60, .penalties = {.repetition = 1.2f}},
    };

    return ways[way];
}

/* One sample, whose guesses are right; all of them, among which one's draft is another's. */
static void every_bit_stays(void **state)
{
    const struct isa *before = isa_current();
    int prompt[PROMPT];

    (void)state;
    for (enum precision c = 0; c < PRECISIONS; c++) {
        struct shape shape = tiny[TINY_LLAMA3].shape;
        struct tiny_model m;

        shape.compute = c;
        m = tiny_make(&shape);
        for (int t = 0; t < PROMPT;
             t++) /* it repeats itself: prompt lookup has something to find */
            prompt[t] = tiny_token(shape.vocab, 1, t % 7);
        for (int i = 0; i < ISA_TABLES; i++) {
            if (!isa_at(i))
                continue;
            assert_ok(isa_force(isa_at(i)->name));
            for (int way = 0; way < 5; way++) {
                struct generate_job job = job_of(prompt, way % 2 ? SAMPLES : 1);
                static struct drafts drafts;
                struct told plain, with;

                job.sampling = sampling_of(way);
                plain = answers_of(m.model, NULL, &job, 0);
                assert_int_equal(plain.drafted, 0);
                for (int wrong = 0; wrong < 6; wrong += 1 + wrong) { /* 0, 1: all of them, 3 */
                    job.earlier = draft(&drafts, &plain, job.n, wrong, shape.vocab);
                    with = answers_of(m.model, NULL, &job, DRAFT_MOST);
                    same(&plain, &with);
                    if (i == 0) {
                        assert_int_equal(with.drafted, 0);
                    } else if (wrong == 0 && job.n == 1) {
                        assert_true(with.accepted > 0);
                        assert_true(with.steps * 2 <= plain.steps);
                    } else if (wrong == 3 && job.n == 1) {
                        assert_true(with.drafted > with.accepted);
                    }
                    assert_true(with.accepted <= with.drafted);
                }
            }
        }
        tiny_drop(&m);
    }
    assert_ok(isa_force(before->name));
}

/* Guesses run over every kind of end: a stop token that was guessed, a string within guesses, a length. */
static void an_answer_ends_within_its_guesses(void **state)
{
    static const char *const special[] = {"<pad>", "<s>", "</s>"};
    struct shape shape = tiny[TINY_LLAMA].shape;
    static struct drafts drafts;
    struct tokenizer *tokenizer;
    struct told plain, cut, with;
    struct tiny_model m;
    struct generate_job job;
    int prompt[PROMPT];
    char two[3] = {0};

    (void)state;
    assert_ok(tokenizer_bytes(&tokenizer, special, 3));
    shape.vocab = tokenizer_count(tokenizer);
    m = tiny_make(&shape);
    for (int t = 0; t < PROMPT; t++)
        prompt[t] = tiny_token(shape.vocab, 4, t);
    job = job_of(prompt, 1);
    plain = answers_of(m.model, tokenizer, &job, 0);
    job.earlier = draft(&drafts, &plain, 1, 0, shape.vocab);
    for (int at = 1; at < 20; at++) {
        const int *t = plain.token[0] + at;

        job.sampling.max_new = at; /* ends at its length */
        cut = answers_of(m.model, tokenizer, &job, 0);
        with = answers_of(m.model, tokenizer, &job, DRAFT_MOST);
        same(&cut, &with);
        job.sampling.max_new = 60;
        job.sampling.stop[0] = t[0];
        job.sampling.n_stop = 1;
        cut = answers_of(m.model, tokenizer, &job, 0);
        with = answers_of(m.model, tokenizer, &job, DRAFT_MOST);
        same(&cut, &with);
        assert_int_equal(cut.finish[0], FINISH_STOP);
        job.sampling.n_stop = 0;
        if (t[0] <= 3 || t[1] <= 3 || t[0] - 3 == 0 || t[1] - 3 == 0)
            continue;
        two[0] = (char)(t[0] - 3);
        two[1] = (char)(t[1] - 3);
        job.sampling.stop_text[0] = two;
        job.sampling.stop_text_count = 1;
        cut = answers_of(m.model, tokenizer, &job, 0);
        with = answers_of(m.model, tokenizer, &job, DRAFT_MOST);
        same(&cut, &with);
        assert_int_equal(cut.finish[0], FINISH_STOP_TEXT);
        job.sampling.stop_text_count = 0;
    }
    tokenizer_free(tokenizer);
    tiny_drop(&m);
}

struct leaver {
    struct generate *generate;
    const struct generate_job *next;
    int heard, leave;
};

static void leave(void *self, const struct generate_token *t)
{
    struct leaver *l = self;

    (void)t;
    if (++l->heard != l->leave)
        return;
    generate_cancel(l->generate, 77);
    assert_ok(generate_admit(l->generate, l->next));
}

static void left(void *self, const struct generate_done *d)
{
    struct told *const told = ((void **)self)[1];

    memcpy(told->token[d->sample], d->token, (size_t)d->n * sizeof(int));
    told->n[d->sample] = d->n;
}

static void leave_of(void *self, const struct generate_token *t)
{
    leave(((void **)self)[0], t);
}

/* In the middle of guesses that hold its slot is given to another: no token of the old one reaches it. */
static void a_listener_leaves_among_guesses(void **state)
{
    struct tiny_model m = tiny_make(&tiny[TINY_LLAMA].shape);
    const struct shape *s = model_shape(m.model);
    static struct drafts drafts;
    struct told plain, other;
    struct generate_job job, next;
    int prompt[PROMPT], noise[PROMPT];

    (void)state;
    for (int t = 0; t < PROMPT; t++) {
        prompt[t] = tiny_token(s->vocab, 4, t);
        noise[t] = tiny_token(s->vocab, 9, t);
    }
    job = job_of(prompt, 1);
    next = job_of(noise, 1);
    next.task = 78;
    other = answers_of(m.model, NULL, &next, 0);
    plain = answers_of(m.model, NULL, &job, 0);
    job.earlier = draft(&drafts, &plain, 1, 0, s->vocab);
    for (int at = 1; at < 12; at++) {
        struct leaver leaver = {NULL, &next, 0, at};
        static struct told got;
        void *both[] = {&leaver, &got};
        const struct generate_events events = {left, leave_of, both};

        memset(&got, 0, sizeof got);
        assert_ok(generate_new(&leaver.generate, s, 1, PROMPT + LENGTH, NULL));
        assert_ok(generate_admit(leaver.generate, &job));
        while (generate_room(leaver.generate) < 1)
            assert_ok(generate_step(leaver.generate, m.model, &events, NULL));
        assert_int_equal(leaver.heard, at + other.n[0]);
        assert_int_equal(got.n[0], other.n[0]);
        assert_memory_equal(got.token[0], other.token[0], (size_t)other.n[0] * sizeof(int));
        generate_free(leaver.generate);
    }
    tiny_drop(&m);
}

/* Logits that are no numbers end a step where an answer came to them, not where a wrong guess did. */
static void only_what_counts_can_fail(void **state)
{
    struct tiny_model m = tiny_make(&tiny[TINY_LLAMA3].shape);
    const struct shape *s = model_shape(m.model);
    struct told plain, with;
    static struct drafts drafts;
    struct generate_job job;
    int prompt[PROMPT], bad = -1;

    (void)state;
    for (int t = 0; t < PROMPT; t++)
        prompt[t] = tiny_token(s->vocab, 4, t);
    job = job_of(prompt, 1);
    plain = answers_of(m.model, NULL, &job, 0);
    for (int v = 3; v < s->vocab && bad < 0; v++) { /* a token that nobody says */
        bool said = false;

        for (int t = 0; t < PROMPT; t++)
            said |= prompt[t] == v;
        for (int t = 0; t < plain.n[0]; t++)
            said |= plain.token[0][t] == v;
        bad = said ? -1 : v;
    }
    assert_true(bad >= 0 && !s->tied);
    for (int k = 0; k < m.params->n; k++)
        if (m.params->tensor[k].row->kind == KIND_EMBED)
            for (int i = 0; i < s->width; i++)
                m.params->data[m.params->tensor[k].at + (size_t)(bad * s->width + i)] = NAN;
    {
        struct packed_layout *layout;

        assert_ok(packed_layout_new(&layout, s));
        packed_fill(m.image, layout, m.params);
        packed_layout_free(layout);
    }
    job.earlier = draft(&drafts, &plain, 1, 0, s->vocab);
    for (uint32_t t = 2; t < drafts.n_token; t += 3)
        drafts.token[t] = bad;
    with = answers_of(m.model, NULL, &job, DRAFT_MOST);
    assert_true(isa_current() == isa_at(0) || with.drafted > with.accepted);
    same(&plain, &with);
    tiny_drop(&m);
}

static void drafts_that_are_none_are_refused(void **state)
{
    static const int32_t beyond[] = {97};
    static const uint32_t each[] = {1};
    const int prompt[] = {3, 4, 5};
    struct generate_job job = job_of(prompt, 1);
    struct generate *g;

    (void)state;
    job.n_prompt = 3;
    job.earlier = (struct draft_answers){beyond, NULL, each, 1, 1};
    assert_ok(generate_new(&g, &tiny[TINY_LLAMA].shape, 1, 100, NULL));
    assert_err(ERR_RANGE, generate_admit(g, &job));
    assert_non_null(strstr(err_text(), "beyond the vocabulary"));
    generate_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_stays),
        cmocka_unit_test(an_answer_ends_within_its_guesses),
        cmocka_unit_test(a_listener_leaves_among_guesses),
        cmocka_unit_test(only_what_counts_can_fail),
        cmocka_unit_test(drafts_that_are_none_are_refused),
    };

    return cmocka_run_group_tests_name("generate_draft", tests, NULL, NULL);
}
