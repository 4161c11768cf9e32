#include "learner/offline/cpo.h"

#include "learner/objective/objective_cpo.h"
#include "learner/offline/direct.h"

struct cpo_keys {
    struct direct_keys direct;
    double beta, label_smoothing, cpo_alpha, simpo_gamma, alpha;
    char *loss_type;
};

static const struct conf_key table[] = {
    CONF_REAL(cpo_keys, beta, "0.1", 1e-9, 1e9, "scale of the preference"),
    CONF_TEXT(cpo_keys, loss_type, "sigmoid", "sigmoid, hinge, ipo, simpo or alphapo"),
    CONF_REAL(cpo_keys, label_smoothing, "0", 0, 0.5, "share of labels taken for wrong"),
    CONF_REAL(cpo_keys, cpo_alpha, "1", 0, 1e9, "weight of the chosen answers' likelihood"),
    CONF_REAL(cpo_keys, simpo_gamma, "0.5", -1e9, 1e9, "margin of loss_type simpo"),
    CONF_REAL(cpo_keys, alpha, "0", -1e3, 1e3, "bend of the reward (AlphaPO); 0: none"),
    CONF_END};

static const struct conf_key *const tables[] = {table, direct_table, keys_table_shared,
                                                keys_table_ignored, NULL};

enum { ALPHAPO = CPO_SIMPO + 1 }; /* TRL's short name for simpo without a likelihood */

static enum err check(struct objective_cpo_conf *out, const struct cpo_keys *conf)
{
    static const char *const types[] = {
        [CPO_SIGMOID] = "sigmoid", [CPO_HINGE] = "hinge", [CPO_IPO] = "ipo",
        [CPO_SIMPO] = "simpo",     [ALPHAPO] = "alphapo", [ALPHAPO + 1] = NULL};
    int type;
    enum err err = direct_word(&type, "loss_type", conf->loss_type, types);

    if (err)
        return err;
    if ((type == CPO_HINGE || type == CPO_IPO) && conf->label_smoothing > 0)
        return err_set(ERR_RANGE, "label_smoothing: loss_type %s has none", conf->loss_type);
    *out = (struct objective_cpo_conf){
        .kind = type == ALPHAPO ? CPO_SIMPO : (enum objective_cpo_kind)type,
        .beta = conf->beta,
        .label_smoothing = conf->label_smoothing,
        .likelihood = type == ALPHAPO ? 0 : conf->cpo_alpha,
        .gamma = conf->simpo_gamma,
        .alpha = conf->alpha,
    };
    return OK;
}

enum err cpo_main(int argc, char **argv)
{
    struct cpo_keys conf = {0};
    struct objective_cpo_conf objective = {0};
    struct corpus_rule rule = {0};
    const struct prepare prepare = {.tables = tables,
                                    .objective = &objective_cpo,
                                    .objective_conf = &objective,
                                    .head = HEAD_LM,
                                    .encode = corpus_answers_pairs};
    enum err err = keys_read(tables, &conf, argc, argv, NULL);

    if (!err)
        err = direct_rule(&rule, &conf.direct);
    if (!err)
        err = check(&objective, &conf);
    if (!err)
        err = prepare_run(&prepare, &conf, &rule);
    conf_free(tables, &conf);
    return err;
}

void cpo_help(FILE *to)
{
    conf_help(tables, to);
}
