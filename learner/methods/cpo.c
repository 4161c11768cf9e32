/* cpo: contrastive preference optimisation, by TRL's keys and defaults; loss_type simpo and
 * alphapo included. */
#include "learner/methods/direct.h"
#include "learner/objective/objective_cpo.h"

struct cpo {
    struct direct_keys direct;
    int loss_type;
    struct objective_cpo_conf loss;
};

/* TRL's loss types: the kinds; simpo, sigmoid of means; alphapo, simpo without a likelihood. */
enum { SIMPO = CPO_IPO + 1, ALPHAPO };
static const char *const loss_types[] = {
    [CPO_SIGMOID] = "sigmoid", [CPO_HINGE] = "hinge", [CPO_IPO] = "ipo",
    [SIMPO] = "simpo",         [ALPHAPO] = "alphapo", [ALPHAPO + 1] = NULL};

static const struct conf_key table[] = {
    CONF_REAL_AT(cpo, loss.beta, "beta", "0.1", 1e-9, 1e9, "scale of the preference"),
    CONF_WORD(cpo, loss_type, loss_types, "sigmoid", "sigmoid, hinge, ipo, simpo or alphapo"),
    CONF_REAL_AT(cpo, loss.label_smoothing, "label_smoothing", "0", 0, 0.5,
                 "share of labels taken for wrong"),
    CONF_REAL_AT(cpo, loss.likelihood, "cpo_alpha", "1", 0, 1e9,
                 "weight of the chosen answers' likelihood"),
    CONF_REAL_AT(cpo, loss.gamma, "simpo_gamma", "0.5", -1e9, 1e9, "margin of loss_type simpo"),
    CONF_REAL_AT(cpo, loss.alpha, "alpha", "0", -1e3, 1e3,
                 "bend of the reward (AlphaPO); 0: none"),
    CONF_END};

static const struct conf_key *const tables[] = {table, direct_table, keys_table_shared,
                                                keys_table_ignored, NULL};

/* simpo and alphapo are TRL's words for means, with and without a likelihood. */
static enum err check(void *method, struct prepare *out)
{
    struct cpo *const cpo = method;
    struct objective_cpo_conf *const loss = &cpo->loss;
    const int type = cpo->loss_type;

    if ((type == CPO_HINGE || type == CPO_IPO) && loss->label_smoothing > 0)
        return err_set(ERR_RANGE, "label_smoothing: loss_type %s has none", loss_types[type]);
    loss->mean = type >= SIMPO;
    loss->kind = loss->mean ? CPO_SIGMOID : (enum objective_cpo_kind)type;
    if (type == ALPHAPO)
        loss->likelihood = 0;
    if (!loss->mean)
        loss->gamma = 0;
    out->objective = &objective_cpo;
    out->objective_conf = loss;
    return direct_check(out, &cpo->direct);
}

const struct method cpo_method = {.name = "cpo",
                                  .help = "contrastive preference optimisation",
                                  .tables = tables,
                                  .size = sizeof(struct cpo),
                                  .check = check};
