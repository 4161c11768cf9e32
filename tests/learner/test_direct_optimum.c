/* Worlds of a few answers, where the best policy is known: the direct methods' losses over the
 * whole population have their minimum there, and nowhere else when they are wrong. */
#include "learner/objective/objective_cpo.h"
#include "learner/objective/objective_dpo.h"
#include "learner/objective/objective_kto.h"
#include "learner/objective/objective_orpo.h"
#include "learner/objective/objective_simpo.h"
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

enum { MOST = 8, TOKENS = MOST * MOST * 8 };

enum optimum_bug { SOUND, NO_REFERENCE, SWAPPED };

/* Answers y with reward r, length, and reference probability; policy = softmax(z). */
struct optimum_world {
    int n, length[MOST];
    double r[MOST], ref[MOST];
    const struct objective *objective;
    const void *conf;
    enum optimum_bug bug;
};

static void softmax(double *p, const double *z, int n)
{
    double max = z[0], sum = 0;

    for (int i = 1; i < n; i++)
        max = fmax(max, z[i]);
    for (int i = 0; i < n; i++)
        sum += p[i] = exp(z[i] - max);
    for (int i = 0; i < n; i++)
        p[i] /= sum;
}

struct optimum_pairs {
    int n, n_seq, seq[MOST * MOST + 1], answer[MOST * MOST];
    float logprob[TOKENS], reference[TOKENS], slope[TOKENS], soft[MOST * MOST];
    uint8_t learn[TOKENS];
};

static void add(struct optimum_pairs *p, const struct optimum_world *w, int i, const double *pi,
                double vote)
{
    for (int t = 0; t < w->length[i]; t++, p->n++) {
        p->logprob[p->n] = (float)(log(pi[i]) / w->length[i]);
        p->reference[p->n] = (float)(log(w->ref[i]) / w->length[i]);
        p->learn[p->n] = 1;
    }
    p->answer[p->n_seq] = i;
    p->soft[p->n_seq++] = (float)vote;
    p->seq[p->n_seq] = p->n;
}

/* Every pair once, with the Bradley-Terry share of its votes. grad [n] in z, out. */
static double population(const struct optimum_world *w, const double *z, double *grad)
{
    static struct optimum_pairs p;
    struct objective_out out = {.dlogprob = p.slope};
    double pi[MOST], sum = 0;

    memset(&p, 0, sizeof(p));
    softmax(pi, z, w->n);
    for (int i = 0; i < w->n; i++)
        for (int j = i + 1; j < w->n; j++) {
            const double d = w->bug == SWAPPED ? w->r[j] - w->r[i] : w->r[i] - w->r[j];
            add(&p, w, i, pi, 1 / (1 + exp(-d)));
            add(&p, w, j, pi, 1 / (1 + exp(-d)));
        }
    const struct objective_in in = {.n = p.n,
                                    .n_seq = p.n_seq,
                                    .seq = p.seq,
                                    .learn = p.learn,
                                    .logprob = p.logprob,
                                    .reference = w->bug == NO_REFERENCE ? NULL : p.reference,
                                    .seq_soft = p.soft,
                                    .normaliser = p.n_seq / 2};
    w->objective->run(w->conf, &in, &out);
    memset(grad, 0, (size_t)w->n * sizeof(*grad));
    for (int s = 0; s < p.n_seq; s++)
        for (int t = p.seq[s]; t < p.seq[s + 1]; t++)
            grad[p.answer[s]] += (double)p.slope[t] / w->length[p.answer[s]];
    for (int i = 0; i < w->n; i++)
        sum += grad[i];
    for (int i = 0; i < w->n; i++)
        grad[i] -= pi[i] * sum;
    return out.loss;
}

static double steepest(const struct optimum_world *w, const double *pi)
{
    double z[MOST], grad[MOST], most = 0;

    for (int i = 0; i < w->n; i++)
        z[i] = log(pi[i]);
    (void)population(w, z, grad);
    for (int i = 0; i < w->n; i++)
        most = fmax(most, fabs(grad[i]));
    return most;
}

