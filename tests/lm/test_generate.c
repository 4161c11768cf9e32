#include "tests/lm/tiny.h"

#include "base/rng.h"
#include "lm/gen/generate.h"
#include "lm/gen/sample.h"

#include <stdio.h>
#include <unistd.h>

/* What came out, by sample. */
enum { MOST = 64, LENGTH = 200 };

struct heard {
    int token[MOST][LENGTH], n[MOST], streamed[MOST];
    float logprob[MOST][LENGTH];
    enum finish finish[MOST];
    struct sample_top top[MOST][LENGTH];
    int done;
    struct generate *generate; /* cancels on the first token, if set */
};

static void on_done(void *self, const struct generate_done *done)
{
    struct heard *h = self;
    const int k = done->sample;

    memcpy(h->token[k], done->token, (size_t)done->n * sizeof *done->token);
    memcpy(h->logprob[k], done->logprob, (size_t)done->n * sizeof *done->logprob);
    h->n[k] = done->n;
    h->finish[k] = done->finish;
    h->done++;
}

static void on_token(void *self, const struct generate_token *made)
{
    struct heard *h = self;

    if (made->tops)
        h->top[made->sample][h->streamed[made->sample]] = made->top[made->tops - 1];
    h->streamed[made->sample]++;
    if (h->generate)
        generate_cancel(h->generate, made->task);
}

/* Until all slots are free. */
static void run(struct generate *g, const struct model *model, struct heard *h, int slots)
{
    const struct generate_events events = {on_done, on_token, h};
    int tokens, step = 0;

    for (; generate_room(g) < slots && step < 5000; step++)
        assert_ok(generate_step(g, model, &events, &tokens));
    assert_true(step < 5000);
    assert_ok(generate_step(g, model, &events, &tokens));
    assert_int_equal(tokens, 0);
}

static struct generate_job job_of(const int *prompt, int n, int samples)
{
    return (struct generate_job){
        .seed = 42,
        .task = 7,
        .n = samples,
        .prompt = prompt,
        .n_prompt = n,
        .sampling = {.temperature = 0.9f, .top_p = 1, .max_new = 40, .stop = {2}, .n_stop = 1},
    };
}

static void prompt_of(int *prompt, int vocab, int sequence, int n)
{
    for (int t = 0; t < n; t++)
        prompt[t] = tiny_token(vocab, sequence, t);
}

static void same_answer(const struct heard *a, int i, const struct heard *b, int k)
{
    assert_int_equal(a->n[i], b->n[k]);
    assert_int_equal(a->finish[i], b->finish[k]);
    assert_memory_equal(a->token[i], b->token[k], (size_t)a->n[i] * sizeof(int));
    assert_memory_equal(a->logprob[i], b->logprob[k], (size_t)a->n[i] * sizeof(float));
}

/* Samples 0..15 together, then each alone, then among strangers. */
static void an_answer_does_not_depend_on_company(void **state)
{
    static struct heard all, alone, crowd;
    struct tiny_model m = tiny_make(&tiny[TINY_LLAMA3].shape);
    const struct shape *s = model_shape(m.model);
    struct generate *g;
    struct generate_job job, other;
    int prompt[300], noise[300];

    (void)state;
    prompt_of(prompt, s->vocab, 1, 300);
    prompt_of(noise, s->vocab, 5, 300);
    memset(&all, 0, sizeof all);
    assert_ok(generate_new(&g, s, 16, 400, NULL));
    job = job_of(prompt, 300, 16); /* a prompt longer than one chunk */
    assert_ok(generate_admit(g, &job));
    assert_int_equal(generate_room(g), 0);
    assert_err(ERR_STATE, generate_admit(g, &job));
    run(g, m.model, &all, 16);
    assert_int_equal(all.done, 16);
    assert_int_equal(generate_room(g), 16);
    generate_free(g);
    assert_ok(generate_new(&g, s, 3, 400, NULL));
    for (int k = 0; k < 16; k++) {
        memset(&alone, 0, sizeof alone);
        job = job_of(prompt, 300, 1);
        job.sample = k;
        assert_ok(generate_admit(g, &job));
        run(g, m.model, &alone, 3);
        same_answer(&all, k, &alone, k);
        memset(&crowd, 0, sizeof crowd);
        other = job_of(noise, 200 + k, 2);
        other.task = 8;
        other.sample = 40;
        assert_ok(generate_admit(g, &other));
        assert_ok(generate_step(g, m.model, &(struct generate_events){0}, NULL));
        assert_ok(generate_admit(g, &job));
        run(g, m.model, &crowd, 3);
        same_answer(&all, k, &crowd, k);
        assert_int_equal(all.streamed[k], all.n[k]);
    }
    assert_true(memcmp(all.token[0], all.token[1], 40 * sizeof(int)) != 0);
    generate_free(g);
    tiny_drop(&m);
}

