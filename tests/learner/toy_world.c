#include "tests/learner/toy_world.h"

#include "base/mem.h"
#include "base/rng.h"
#include "learner/iteration/iteration_batch.h"
#include "learner/objective/advantage.h"
#include "learner/objective/objective_sft.h"
#include "lm/gen/generate.h"
#include "tests/learner/planned.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 256, TABLE = 16 };
static const double beta = .5;

static void must(enum err err)
{
    if (err) {
        fprintf(stderr, "toy world: %s\n", err_text());
        assert(!err);
    }
}

static double normal(uint64_t seed, uint64_t table, int a, int b)
{
    return rng_normal(seed, RNG_WORLD, table, (uint32_t)a, (uint32_t)b);
}

/* DROVER_TOY_COMPUTE: in what it computes. DROVER_TOY_OPTIM: PPO's optim, of matrices of 4096 values. */
static struct shape shape_of(const struct toy_world *toy)
{
    const int wide = getenv("DROVER_TOY_OPTIM") ? 2 : 1;
    enum precision compute;

    must(precision_named(&compute, getenv("DROVER_TOY_COMPUTE")));
    return (struct shape){.family = FAMILY_LLAMA,
                          .head = HEAD_LM,
                          .compute = compute,
                          .layers = 2,
                          .width = 32 * wide,
                          .heads = 2,
                          .kv_heads = 2,
                          .head_dim = 16 * wide,
                          .ffn = 96,
                          .vocab = toy->vocab,
                          .context = 16,
                          .norm_eps = 1e-5f,
                          .rope_theta = 10000,
                          .init_std = .15,
                          .bos = -1,
                          .pad = -1};
}

/* All answers in order of length, then of their tokens as a number. */
static void enumerate(struct toy_world *toy)
{
    const int letters = toy->varied ? toy->vocab - 1 : toy->vocab, T = toy->longest;
    int room = 0, power = 1;

    for (int k = 0; k <= T; k++, power *= letters)
        room += power;
    toy->answer = mem_new((size_t)room * (size_t)T, sizeof(int));
    toy->length = mem_new((size_t)room, sizeof(int));
    power = 1;
    for (int k = 0; k <= T; k++, power *= letters) {
        if (!toy->varied && k < T)
            continue;
        for (int code = 0; code < power; code++, toy->n++) {
            int *const y = toy->answer + (size_t)toy->n * (size_t)T;
            for (int t = k - 1, rest = code; t >= 0; t--, rest /= letters)
                y[t] = rest % letters;
            for (int t = k; t < T; t++)
                y[t] = toy->stop;
            toy->length[toy->n] = k < T ? k + 1 : T;
        }
    }
}

int toy_index(const struct toy_world *toy, const int *token, int n)
{
    const int letters = toy->varied ? toy->vocab - 1 : toy->vocab;
    int base = 0, power = 1, code = 0, k = 0;

    while (k < n && token[k] != toy->stop)
        code = code * letters + token[k++];
    for (int i = 0; toy->varied && i < k; i++, power *= letters)
        base += power;
    return base + code;
}

static double raw_reward(const struct toy_world *toy, uint64_t seed, int p, const int *y, int n)
{
    double r = toy->varied ? normal(seed, (uint64_t)(3000 + p), n, 0) : 0;

    for (int t = 0; t < n; t++) {
        r += normal(seed, (uint64_t)(1000 + p * TABLE + t), y[t], 0);
        if (t + 1 < n)
            r += normal(seed, (uint64_t)(2000 + p * TABLE + t), y[t], y[t + 1]);
    }
    return r;
}

/* Standardised; an answer without an end is worth -1, as a missing end is penalised. */
static void make_rewards(struct toy_world *toy, uint64_t seed)
{
    toy->reward = mem_new((size_t)toy->n * TOY_PROMPTS, sizeof(double));
    for (int p = 0; p < TOY_PROMPTS; p++) {
        double *const r = toy->reward + (size_t)p * (size_t)toy->n, sum = 0, square = 0;
        for (int i = 0; i < toy->n; i++)
            sum += r[i] =
                raw_reward(toy, seed, p, toy->answer + i * toy->longest, toy->length[i]);
        for (int i = 0; i < toy->n; i++)
            square += (r[i] - sum / toy->n) * (r[i] - sum / toy->n);
        for (int i = 0; i < toy->n; i++) {
            r[i] = (r[i] - sum / toy->n) / sqrt(square / (toy->n - 1));
            if (toy->varied && toy->answer[(i + 1) * toy->longest - 1] != toy->stop)
                r[i] = -1;
        }
    }
}

