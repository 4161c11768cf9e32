/* What an iteration has gathered is handed to the method, which gives each figure its name here:
 * the names are those of TRL's trainer for that method, and they differ between trainers. */
#include "learner/iteration/iteration_report.h"

#include <assert.h>
#include <stdio.h>

void iteration_report_put(struct iteration_metrics *out, const char *name, double value)
{
    assert(out->n < ITERATION_METRICS);
    snprintf(out->metric[out->n].name, METRICS_NAME, "%s", name);
    out->metric[out->n++].value = value;
}