/* Descent from the reference. pi [n] out; the largest gap to `best`. */
static double descend(const struct optimum_world *w, double rate, const double *best)
{
    double z[MOST], grad[MOST], pi[MOST], gap = 0;

    for (int i = 0; i < w->n; i++)
        z[i] = log(w->ref[i]);
    for (int step = 0; step < 4000; step++) {
        (void)population(w, z, grad);
        for (int i = 0; i < w->n; i++)
            z[i] -= rate * grad[i];
    }
    softmax(pi, z, w->n);
    for (int i = 0; i < w->n; i++)
        gap = fmax(gap, fabs(pi[i] - best[i]));
    return gap;
}

static struct objective_dpo_conf dpo(enum objective_dpo_kind kind)
{
    return (struct objective_dpo_conf){
        .terms = 1, .term = {{kind, 1}}, .beta = .5, .ld_alpha = 1, .tau = .05};
}

static struct optimum_world three(const struct objective *objective, const void *conf)
{
    return (struct optimum_world){.n = 3,
                                  .length = {1, 2, 3},
                                  .r = {1, 0, -1},
                                  .ref = {.2, .3, .5},
                                  .objective = objective,
                                  .conf = conf};
}

/* pi* of r = (1, 0, -1), ref = (.2, .3, .5), beta = .5, in double precision. */
static const double best[] = {.80077385, .16255943, .03666671};

static void dpo_finds_the_best_policy(void **state)
{
    const struct objective_dpo_conf conf = dpo(DPO_SIGMOID);
    const struct optimum_world w = three(&objective_dpo, &conf);
    (void)state;

    assert_true(steepest(&w, best) < 1e-6);
    assert_true(descend(&w, 20, best) < 2e-5);
}

/* The same of seven answers with random rewards: pi* by its formula. */
static void dpo_is_flat_at_the_best_policy_of_any_world(void **state)
{
    const struct objective_dpo_conf conf = dpo(DPO_SIGMOID);
    uint32_t seed = 1;
    (void)state;

    for (int turn = 0; turn < 20; turn++) {
        struct optimum_world w = {.n = 7, .objective = &objective_dpo, .conf = &conf};
        double pi[MOST], sum = 0;
        for (int i = 0; i < w.n; i++) {
            seed = seed * 1664525u + 1013904223u;
            w.r[i] = (double)(seed >> 8) / 0x1p23 - 1;
            w.length[i] = 1 + (int)(seed >> 29);
            seed = seed * 1664525u + 1013904223u;
            sum += w.ref[i] = .05 + (double)(seed >> 8) / 0x1p24;
        }
        for (int i = 0; i < w.n; i++)
            pi[i] = (w.ref[i] /= sum) * exp(w.r[i] / .5);
        sum = 0;
        for (int i = 0; i < w.n; i++)
            sum += pi[i];
        for (int i = 0; i < w.n; i++)
            pi[i] /= sum;
        assert_true(steepest(&w, pi) < 1e-6);
        assert_true(steepest(&w, w.ref) > 1e-3);
    }
}

/* exp(|y| (r + c) / beta) with c from the sum: beta = 2, lengths 1, 2, 3, c = -1.53985504. */
static void simpo_has_its_closed_form(void **state)
{
    static const double closed[] = {.76343482, .21441218, .02215300};
    const struct objective_simpo_conf simpo = {.beta = 2};
    const struct objective_cpo_conf cpo = {.mean = true, .beta = 2};
    const struct optimum_world a = three(&objective_simpo, &simpo),
                               b = three(&objective_cpo, &cpo);
    (void)state;

    assert_true(steepest(&a, closed) < 1e-6 && steepest(&b, closed) < 1e-6);
    assert_true(descend(&a, 5, closed) < 2e-5);
}

static void what_is_wrong_ends_elsewhere(void **state)
{
    const struct objective_dpo_conf sound = dpo(DPO_SIGMOID), mean = dpo(DPO_SIGMOID_NORM);
    struct optimum_world w = three(&objective_dpo, &sound);
    (void)state;

    w.bug = NO_REFERENCE;
    assert_true(descend(&w, 20, best) > .05 && steepest(&w, best) > 1e-3);
    w.bug = SWAPPED;
    assert_true(descend(&w, 20, best) > .5 && steepest(&w, best) > 1e-3);
    w.bug = SOUND;
    w.conf = &mean; /* means over tokens where sums belong */
    assert_true(descend(&w, 20, best) > .05 && steepest(&w, best) > 1e-3);
}