/* A token of the random language: softmax of a table row of (prompt, place, token before). */
static int speak(const struct toy_world *toy, uint64_t seed, int p, int t, int before,
                 uint64_t draw)
{
    double weight[8], sum = 0, u = rng_uniform(seed, RNG_WORLD, draw, (uint32_t)t, 7);

    for (int v = 0; v < toy->vocab; v++)
        sum += weight[v] = exp((toy->varied ? .8 : 1) *
                               normal(seed, (uint64_t)(4000 + p * TABLE + t), before, v));
    u *= sum;
    for (int v = 0; v < toy->vocab; v++) {
        u -= weight[v];
        if (u < 0)
            return v;
    }
    return toy->vocab - 1;
}

static void sft_step(struct trainable *step, const int *token, const int *seq)
{
    const struct objective_sft_conf conf = {0};
    const struct adamw adamw = {.9, .999, 1e-8, 0, OPTIM_ADAMW, {.nesterov = false}};
    const int n = seq[BATCH];
    float *const block = mem_new(4 * (size_t)n, sizeof(float));
    uint8_t *const learn = mem_new((size_t)n, 1);
    const struct batch batch = {.n = n, .n_seq = BATCH, .token = token, .seq = seq};
    const uint8_t *hit;

    for (int s = 0; s < BATCH; s++)
        memset(learn + seq[s] + 2, 1, (size_t)(seq[s + 1] - seq[s] - 2));
    must(trainable_forward(step, &batch, 1, block, block + n, NULL, &hit));
    const struct objective_in in = {.n = n,
                                    .n_seq = BATCH,
                                    .seq = seq,
                                    .learn = learn,
                                    .logprob = block,
                                    .entropy = block + n,
                                    .hit = hit,
                                    .normaliser = n - 2 * BATCH};
    struct objective_out out = {.dlogprob = block + 2 * n, .dentropy = NULL};
    objective_sft.run(&conf, &in, &out);
    trainable_backward(step, out.dlogprob, NULL, NULL);
    trainable_apply(step, &adamw, 1e-3, 1);
    free(learn);
    free(block);
}

/* The reference: a transformer that was trained a while on the random language. */
static void make_reference(struct toy_world *toy, uint64_t seed, int steps)
{
    const struct shape shape = shape_of(toy);
    const struct train_options options = {0};
    int token[BATCH * (TOY_LONGEST + 2)], seq[BATCH + 1];
    struct trainable *step;

    must(params_new(&toy->params, &shape));
    params_init(toy->params, seed, false);
    must(trainable_new(&step, toy->params, &options, NULL, 0));
    for (int i = 0; i < steps; i++) {
        int n = 0;
        for (int s = 0; s < BATCH; s++) {
            const uint64_t draw = (uint64_t)i * BATCH + (uint64_t)s;
            const int p = (int)(rng_uniform(seed, RNG_WORLD, draw, 0, 8) * TOY_PROMPTS);
            int before = toy->vocab;
            seq[s] = n;
            token[n++] = toy->vocab - 1;
            token[n++] = p;
            for (int t = 0; t < toy->longest && before != toy->stop; t++)
                token[n++] = before = speak(toy, seed + 1, p, t, before, draw);
        }
        seq[BATCH] = n;
        sft_step(step, token, seq);
    }
    struct params *kept;
    must(params_new(&kept, &shape));
    for (int i = 0; i < kept->n; i++) { /* in bfloat16 there is no block to copy */
        const struct tensor *t = &kept->tensor[i];
        float *const to = kept->data + t->at;
        const float *from = params_rows(toy->params, t, 0, t->rows, to);

        if (from != to)
            memcpy(to, from, (size_t)t->rows * (size_t)t->cols * sizeof *to);
    }
    trainable_free(step);
    toy->params = kept;
}

