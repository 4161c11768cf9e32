#include "learner/round/round_report.h"

#include <assert.h>

void round_report_put(struct round_metrics *out, const char *name, double value)
{
    assert(out->n < ROUND_METRICS);
    out->metric[out->n].name = name;
    out->metric[out->n++].value = value;
}
