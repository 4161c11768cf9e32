/* Five steps of AdamW on adapters against peft (tests/golden/lora_steps.py). */

#include "lm/model/lora.h"

#include "lm/optim/optim.h"
#include "tests/golden/lora_steps.inc"
#include "tests/lm/lora_fixture.h"
#include "tests/lm/optim_step.h"

/* As CASES of tests/golden/lora_steps.py; `b`: scale of B at the start. */
static const struct {
    struct lora_conf conf;
    float b;
} cases[SMALL_GOLDEN] = {
    {{.r = 4, .alpha = 8, .target = {"all-linear"}, .targets = 1}, 0.0f},
    {{.r = 3,
      .alpha = 5,
      .target = {"self_attn.o_proj", "down_proj"},
      .targets = 2,
      .save = {"lm_head", "embed_tokens"},
      .saves = 2},
     0.1f},
    {{.r = 8, .alpha = 4, .rslora = true}, 0.1f},
    {{.r = 4,
      .alpha = 16,
      .target = {"k_proj", "gate_proj", "model.layers.1.mlp.up_proj"},
      .targets = 3},
     0.1f},
};

static void close_to(double got, double want, double relative, const char *what, int i)
{
    if (!(fabs(got - want) <= relative * fabs(want)))
        fail_msg("%s %d: %.9g, not %.9g", what, i, got, want);
}

static void gradients_of_every_tensor(const struct lora_fixture *fixture,
                                      const struct lora_golden *golden)
{
    assert_int_equal(fixture->lora->weights->n, golden->n);
    for (int i = 0; i < golden->n; i++) {
        const struct tensor *t = &fixture->lora->weights->tensor[i];
        double square = 0.0, along = 0.0;

        for (uint32_t j = 0; j < (uint32_t)(t->rows * t->cols); j++) {
            const double g = (double)fixture->grad[t->at + j];
            square += g * g;
            along += g * (double)formula(j, 500 + (uint32_t)i);
        }
        close_to(sqrt(square), golden->grad[i][0], 2e-5, t->name, 0);
        if (fabs(along - golden->grad[i][1]) > 3e-5 * golden->grad[i][0])
            fail_msg("%s: along the formula %g, not %g", t->name, along, golden->grad[i][1]);
    }
}

static void steps_follow_peft(size_t c, struct train_options options)
{
    const struct lora_golden *golden = &lora_golden[c];
    const struct adamw adamw = {0.9, 0.999, 1e-8, 0.05, OPTIM_ADAMW, {.nesterov = false}};
    struct lora_fixture *fixture = lora_fixture_new(c, &cases[c].conf, cases[c].b, options);
    const size_t count = fixture->lora->weights->count;
    float *moments = calloc(2 * count, sizeof *moments);

    for (int step = 0; step < STEPS; step++) {
        memset(fixture->grad, 0, count * sizeof *fixture->grad);
        close_to(loss_of(fixture, step), golden->loss[step], step ? 1e-4 : 2e-6, "loss", step);
        back(fixture);
        if (step == 0)
            gradients_of_every_tensor(fixture, golden);
        close_to(optim_clip(fixture->grad, count, 1.0), golden->norm[step], step ? 3e-4 : 1e-5,
                 "norm", step);
        optim_step(&adamw, fixture->lora->weights, fixture->grad, moments, moments + count,
                   step + 1, 5e-3);
    }
    lora_merge(fixture->lora,
               fixture->small.params); /* the base is W now: B must not count twice */
    for (int i = 0; i < fixture->lora->weights->n; i++)
        if (strstr(fixture->lora->weights->tensor[i].name, "lora_B"))
            memset(fixture->lora->weights->data + fixture->lora->weights->tensor[i].at, 0,
                   (size_t)(fixture->lora->weights->tensor[i].rows *
                            fixture->lora->weights->tensor[i].cols) *
                       sizeof(float));
    close_to(loss_of(fixture, STEPS), golden->merged, 1e-4, "merged", 0);
    free(moments);
    lora_fixture_free(fixture);
}

static void with_all_kept(void **state)
{
    (void)state;
    for (size_t c = 0; c < SMALL_GOLDEN; c++)
        steps_follow_peft(c, (struct train_options){0});
}

static void with_checkpointing(void **state)
{
    (void)state;
    for (size_t c = 0; c < SMALL_GOLDEN; c++)
        steps_follow_peft(c, (struct train_options){.checkpointing = true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_all_kept),
        cmocka_unit_test(with_checkpointing),
    };
    return cmocka_run_group_tests_name("lora_steps", tests, NULL, NULL);
}