void toy_logprobs(const struct toy_world *toy, const struct model *model, double *out)
{
    const int T = toy->longest, slice = 256;
    int token[256 * (TOY_LONGEST + 2)], seq[257];
    float logprob[256 * (TOY_LONGEST + 2)];

    for (int at = 0; at < TOY_PROMPTS * toy->n; at += slice) {
        const int left = TOY_PROMPTS * toy->n - at, count = left < slice ? left : slice;
        int n = 0;
        for (int s = 0; s < count; s++) {
            const int i = (at + s) % toy->n;
            seq[s] = n;
            token[n++] = toy->vocab - 1;
            token[n++] = (at + s) / toy->n;
            for (int t = 0; t < toy->length[i]; t++)
                token[n++] = toy->answer[i * T + t];
        }
        seq[count] = n;
        must(forward_score(model, token, seq, count, 1, logprob, NULL, NULL));
        for (int s = 0; s < count; s++) {
            out[at + s] = 0;
            for (int i = seq[s] + 2; i < seq[s + 1]; i++)
                out[at + s] += (double)logprob[i];
        }
    }
}

void toy_new(struct toy_world **out, bool varied, uint64_t seed, int steps)
{
    struct toy_world *const toy = *out = mem_new(1, sizeof *toy);
    struct packed_layout *layout;

    toy->varied = varied;
    toy->vocab = varied ? 6 : 8;
    toy->stop = varied ? 5 : -1;
    toy->longest = varied ? 5 : 4;
    enumerate(toy);
    make_rewards(toy, seed);
    make_reference(toy, seed, steps);
    must(packed_layout_new(&layout, &toy->params->shape));
    must(mem_big(&toy->image, packed_size(&toy->params->shape), 1, "image"));
    packed_fill(toy->image, layout, toy->params);
    packed_layout_free(layout);
    must(model_new(&toy->model, &toy->params->shape, toy->image,
                   packed_size(&toy->params->shape)));
    toy->reference = mem_new((size_t)toy->n * TOY_PROMPTS, sizeof(double));
    toy_logprobs(toy, toy->model, toy->reference);
}

void toy_free(struct toy_world *toy)
{
    model_free(toy->model);
    free(toy->image);
    params_free(toy->params);
    free(toy->answer);
    free(toy->length);
    free(toy->reward);
    free(toy->reference);
    free(toy);
}

static void prompt_worth(struct toy_worth *out, const struct toy_world *toy, int p,
                         const double *logprob, double price)
{
    const double *const r = toy->reward + (size_t)p * (size_t)toy->n;
    const double *const ref = toy->reference + (size_t)p * (size_t)toy->n;
    double Z = 0;

    for (int i = 0; i < toy->n; i++)
        Z += exp(ref[i] + r[i] / price);
    for (int i = 0; i < toy->n; i++) {
        const double pi = exp(logprob[i]), best = ref[i] + r[i] / price - log(Z);
        out->mass += pi;
        out->reward += pi * r[i];
        out->kl += pi * (logprob[i] - ref[i]);
        out->kl_best += pi * (logprob[i] - best);
        out->kl_opt += exp(best) * (best - ref[i]);
        out->length += pi * toy->length[i];
        out->J_ref += exp(ref[i]) * r[i];
    }
    out->J_best += price * log(Z);
}

void toy_worth(struct toy_worth *out, const struct toy_world *toy, const struct model *model,
               double price)
{
    double *const logprob = mem_new((size_t)toy->n * TOY_PROMPTS, sizeof(double));
    double *const mean[] = {&out->mass,   &out->reward, &out->kl,    &out->kl_best,
                            &out->kl_opt, &out->length, &out->J_ref, &out->J_best};

    memset(out, 0, sizeof *out);
    toy_logprobs(toy, model, logprob);
    for (int p = 0; p < TOY_PROMPTS; p++)
        prompt_worth(out, toy, p, logprob + (size_t)p * (size_t)toy->n, price);
    for (size_t i = 0; i < sizeof mean / sizeof mean[0]; i++)
        *mean[i] /= TOY_PROMPTS;
    out->J = out->reward - price * out->kl;
    out->share = (out->J - out->J_ref) / (out->J_best - out->J_ref);
    free(logprob);
}

