#include "eval/divergence.h"
#include "tests/lm/tiny.h"

enum { PROMPT = 5, ANSWER = 150, ALL = PROMPT + ANSWER };

static struct tiny_model p, q;
static int token[ALL];

static int setup(void **state)
{
    struct shape shape = tiny[TINY_LLAMA].shape;

    (void)state;
    p = tiny_make(&shape);
    shape.norm_eps = 1e-2f; /* another model of the same kind */
    q = tiny_make(&shape);
    for (int t = 0; t < ALL; t++)
        token[t] = tiny_token(shape.vocab, 1, t);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tiny_drop(&p);
    tiny_drop(&q);
    return 0;
}

/* ln of each vocabulary word after the first `n` tokens, as scoring tells it. */
static void scored(double *out, const struct model *model, int n, float temperature)
{
    const int vocab = model_shape(model)->vocab, seq[2] = {0, n + 1};
    float lp[ALL + 1];
    int with[ALL + 1];

    memcpy(with, token, (size_t)n * sizeof *with);
    for (int v = 0; v < vocab; v++) {
        with[n] = v;
        assert_ok(forward_score(model, with, seq, 1, temperature, lp, NULL, NULL));
        out[v] = (double)lp[n];
    }
}

static void it_is_the_sum_over_the_vocabulary(void **state)
{
    const float temperature = 0.7f;
    struct divergence got, want = {0};
    double a[97], b[97];
    const int answer = 6;

    (void)state;
    assert_ok(divergence_of(&got, p.model, q.model, token, PROMPT, answer, temperature));
    for (int t = PROMPT; t < PROMPT + answer; t++) {
        scored(a, p.model, t, temperature);
        scored(b, q.model, t, temperature);
        for (int v = 0; v < 97; v++) {
            want.kl += exp(a[v]) * (a[v] - b[v]);
            want.entropy -= exp(a[v]) * a[v];
        }
        want.k1 += a[token[t]] - b[token[t]];
        want.k3 += exp(b[token[t]] - a[token[t]]) - 1 + a[token[t]] - b[token[t]];
    }
    assert_true(want.kl > 1e-5 && want.entropy > 1);
    assert_true(fabs(got.kl - want.kl) < 1e-5 && fabs(got.entropy - want.entropy) < 1e-4);
    assert_true(fabs(got.k1 - want.k1) < 1e-5 && fabs(got.k3 - want.k3) < 1e-5);
}

/* 155 tokens run in several chunks; a longer answer is the sum of its parts. */
static void chunks_leave_no_token_out(void **state)
{
    struct divergence all, head, tail, one;

    (void)state;
    assert_ok(divergence_of(&all, p.model, q.model, token, PROMPT, ANSWER, 1));
    for (int cut = 1; cut < ANSWER; cut += 37) {
        assert_ok(divergence_of(&head, p.model, q.model, token, PROMPT, cut, 1));
        assert_ok(divergence_of(&tail, p.model, q.model, token, PROMPT + cut, ANSWER - cut, 1));
        assert_true(fabs(head.kl + tail.kl - all.kl) < 1e-9);
        assert_true(fabs(head.k1 + tail.k1 - all.k1) < 1e-9);
    }
    assert_ok(divergence_of(&one, p.model, p.model, token, PROMPT, ANSWER, 1));
    assert_true(one.kl == 0 && one.k1 == 0 && one.k3 == 0);
}

static void what_does_not_fit_is_refused(void **state)
{
    struct tiny_model other = tiny_make(&tiny[TINY_MISTRAL].shape);
    struct divergence got;
    int many[300] = {0};

    (void)state;
    assert_err(ERR_RANGE, divergence_of(&got, p.model, other.model, token, PROMPT, 2, 1));
    assert_err(ERR_RANGE, divergence_of(&got, p.model, q.model, many, 200, 100, 1));
    tiny_drop(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_is_the_sum_over_the_vocabulary),
                                       cmocka_unit_test(chunks_leave_no_token_out),
                                       cmocka_unit_test(what_does_not_fit_is_refused)};
    return cmocka_run_group_tests_name("divergence", tests, setup, teardown);
}
