/* cpo: contrastive preference optimisation, by TRL's keys and defaults; loss_type simpo and
 * alphapo included. */
#include "learner/methods/direct.h"
#include "learner/objective/objective_cpo.h"

struct cpo {
    struct direct_keys direct;
    double beta, label_smoothing, cpo_alpha, simpo_gamma, alpha;
    char *loss_type;
    struct objective_cpo_conf objective;
};

static const struct conf_key table[] = {
    CONF_REAL(cpo, beta, "0.1", 1e-9, 1e9, "scale of the preference"),
    CONF_TEXT(cpo, loss_type, "sigmoid", "sigmoid, hinge, ipo, simpo or alphapo"),
    CONF_REAL(cpo, label_smoothing, "0", 0, 0.5, "share of labels taken for wrong"),
    CONF_REAL(cpo, cpo_alpha, "1", 0, 1e9, "weight of the chosen answers' likelihood"),
    CONF_REAL(cpo, simpo_gamma, "0.5", -1e9, 1e9, "margin of loss_type simpo"),
    CONF_REAL(cpo, alpha, "0", -1e3, 1e3, "bend of the reward (AlphaPO); 0: none"),
    CONF_END};

static const struct conf_key *const tables[] = {table, direct_table, keys_table_shared,
                                                keys_table_ignored, NULL};

/* TRL's loss types: the kinds; simpo, sigmoid of means; alphapo, simpo without a likelihood. */
enum { SIMPO = CPO_IPO + 1, ALPHAPO };

static enum err check(void *method, struct prepare *out)
{
    static const char *const types[] = {
        [CPO_SIGMOID] = "sigmoid", [CPO_HINGE] = "hinge", [CPO_IPO] = "ipo",
        [SIMPO] = "simpo",         [ALPHAPO] = "alphapo", [ALPHAPO + 1] = NULL};
    struct cpo *conf = method;
    int type;
    enum err err = direct_check(out, &conf->direct);

    if (!err)
        err = conf_word(&type, "loss_type", conf->loss_type, types);
    if (err)
        return err;
    if ((type == CPO_HINGE || type == CPO_IPO) && conf->label_smoothing > 0)
        return err_set(ERR_RANGE, "label_smoothing: loss_type %s has none", conf->loss_type);
    conf->objective = (struct objective_cpo_conf){
        .kind = type >= SIMPO ? CPO_SIGMOID : (enum objective_cpo_kind)type,
        .mean = type >= SIMPO,
        .beta = conf->beta,
        .label_smoothing = conf->label_smoothing,
        .likelihood = type == ALPHAPO ? 0 : conf->cpo_alpha,
        .gamma = type >= SIMPO ? conf->simpo_gamma : 0,
        .alpha = conf->alpha,
    };
    out->objective = &objective_cpo;
    out->objective_conf = &conf->objective;
    return OK;
}

const struct method cpo_method = {.name = "cpo",
                                  .help = "contrastive preference optimisation",
                                  .tables = tables,
                                  .size = sizeof(struct cpo),
                                  .check = check};