const char *toy_bug_name(enum toy_bug bug)
{
    static const char *const names[] = {"sound",
                                        "KL sign",
                                        "KL dropped",
                                        "shifted",
                                        "after-end unmasked",
                                        "whitening centred",
                                        "whitened"};

    return names[bug];
}

struct rollouts {
    const struct toy_world *toy;
    enum toy_bug bug;
    int prompt[BATCH][2];
    int token[BATCH][TOY_LONGEST];
    float behaviour[BATCH][TOY_LONGEST], reference[BATCH][TOY_LONGEST];
    struct iteration_rollout answer[BATCH];
};

static void keep(void *self, const struct generate_done *done)
{
    struct rollouts *const rollouts = self;
    const int i = (int)(done->task % BATCH);

    memcpy(rollouts->token[i], done->token, (size_t)done->n * sizeof(int));
    memcpy(rollouts->behaviour[i], done->logprob, (size_t)done->n * sizeof(float));
    rollouts->answer[i].n_token = done->n;
    rollouts->answer[i].ended = done->finish == FINISH_STOP;
}

/* log pi(token) of each answer's tokens under a model. */
static void score_answers(struct rollouts *rollouts, const struct model *model,
                          float out[BATCH][TOY_LONGEST])
{
    int token[BATCH * (TOY_LONGEST + 2)], seq[BATCH + 1], n = 0;
    float logprob[BATCH * (TOY_LONGEST + 2)];

    for (int i = 0; i < BATCH; i++) {
        seq[i] = n;
        token[n++] = rollouts->toy->vocab - 1;
        token[n++] = rollouts->prompt[i][1];
        for (int t = 0; t < rollouts->answer[i].n_token; t++)
            token[n++] = rollouts->token[i][t];
    }
    seq[BATCH] = n;
    must(forward_score(model, token, seq, BATCH, 1, logprob, NULL, NULL));
    for (int i = 0; i < BATCH; i++)
        memcpy(out[i], logprob + seq[i] + 2,
               (size_t)rollouts->answer[i].n_token * sizeof(float));
}

static void roll_out(struct rollouts *rollouts, struct generate *generate,
                     const struct model *model, uint64_t seed, int iteration)
{
    const struct toy_world *const toy = rollouts->toy;
    const struct generate_events events = {.done = keep, .self = rollouts};

    for (int i = 0; i < BATCH; i++) {
        const uint64_t task = (uint64_t)iteration * BATCH + (uint64_t)i;
        struct generate_job job = {.seed = seed, .task = task, .n = 1, .n_prompt = 2};
        rollouts->prompt[i][0] = toy->vocab - 1;
        rollouts->prompt[i][1] = (int)(rng_uniform(seed, RNG_WORLD, task, 0, 9) * TOY_PROMPTS);
        job.prompt = rollouts->prompt[i];
        job.sampling = (struct sampling){.temperature = 1, .top_p = 1, .max_new = toy->longest};
        if (toy->varied)
            job.sampling.stop[job.sampling.n_stop++] = toy->stop;
        must(generate_admit(generate, &job));
    }
    while (generate_room(generate) < BATCH) {
        int made;
        must(generate_step(generate, model, &events, &made));
    }
    for (int i = 0; i < BATCH; i++) {
        struct iteration_rollout *const answer = &rollouts->answer[i];
        const int row = toy_index(toy, rollouts->token[i], answer->n_token);
        answer->task = (uint64_t)i;
        answer->prompt = rollouts->prompt[i];
        answer->n_prompt = 2;
        answer->token = rollouts->token[i];
        answer->behaviour = rollouts->behaviour[i];
        answer->reference = rollouts->reference[i];
        answer->score = toy->reward[rollouts->prompt[i][1] * toy->n + row];
        if (rollouts->bug == TOY_UNMASKED) {
            for (int t = answer->n_token; t < toy->longest; t++)
                rollouts->token[i][t] = toy->stop;
            answer->n_token = toy->longest;
        }
    }
    if (rollouts->bug == TOY_UNMASKED)
        score_answers(rollouts, model, rollouts->behaviour);
    score_answers(rollouts, toy->model, rollouts->reference);
}

