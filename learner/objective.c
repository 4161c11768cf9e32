#include "learner/objective.h"

#include "learner/objective_reward.h"
#include "learner/objective_sft.h"

#include <assert.h>
#include <string.h>

const struct objective *objective_find(const char *name)
{
    static const struct objective *const all[] = {&objective_sft, &objective_reward};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (!strcmp(all[i]->name, name))
            return all[i];
    return NULL;
}

void objective_metric(struct objective_out *out, const char *name, double sum, double weight)
{
    assert(out->metrics < OBJECTIVE_METRICS);
    out->metric[out->metrics++] = (struct objective_metric){name, sum, weight};
}
