/* simpo: preference by mean log-probability: keys of the authors' trainer (beta 2,
 * gamma_beta_ratio 0.25) and TRL's simpo_gamma, which wins when it is given. */
#include "learner/methods/direct.h"
#include "learner/objective/objective_simpo.h"

struct simpo {
    struct direct_keys direct;
    double gamma_beta_ratio;
    int loss_type;
    struct objective_simpo_conf loss;
};

static const char *const loss_types[] = {"sigmoid", "hinge", NULL};

static const struct conf_key table[] = {
    CONF_REAL_AT(simpo, loss.beta, "beta", "2", 1e-9, 1e9, "scale of the difference of means"),
    CONF_REAL(simpo, gamma_beta_ratio, "0.25", -1e9, 1e9,
              "margin that the difference has to reach"),
    CONF_REAL_AT(simpo, loss.gamma, "simpo_gamma", "", -1e9, 1e9,
                 "the same times beta, as TRL says it"),
    CONF_WORD(simpo, loss_type, loss_types, "sigmoid", "sigmoid or hinge"),
    CONF_REAL_AT(simpo, loss.label_smoothing, "label_smoothing", "0", 0, 0.5,
                 "share of labels taken for wrong"),
    CONF_REAL_AT(simpo, loss.likelihood, "sft_weight", "0", 0, 1e9,
                 "weight of the chosen answers' likelihood"),
    CONF_END};

static const struct conf_key *const tables[] = {table, direct_table, keys_table_shared,
                                                keys_table_ignored, NULL};

static enum err check(void *method, struct prepare *out)
{
    struct simpo *const simpo = method;
    struct objective_simpo_conf *const loss = &simpo->loss;

    loss->hinge = simpo->loss_type == 1;
    if (loss->hinge && loss->label_smoothing > 0)
        return err_set(ERR_RANGE, "label_smoothing: loss_type hinge has none");
    if (!conf_has_real(loss->gamma))
        loss->gamma = simpo->gamma_beta_ratio * loss->beta;
    out->objective = &objective_simpo;
    out->objective_conf = loss;
    return direct_check(out, &simpo->direct);
}

const struct method simpo_method = {
    .name = "simpo",
    .help = "preference by mean log-probability, without a reference",
    .tables = tables,
    .size = sizeof(struct simpo),
    .check = check};
