/* How it works: it is objective_cpo's pair loss on means; this row only translates the keys. */
#include "learner/objective/objective_simpo.h"

#include "learner/objective/objective_cpo.h"
#include "learner/objective/objective_pair.h"

static void run(const void *conf, const struct objective_in *in, struct objective_out *out)
{
    const struct objective_simpo_conf *c = conf;
    const struct objective_cpo_conf means = {.kind = c->hinge ? CPO_HINGE : CPO_SIGMOID,
                                             .mean = true,
                                             .beta = c->beta,
                                             .label_smoothing = c->label_smoothing,
                                             .likelihood = c->likelihood,
                                             .gamma = c->gamma};

    objective_cpo_pairs(&means, in, out);
}

const struct objective objective_simpo = {.name = "simpo",
                                          .logprob = true,
                                          .entropy = true,
                                          .group = 2,
                                          .count = objective_pair_count,
                                          .count_tokens = objective_pair_tokens,
                                          .run = run};
