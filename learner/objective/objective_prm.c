/* How it works: the head's number z at a step's last token is the log-odds of its being right;
 * the loss is the cross-entropy with the label, made of ln sigmoid so that no probability is
 * rounded to 0 or 1 first. Called for each micro-batch. */
#include "learner/objective/objective_prm.h"

#include "learner/objective/logistic.h"

static double steps(const struct objective_in *in)
{
    double n = 0;

    for (int i = 0; i < in->n; i++)
        n += in->learn[i] == 1;
    return n;
}

/* A target may be soft: a share between wrong, 0, and right, 1. */
static void run(const void *conf, const struct objective_in *in, struct objective_out *out)
{
    double hits = 0, n = 0;

    (void)conf;
    out->loss = 0;
    out->metrics = 0;
    for (int i = 0; i < in->n; i++) {
        double slope = 0;
        if (in->learn[i] == 1) {
            const double z = (double)in->value[i], t = (double)in->target[i];
            out->loss += -t * logistic_log(z) - (1 - t) * logistic_log(-z);
            slope = (logistic_sigmoid(z) - t) / in->normaliser;
            hits += (z > 0) == (t > .5);
            n++;
        }
        if (out->dvalue)
            out->dvalue[i] = (float)slope;
    }
    out->loss /= in->normaliser;
    objective_metric(out, "accuracy", hits, n);
}

const struct objective objective_prm = {
    .name = "prm", .value = true, .group = 1, .count = steps, .run = run};
