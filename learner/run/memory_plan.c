/* How much is kept of a step is found by asking for less and less; each answer is exact.
 *
 * A plan is a question that is asked several times: of the run as it is, and, where that does not
 * fit, of the same run with what the user might say instead (activations computed again, one
 * token a micro-batch, an adapter). So whoever plans fills a struct once, and the other questions
 * are copies of it with one member changed: advice that would not help is never given. */
#include "learner/run/memory_plan.h"

#include "learner/run/advice.h"
#include "learner/step/ref_model.h"

#include <stdio.h>

static size_t training(const struct memory_plan *p, const struct shape *shape)
{
    const int tokens = (int)p->tokens;

    return p->packed && p->lora
               ? trainable_size_packed(shape, p->store, &p->options, p->lora, tokens)
               : trainable_size(shape, &p->options, p->lora, tokens);
}

/* Policy and critic take turns in the larger one's room. */
static size_t both(const struct memory_plan *p)
{
    const int tokens = (int)p->tokens;
    const size_t policy = trainable_size_shared(&p->policy, &p->options, p->lora, tokens);
    const size_t critic = trainable_size_shared(p->critic, &p->options, p->lora, tokens);

    return training(p, &p->policy) + training(p, p->critic) -
           (policy < critic ? policy : critic);
}

size_t memory_plan_size(const struct memory_plan *p)
{
    const size_t loading = p->packed && p->lora ? p->loading : 0;
    const size_t size = (p->critic ? both(p) : training(p, &p->policy)) +
                        p->n_images * ref_model_size(&p->policy);

    return (size > loading ? size : loading) + p->data;
}

/* Nothing is too little to be 0, which would be nobody's plan. */
static size_t keep_of(const struct memory_plan *p, int layers)
{
    const size_t keep = train_keep(&p->policy, (int)p->tokens, layers);

    return keep ? keep : 1;
}

static bool fits(const struct memory_plan *p, const struct keys_plan *allowed)
{
    const size_t size = memory_plan_size(p);
    const size_t few = trainable_size_quarter(packed_size(&p->policy));

    return size <= allowed->memory_roomy ||
           (p->options.keep <= few && size <= allowed->memory_bytes);
}

/* No bit depends on it, so another machine may keep more. */
void memory_plan_keep(struct memory_plan *p, const struct keys_plan *allowed,
                      char out[MEMORY_PLAN_WORDS])
{
    const int layers = p->policy.layers;
    int kept = layers;

    if (out)
        *out = 0;
    if (!p->options.checkpointing)
        return;
    p->options.keep = keep_of(p, kept);
    while (kept && !fits(p, allowed))
        p->options.keep = keep_of(p, --kept);
    if (out && kept < layers)
        snprintf(
            out, MEMORY_PLAN_WORDS,
            "%d of %d layers are computed again in backward: what they keep does not fit into "
            "%s%s",
            layers - kept, layers,
            allowed->memory_roomy < allowed->memory_bytes ? "half of " : "",
            allowed->memory_whose);
}

enum err memory_plan_check(const struct memory_plan *plan, const struct keys *k,
                           const struct keys_plan *allowed, const char *length_key)
{
    const struct lora_conf usual = {.r = k->lora_r, .alpha = k->lora_alpha};
    struct memory_plan recomputed = *plan, floor = *plan, adapter;

    recomputed.options.checkpointing = true;
    recomputed.options.keep = 1;
    /* What no smaller batch and no shorter length can save. */
    floor.tokens = 1;
    adapter = floor;
    adapter.lora = &usual;
    return advice_memory(&(struct advice_memory){
        .needs = memory_plan_size(plan),
        .has = allowed->memory_bytes,
        .recomputed = plan->options.checkpointing ? 0 : memory_plan_size(&recomputed),
        .floor = memory_plan_size(&floor),
        .lora_floor = plan->lora ? 0 : memory_plan_size(&adapter),
        .whose = allowed->memory_whose,
        .batch = k->per_device_train_batch_size,
        .tokens = plan->tokens,
        .length_key = length_key});
}