/* The log-probability told with a token is the one that scoring gives, in every bit. */
static void logprobs_are_those_of_scoring(void **state)
{
    static struct heard h;
    (void)state;
    for (int k = 0; k < TINY_REWARD; k++) {
        struct tiny_model m = tiny_reach(&tiny[k].shape, 100);
        const struct shape *s = model_shape(m.model);
        struct generate_job job;
        struct generate *g;
        int token[LENGTH];
        float lp[LENGTH];

        memset(&h, 0, sizeof h);
        prompt_of(token, s->vocab, 3, 20);
        assert_ok(generate_new(&g, s, 8, 100, NULL));
        job = job_of(token, 20, 8);
        job.sampling.top_k = 20;
        job.sampling.top_p = 0.95f;
        assert_ok(generate_admit(g, &job));
        run(g, m.model, &h, 8);
        for (int i = 0; i < 8; i++) {
            const int seq[] = {0, 20 + h.n[i]};

            assert_in_range(h.n[i], 1, 40);
            memcpy(token + 20, h.token[i], (size_t)h.n[i] * sizeof(int));
            assert_ok(forward_score(m.model, token, seq, 1, 0.9f, lp, NULL, NULL));
            assert_memory_equal(lp + 20, h.logprob[i], (size_t)h.n[i] * sizeof(float));
        }
        generate_free(g);
        tiny_drop(&m);
    }
}

/* Philox keyed by (run seed, task, sample, position), on logits computed afresh for each token:
 * who changes the key changes every run, and must know. */
static void every_token_is_drawn_with_its_own_number(void **state)
{
    static struct heard h;
    struct tiny_model m = tiny_make(&tiny[TINY_LLAMA3].shape);
    const struct shape *s = model_shape(m.model);
    struct sample_scratch *scratch;
    struct generate_job job;
    struct generate *g;
    struct cache *cache;
    struct forward_work *work;
    float hidden[96], logits[131], lp;
    int token[40];

    (void)state;
    prompt_of(token, s->vocab, 6, 5);
    job = job_of(token, 5, 3);
    job.task = ((uint64_t)9 << 32) + 4;
    job.sample = 10;
    job.sampling.n_stop = 0;
    job.sampling.max_new = 30;
    assert_ok(generate_new(&g, s, 3, 40, NULL));
    assert_ok(generate_admit(g, &job));
    memset(&h, 0, sizeof h);
    run(g, m.model, &h, 3);
    assert_ok(sample_scratch_new(&scratch, s->vocab));
    assert_ok(cache_new(&cache, s, 40, NULL));
    assert_ok(forward_work_new(&work, s, 1));
    for (int t = 0; t < 34; t++) {
        const struct forward_row row = {cache, token[t], t};

        forward_hidden(m.model, work, &row, 1, hidden);
        if (t < 4)
            continue;
        forward_logits(m.model, work, hidden, 1, logits);
        token[t + 1] =
            sample_draw(scratch, &job.sampling, NULL, logits,
                        rng_uniform(42, RNG_SAMPLE, job.task, 11, (uint32_t)t + 1), &lp);
        assert_int_equal(token[t + 1], h.token[11][t - 4]);
        assert_true(lp == h.logprob[11][t - 4]);
    }
    forward_work_free(work);
    cache_free(cache);
    sample_scratch_free(scratch);
    generate_free(g);
    tiny_drop(&m);
}

