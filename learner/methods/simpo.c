/* simpo: preference by mean log-probability: keys of the authors' trainer (beta 2,
 * gamma_beta_ratio 0.25) and TRL's simpo_gamma, which wins when it is given. */
#include "learner/methods/direct.h"
#include "learner/objective/objective_simpo.h"

struct simpo {
    struct direct_keys direct;
    double beta, gamma_beta_ratio, simpo_gamma, label_smoothing, sft_weight;
    char *loss_type;
    struct objective_simpo_conf objective;
};

static const struct conf_key table[] = {
    CONF_REAL(simpo, beta, "2", 1e-9, 1e9, "scale of the difference of means"),
    CONF_REAL(simpo, gamma_beta_ratio, "0.25", -1e9, 1e9,
              "margin that the difference has to reach"),
    CONF_REAL(simpo, simpo_gamma, "", -1e9, 1e9, "the same times beta, as TRL says it"),
    CONF_TEXT(simpo, loss_type, "sigmoid", "sigmoid or hinge"),
    CONF_REAL(simpo, label_smoothing, "0", 0, 0.5, "share of labels taken for wrong"),
    CONF_REAL(simpo, sft_weight, "0", 0, 1e9, "weight of the chosen answers' likelihood"),
    CONF_END};

static const struct conf_key *const tables[] = {table, direct_table, keys_table_shared,
                                                keys_table_ignored, NULL};

static enum err check(void *method, struct prepare *out)
{
    static const char *const types[] = {"sigmoid", "hinge", NULL};
    struct simpo *conf = method;
    int type;
    enum err err = direct_check(out, &conf->direct);

    if (!err)
        err = conf_word(&type, "loss_type", conf->loss_type, types);
    if (err)
        return err;
    if (type && conf->label_smoothing > 0)
        return err_set(ERR_RANGE, "label_smoothing: loss_type hinge has none");
    conf->objective = (struct objective_simpo_conf){
        .beta = conf->beta,
        .gamma = conf_has_real(conf->simpo_gamma) ? conf->simpo_gamma
                                                  : conf->gamma_beta_ratio * conf->beta,
        .label_smoothing = conf->label_smoothing,
        .likelihood = conf->sft_weight,
        .hinge = type == 1,
    };
    out->objective = &objective_simpo;
    out->objective_conf = &conf->objective;
    return OK;
}

const struct method simpo_method = {
    .name = "simpo",
    .help = "preference by mean log-probability, without a reference",
    .tables = tables,
    .size = sizeof(struct simpo),
    .check = check};
