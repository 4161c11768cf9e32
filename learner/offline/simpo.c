#include "learner/offline/simpo.h"

#include "learner/objective/objective_simpo.h"
#include "learner/offline/direct.h"

struct simpo_keys {
    struct direct_keys direct;
    double beta, gamma_beta_ratio, simpo_gamma, label_smoothing, sft_weight;
    char *loss_type;
};

static const struct conf_key table[] = {
    CONF_REAL(simpo_keys, beta, "2", 1e-9, 1e9, "scale of the difference of means"),
    CONF_REAL(simpo_keys, gamma_beta_ratio, "0.25", -1e9, 1e9,
              "margin that the difference has to reach"),
    CONF_REAL(simpo_keys, simpo_gamma, "", -1e9, 1e9, "the same times beta, as TRL says it"),
    CONF_TEXT(simpo_keys, loss_type, "sigmoid", "sigmoid or hinge"),
    CONF_REAL(simpo_keys, label_smoothing, "0", 0, 0.5, "share of labels taken for wrong"),
    CONF_REAL(simpo_keys, sft_weight, "0", 0, 1e9, "weight of the chosen answers' likelihood"),
    CONF_END};

static const struct conf_key *const tables[] = {table, direct_table, keys_table_shared,
                                                keys_table_ignored, NULL};

static enum err check(struct objective_simpo_conf *out, const struct simpo_keys *conf)
{
    static const char *const types[] = {"sigmoid", "hinge", NULL};
    int type;
    enum err err = direct_word(&type, "loss_type", conf->loss_type, types);

    if (err)
        return err;
    if (type && conf->label_smoothing > 0)
        return err_set(ERR_RANGE, "label_smoothing: loss_type hinge has none");
    *out = (struct objective_simpo_conf){
        .beta = conf->beta,
        .gamma = conf_has_real(conf->simpo_gamma) ? conf->simpo_gamma
                                                  : conf->gamma_beta_ratio * conf->beta,
        .label_smoothing = conf->label_smoothing,
        .likelihood = conf->sft_weight,
        .hinge = type == 1,
    };
    return OK;
}

enum err simpo_main(int argc, char **argv)
{
    struct simpo_keys conf = {0};
    struct objective_simpo_conf objective = {0};
    struct corpus_rule rule = {0};
    const struct prepare prepare = {.tables = tables,
                                    .objective = &objective_simpo,
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

void simpo_help(FILE *to)
{
    conf_help(tables, to);
}