static void greedy_tokens_are_those_of_transformers(void **state)
{
    FILE *file = fopen(GOLDEN "/tiny_models.txt", "r");
    static const int lengths[] = {1, 17, 150};
    static struct heard h;
    char name[32], kind[32];
    int seq, count, token[LENGTH], compared = 0;
    float want[256];

    (void)state;
    assert_non_null(file);
    while (fscanf(file, "%31s %31s %d %d", name, kind, &seq, &count) == 4) {
        assert_true(seq >= 0 && seq < 3 && count >= 0 && count <= 256);
        for (int i = 0; i < count; i++)
            assert_int_equal(fscanf(file, "%f", &want[i]), 1);
        for (int k = 0; k < TINIES && strcmp(kind, "greedy") == 0; k++) {
            struct tiny_model m;
            struct generate_job job;
            struct generate *g;

            if (strcmp(tiny[k].name, name) != 0)
                continue;
            m = tiny_reach(&tiny[k].shape, lengths[seq] + count);
            prompt_of(token, tiny[k].shape.vocab, seq, lengths[seq]);
            job = job_of(token, lengths[seq], 1);
            job.sampling = (struct sampling){.top_p = 1, .max_new = count};
            assert_ok(generate_new(&g, model_shape(m.model), 1, lengths[seq] + count, NULL));
            assert_ok(generate_admit(g, &job));
            memset(&h, 0, sizeof h);
            run(g, m.model, &h, 1);
            assert_int_equal(h.n[0], count);
            assert_int_equal(h.finish[0], FINISH_LENGTH);
            for (int i = 0; i < count; i++)
                assert_int_equal(h.token[0][i], (int)want[i]);
            compared++;
            generate_free(g);
            tiny_drop(&m);
        }
    }
    fclose(file);
    assert_int_equal(compared, 33);
}

static void answers_end_where_they_should(void **state)
{
    static const char *const special[] = {"<pad>", "<s>", "</s>"};
    struct shape shape = tiny[TINY_LLAMA].shape;
    static struct heard h, cut;
    struct tokenizer *tokenizer;
    struct tiny_model m;
    struct generate_job job;
    struct generate *g;
    char two[3] = {0};
    int prompt[4], at = -1;

    (void)state;
    assert_ok(tokenizer_bytes(&tokenizer, special, 3));
    shape.vocab = tokenizer_count(tokenizer);
    m = tiny_make(&shape);
    prompt_of(prompt, shape.vocab, 4, 4);
    assert_ok(generate_new(&g, &shape, 2, 60, tokenizer));
    job = job_of(prompt, 4, 1);
    job.sampling.n_stop = 0;
    job.sampling.max_new = 1000;
    memset(&h, 0, sizeof h);
    assert_ok(generate_admit(g, &job));
    run(g, m.model, &h, 2);
    assert_int_equal(h.n[0], 56); /* the room of a slot */
    assert_int_equal(h.finish[0], FINISH_LENGTH);
    for (int i = 10; i < 55 && at < 0; i++) /* two neighbours that are characters */
        if (h.token[0][i] > 3 && h.token[0][i + 1] > 3)
            at = i;
    assert_true(at > 0);
    two[0] = (char)(h.token[0][at] - 3);
    two[1] = (char)(h.token[0][at + 1] - 3);
    job.sampling.stop_text[0] = two;
    job.sampling.stop_text_count = 1;
    memset(&cut, 0, sizeof cut);
    assert_ok(generate_admit(g, &job));
    run(g, m.model, &cut, 2);
    assert_true(cut.n[0] <= at + 2 && cut.finish[0] == FINISH_STOP_TEXT);
    assert_int_equal(cut.token[0][cut.n[0] - 1], h.token[0][at + 1]);
    job.sampling.stop_text_count = 0;
    job.sampling.stop[0] = h.token[0][at];
    job.sampling.n_stop = 1;
    memset(&cut, 0, sizeof cut);
    assert_ok(generate_admit(g, &job));
    run(g, m.model, &cut, 2);
    assert_true(cut.n[0] <= at + 1 && cut.finish[0] == FINISH_STOP);
    assert_int_equal(cut.token[0][cut.n[0] - 1], h.token[0][at]);
    assert_string_equal(generate_finish(FINISH_STOP_TEXT), "stop");
    assert_string_equal(generate_finish(FINISH_LENGTH), "length");
    generate_free(g);
    tokenizer_free(tokenizer);
    tiny_drop(&m);
}