/* The bugs are put in by the linker (--wrap): what the learner calls goes through here. */
static enum toy_bug present;
double __real_kl_estimate(enum kl kind, double logprob, double reference);
double __wrap_kl_estimate(enum kl kind, double logprob, double reference);
void __real_advantage_whiten(float *x, const uint8_t *learn, int n, enum advantage_mean mean);
void __wrap_advantage_whiten(float *x, const uint8_t *learn, int n, enum advantage_mean mean);

double __wrap_kl_estimate(enum kl kind, double logprob, double reference)
{
    const double kl = __real_kl_estimate(kind, logprob, reference);

    return present == TOY_SIGN ? -kl : present == TOY_NO_KL ? 0 : kl;
}

void __wrap_advantage_whiten(float *x, const uint8_t *learn, int n, enum advantage_mean mean)
{
    __real_advantage_whiten(x, learn, n, present == TOY_CENTRED ? ADVANTAGE_CENTRED : mean);
}

/* Every answer's advantages one place later; its last comes first. */
static void (*assign_sound)(const void *method, struct iteration_batch *batch, double price);
static void assign_shifted(const void *method, struct iteration_batch *batch, double price)
{
    assign_sound(method, batch, price);
    for (size_t i = 0; i < batch->n; i++) {
        float *const a = batch->advantage + batch->at[i];
        const size_t n = batch->at[i + 1] - batch->at[i];
        const float last = a[n - 1];
        memmove(a + 1, a, (n - 1) * sizeof *a);
        a[0] = last;
    }
}

static struct iteration_conf conf_of(uint64_t seed, int iterations, enum toy_bug bug)
{
    const char *const optim = getenv("DROVER_TOY_OPTIM");
    struct iteration_conf conf = planned(
        "ppo", iterations,
        "critic_warmup=0;num_mini_batches=4;per_device_train_batch_size=64;kl_coef=%g;"
        "temperature=1;learning_rate=1e-3;adam_epsilon=1e-5;gradient_checkpointing=false;"
        "whiten_rewards=%s;optim=%s",
        beta, bug == TOY_CENTRED || bug == TOY_WHITENED ? "true" : "false",
        optim ? optim : "adamw_torch");

    conf.strict = true;
    conf.seed = seed;
    assign_sound = conf.assign;
    if (bug == TOY_SHIFTED)
        conf.assign = assign_shifted;
    return conf;
}

static void one_iteration(struct iteration_state *ppo, const struct rollouts *rollouts)
{
    struct iteration_metrics metrics;

    must(iteration_run(ppo, rollouts->answer, BATCH, 0, &metrics));
    assert(metrics.first.tokens > 0 && metrics.first.ratio_gap == 0);
    assert(metrics.first.approxkl == 0 && metrics.first.clipfrac == 0);
}

void toy_ppo(struct toy_worth *out, const struct toy_world *toy, uint64_t seed, int iterations,
             enum toy_bug bug)
{
    const struct iteration_conf round = conf_of(seed, iterations, bug);
    struct rollouts *const rollouts = mem_new(1, sizeof *rollouts);
    struct iteration_state *ppo;
    struct generate *generate;
    struct params *params;
    struct model *model;
    size_t bytes;

    rollouts->toy = toy;
    rollouts->bug = present = bug;
    must(params_new(&params, &toy->params->shape));
    memcpy(params->data, toy->params->data, params->count * sizeof(float));
    must(iteration_new(&ppo, &round, params, NULL));
    const float *const image = iteration_image(ppo, &bytes);
    must(model_new(&model, &toy->params->shape, image, bytes));
    must(generate_new(&generate, &toy->params->shape, BATCH, 8, NULL));
    for (int i = 0; i < iterations; i++) {
        roll_out(rollouts, generate, model, seed, i);
        one_iteration(ppo, rollouts);
        model_changed(model); /* it is of the image that has just moved */
    }
    toy_worth(out, toy, model, beta);
    generate_free(generate);
    model_free(model);
    iteration_free(ppo);
    free(rollouts);
}
