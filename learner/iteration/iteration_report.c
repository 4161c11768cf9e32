#include "learner/iteration/iteration_report.h"

#include <assert.h>

void iteration_report_put(struct iteration_metrics *out, const char *name, double value)
{
    assert(out->n < ITERATION_METRICS);
    out->metric[out->n].name = name;
    out->metric[out->n++].value = value;
}
