/* The peak is measured once a process, when a figure is first asked for: behind the first steps, on the
 * thread and the threads that trained. On a machine that others use it is what they leave at best. int8's learner runs forward in int8 and backward in bfloat16, whose peak it is held against. */
#include "learner/run/throughput.h"

#include "lm/kernel/isa.h"
#include "lm/kernel/peak.h"
#include "lm/model/params.h"

#include <math.h>

enum { SLICES = 5 }; /* the best counts: what else runs comes and goes */
#define SLICE .01

void throughput_new(struct throughput *out, const struct params *params, bool adapter)
{
    *out = (struct throughput){.parameters = (double)params->count,
                               .learning = adapter ? 4 : 6,
                               .kind = params->shape.compute == PRECISION_FLOAT32 ? PEAK_FLOAT
                                                                                  : PEAK_BF16};
}

double throughput_peak(struct throughput *t)
{
    for (int i = 0; i < SLICES && !t->measured; i++)
        t->peak =
            fmax(t->peak, peak_products((enum peak_kind)t->kind, isa_current()->name, SLICE));
    t->measured = true;
    return t->peak;
}

void throughput_put(struct throughput *t, json_t *line, double tokens, double seconds)
{
    double rate;

    if (!(seconds > 0))
        return;
    rate = tokens / seconds;
    json_object_set_new(line, "train_tokens_per_second", json_real(rate));
    if (throughput_peak(t) > 0)
        json_object_set_new(line, "drover_train_peak",
                            json_real(t->learning * t->parameters * rate / t->peak));
}

double throughput_writes(struct throughput *t)
{
    return throughput_peak(t) / (2 * t->parameters);
}