/* Five pairs at once, or as three and two, divided by the step's pairs or by their own. */
struct five {
    int seq[11];
    float logprob[30], reference[30], slope[30];
    uint8_t learn[30];
    int8_t label[10];
};

static void run(const struct objective *o, const void *conf, struct five *f, int from, int to,
                bool own)
{
    struct objective_in in = {.logprob = f->logprob + f->seq[from],
                              .reference = f->reference + f->seq[from],
                              .learn = f->learn + f->seq[from],
                              .seq_label = f->label + from,
                              .n = f->seq[to] - f->seq[from],
                              .n_seq = to - from};
    struct objective_out out = {.dlogprob = f->slope + f->seq[from]};
    int seq[11];

    for (int s = from; s <= to; s++)
        seq[s - from] = f->seq[s] - f->seq[from];
    in.seq = seq;
    in.normaliser = own ? o->count(&in) : o->group == 2 ? 5 : 10;
    if (o->count_tokens)
        in.step_tokens = own ? o->count_tokens(&in) : 14;
    o->run(conf, &in, &out);
}

static void micro_batches_add_up(void **state)
{
    static const int length[] = {2, 1, 4, 3, 1, 5, 3, 2, 4, 1};
    const struct objective_dpo_conf mixed = {
        .terms = 3,
        .term = {{DPO_SIGMOID, .8}, {DPO_IPO, .1}, {DPO_SFT, 1}},
        .beta = .2,
        .ld_alpha = .5};
    const struct objective_simpo_conf simpo = {.beta = 2, .gamma = .5, .likelihood = .1};
    const struct objective_cpo_conf cpo = {.beta = .1, .likelihood = 1};
    const struct objective_orpo_conf orpo = {.beta = .1};
    const struct objective_kto_conf kto = {.beta = .1, .desirable = 1, .undesirable = 1.5};
    const struct {
        const struct objective *objective;
        const void *conf;
    } all[] = {{&objective_dpo, &mixed},
               {&objective_simpo, &simpo},
               {&objective_cpo, &cpo},
               {&objective_orpo, &orpo},
               {&objective_kto, &kto}};
    (void)state;

    for (size_t m = 0; m < sizeof(all) / sizeof(all[0]); m++) {
        struct five f;
        float whole[30];
        memset(&f, 0, sizeof(f));
        for (int s = 0; s < 10; s++) {
            f.seq[s + 1] = f.seq[s] + length[s];
            f.label[s] = s % 3 == 0;
        }
        for (int i = 0; i < f.seq[10]; i++) {
            f.logprob[i] = -.3f - .07f * (float)((i * 7) % 11);
            f.reference[i] = -.35f - .06f * (float)((i * 5) % 13);
            f.learn[i] = 1;
        }
        run(all[m].objective, all[m].conf, &f, 0, 10, false);
        memcpy(whole, f.slope, sizeof(whole));
        run(all[m].objective, all[m].conf, &f, 0, 6, false);
        run(all[m].objective, all[m].conf, &f, 6, 10, false);
        assert_memory_equal(whole, f.slope, sizeof(whole)); /* to the last bit */
        run(all[m].objective, all[m].conf, &f, 0, 6, true);
        run(all[m].objective, all[m].conf, &f, 6, 10, true);
        assert_true(memcmp(whole, f.slope, sizeof(whole)) != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dpo_finds_the_best_policy),
        cmocka_unit_test(dpo_is_flat_at_the_best_policy_of_any_world),
        cmocka_unit_test(simpo_has_its_closed_form),
        cmocka_unit_test(what_is_wrong_ends_elsewhere),
        cmocka_unit_test(micro_batches_add_up),
    };

    return cmocka_run_group_tests_name("direct_optimum", tests, NULL, NULL);
}
