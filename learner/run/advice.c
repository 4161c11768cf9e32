/* How it works: memory has a part that no batch changes: weights, gradient, moments. If that
 * part alone is too much, naming the batch size would send people the wrong way. A loss stands
 * still when it moved by less than a thousandth of itself. */
#include "learner/run/advice.h"

#include <math.h>
#include <stdio.h>

/* Below it an adapter hardly moves: the defaults of dpo and grpo are rates for whole models. */
static const double lora_rate = 1e-5, still = 1e-3;

const char *advice_size(char out[ADVICE_SIZE], size_t bytes)
{
    static const char *const unit[] = {"kB", "MB", "GB", "TB"};
    double value = (double)bytes / 1e3;
    int i = 0;

    if (bytes < 1000) {
        snprintf(out, ADVICE_SIZE, "%zu bytes", bytes);
        return out;
    }
    for (; value >= 999.5 && i < 3; i++)
        value /= 1e3;
    snprintf(out, ADVICE_SIZE, "%.3g %s", value, unit[i]);
    return out;
}

/* No batch is small enough. */
static enum err whole(const struct advice_memory *m, const char *needs, const char *has)
{
    char floor[ADVICE_SIZE], lora[ADVICE_SIZE];

    advice_size(floor, m->floor);
    if (!m->lora_floor || m->lora_floor > m->has)
        return err_set(
            ERR_RANGE,
            "the plan needs %s, more than the %s of %s, %s of it whatever the batch: "
            "only a smaller model, or another machine (from %s on%s), can help",
            needs, has, m->whose, floor,
            m->lora_floor ? advice_size(lora, m->lora_floor) : floor,
            m->lora_floor ? ", by LoRA" : "");
    return err_set(ERR_RANGE,
                   "the plan needs %s, more than the %s of %s, %s of it whatever the batch: "
                   "use_peft=true (LoRA, from %s on) or a smaller model can help",
                   needs, has, m->whose, floor, advice_size(lora, m->lora_floor));
}

enum err advice_memory(const struct advice_memory *m)
{
    char needs[ADVICE_SIZE], has[ADVICE_SIZE], again[ADVICE_SIZE];

    if (m->needs <= m->has)
        return OK;
    advice_size(needs, m->needs);
    advice_size(has, m->has);
    if (m->recomputed && m->recomputed <= m->has)
        return err_set(ERR_RANGE,
                       "the plan needs %s, more than the %s of %s: gradient_checkpointing=true "
                       "makes it %s, at the price of time",
                       needs, has, m->whose, advice_size(again, m->recomputed));
    if (m->floor > m->has)
        return whole(m, needs, has);
    if (m->batch > 1)
        return err_set(ERR_RANGE,
                       "the plan needs %s, more than the %s of %s: lower "
                       "per_device_train_batch_size (%d) and raise gradient_accumulation_steps "
                       "as much, or lower %s (a micro-batch has up to %zu tokens)",
                       needs, has, m->whose, m->batch, m->length_key, m->tokens);
    return err_set(ERR_RANGE,
                   "the plan needs %s, more than the %s of %s: lower %s (a micro-batch of one "
                   "has up to %zu tokens)",
                   needs, has, m->whose, m->length_key, m->tokens);
}

void advice_rate(char out[ADVICE_WORDS], double learning_rate, bool lora)
{
    *out = 0;
    if (lora && learning_rate < lora_rate)
        snprintf(
            out, ADVICE_WORDS,
            "learning_rate %g moves an adapter little: LoRA wants 1e-5 or more, often 1e-4",
            learning_rate);
}

void advice_still(char out[ADVICE_WORDS], double first, double last, double learning_rate,
                  bool lora)
{
    *out = 0;
    if (!(fabs(last - first) <= still * fabs(first)))
        return;
    if (lora && learning_rate < lora_rate)
        snprintf(
            out, ADVICE_WORDS,
            "the loss did not move (%.4f, then %.4f): learning_rate is %g, LoRA wants 1e-5 "
            "or more",
            first, last, learning_rate);
    else
        snprintf(out, ADVICE_WORDS,
                 "the loss did not move (%.4f, then %.4f): is learning_rate %g too low, or the "
                 "run too short?",
                 first, last, learning_rate);
}