static void a_cancelled_task_is_gone(void **state)
{
    static struct heard h;
    struct tiny_model m = tiny_make(&tiny[TINY_LLAMA].shape);
    struct generate_job job;
    struct generate *g;
    int prompt[10];

    (void)state;
    prompt_of(prompt, 97, 4, 10);
    assert_ok(generate_new(&g, &tiny[TINY_LLAMA].shape, 4, 60, NULL));
    job = job_of(prompt, 10, 3);
    assert_ok(generate_admit(g, &job));
    generate_cancel(g, 8);
    assert_int_equal(generate_room(g), 1);
    generate_cancel(g, 7);
    assert_int_equal(generate_room(g), 4);
    memset(&h, 0, sizeof h);
    run(g, m.model, &h, 4);
    assert_int_equal(h.done, 0);
    h.generate = g; /* from within: only the first token is heard */
    assert_ok(generate_admit(g, &job));
    run(g, m.model, &h, 4);
    assert_int_equal(h.streamed[0] + h.streamed[1] + h.streamed[2], 1);
    assert_int_equal(h.done, 0);
    assert_int_equal(generate_room(g), 4);
    generate_free(g);
    tiny_drop(&m);
}

/* Of greedy answers the likeliest token is the one that is written, with its bits; the others
 * follow in order, and asking for them changes nothing. */
static void the_likeliest_tokens_are_told(void **state)
{
    static struct heard plain, first, twelfth;
    struct tiny_model m = tiny_make(&tiny[TINY_LLAMA].shape);
    struct generate_job job;
    struct generate *g;
    int prompt[10];

    (void)state;
    prompt_of(prompt, 97, 4, 10);
    assert_ok(generate_new(&g, &tiny[TINY_LLAMA].shape, 2, 60, NULL));
    job = job_of(prompt, 10, 1);
    job.sampling.temperature = 0;
    memset(&plain, 0, sizeof plain);
    memset(&first, 0, sizeof first);
    memset(&twelfth, 0, sizeof twelfth);
    assert_ok(generate_admit(g, &job));
    run(g, m.model, &plain, 2);
    job.top = 1;
    assert_ok(generate_admit(g, &job));
    run(g, m.model, &first, 2);
    job.top = 12;
    assert_ok(generate_admit(g, &job));
    run(g, m.model, &twelfth, 2);
    same_answer(&plain, 0, &first, 0);
    same_answer(&plain, 0, &twelfth, 0);
    for (int t = 0; t < plain.n[0]; t++) {
        assert_int_equal(first.top[0][t].token, plain.token[0][t]);
        assert_memory_equal(&first.top[0][t].logprob, &plain.logprob[0][t], sizeof(float));
        assert_true(twelfth.top[0][t].logprob < plain.logprob[0][t]);
    }
    generate_free(g);
    tiny_drop(&m);
}

/* Two jobs of one task: who owns them tells them apart. */
static void an_owner_drops_what_is_his(void **state)
{
    static struct heard h;
    struct tiny_model m = tiny_make(&tiny[TINY_LLAMA].shape);
    struct generate_job mine, other;
    struct generate *g;
    int prompt[10], owner[2];

    (void)state;
    prompt_of(prompt, 97, 4, 10);
    assert_ok(generate_new(&g, &tiny[TINY_LLAMA].shape, 5, 60, NULL));
    mine = job_of(prompt, 10, 3);
    mine.owner = &owner[0];
    other = job_of(prompt, 10, 1);
    other.owner = &owner[1];
    other.sample = 5;
    assert_ok(generate_admit(g, &mine));
    assert_ok(generate_admit(g, &other));
    generate_drop(g, &owner[0]);
    assert_int_equal(generate_room(g), 4);
    assert_true(generate_owned(g, &owner[1]));
    memset(&h, 0, sizeof h);
    run(g, m.model, &h, 5);
    assert_int_equal(h.done, 1);
    assert_true(h.n[5] > 0);
    generate_free(g);
    tiny_drop(&m);
}

static void what_cannot_be_generated_is_refused(void **state)
{
    const int prompt[] = {3, 4, 5}, bad[] = {3, 97, 5};
    const struct shape *s = &tiny[TINY_LLAMA].shape;
    struct generate_job good = job_of(prompt, 3, 1), job;
    struct generate *g;

    (void)state;
    assert_err(ERR_RANGE, generate_new(&g, s, 0, 10, NULL));
    assert_err(ERR_RANGE, generate_new(&g, s, 1, 257, NULL));
    assert_err(ERR_RANGE, generate_new(&g, &tiny[TINY_REWARD].shape, 1, 10, NULL));
    assert_ok(generate_new(&g, s, 2, 10, NULL));
#define REFUSED(change) \
    job = good; \
    change; \
    assert_err(ERR_RANGE, generate_admit(g, &job))
    REFUSED(job.n_prompt = 0);
    REFUSED(job.n_prompt = 10);
    REFUSED(job.prompt = bad);
    REFUSED(job.n = 0);
    REFUSED(job.sample = -1);
    REFUSED(job.sampling.max_new = 0);
    REFUSED(job.sampling.temperature = -1);
    REFUSED(job.top = SAMPLE_TOPS + 1);
    REFUSED(job.top = -1);
    REFUSED(job.sampling.n_stop = 9);
    REFUSED(job.sampling.stop[0] = 97);
    REFUSED(job.sampling.stop_text_count = 1; job.sampling.stop_text[0] = "x");
    assert_int_equal(generate_room(g), 2);
    assert_ok(generate_admit(g, &good));
    generate_free(g);
}

/* Bytes of this process that are in memory. */
static double resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    double pages = 0;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*s %lf", &pages), 1);
    fclose(file);
    return pages * (double)sysconf(_SC_PAGESIZE);
}

/* Rows of logits of so large a vocabulary would be 170 MB: before a token is drawn none is there. */
static void logits_are_memory_when_they_are_drawn_from(void **state)
{
    struct shape shape = tiny[TINY_LLAMA].shape;
    struct generate *g;
    double before;

    (void)state;
    shape.vocab = 300000;
    before = resident();
    assert_ok(generate_new(&g, &shape, 8, 32, NULL));
    assert_true(resident() - before < 20e6);
    generate_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_does_not_depend_on_company),
        cmocka_unit_test(logprobs_are_those_of_scoring),
        cmocka_unit_test(every_token_is_drawn_with_its_own_number),
        cmocka_unit_test(greedy_tokens_are_those_of_transformers),
        cmocka_unit_test(answers_end_where_they_should),
        cmocka_unit_test(a_cancelled_task_is_gone),
        cmocka_unit_test(the_likeliest_tokens_are_told),
        cmocka_unit_test(an_owner_drops_what_is_his),
        cmocka_unit_test(what_cannot_be_generated_is_refused),
        cmocka_unit_test(logits_are_memory_when_they_are_drawn_from),
    };

    return cmocka_run_group_tests_name("generate", tests, NULL, NULL);
}
