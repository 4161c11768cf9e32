#include "learner/offline/orpo.h"

#include "learner/objective/objective_orpo.h"
#include "learner/offline/direct.h"

struct orpo_keys {
    struct direct_keys direct;
    double beta;
};

static const struct conf_key table[] = {
    CONF_REAL(orpo_keys, beta, "0.1", 0, 1e9, "weight of the odds ratio"), CONF_END};

static const struct conf_key *const tables[] = {table, direct_table, keys_table_shared,
                                                keys_table_ignored, NULL};

enum err orpo_main(int argc, char **argv)
{
    struct orpo_keys conf = {0};
    struct objective_orpo_conf objective = {0};
    struct corpus_rule rule = {0};
    const struct prepare prepare = {.tables = tables,
                                    .objective = &objective_orpo,
                                    .objective_conf = &objective,
                                    .head = HEAD_LM,
                                    .encode = corpus_answers_pairs};
    enum err err = keys_read(tables, &conf, argc, argv, NULL);

    if (!err)
        err = direct_rule(&rule, &conf.direct);
    if (!err) {
        objective.beta = conf.beta;
        rule.prompt_too = true;
        err = prepare_run(&prepare, &conf, &rule);
    }
    conf_free(tables, &conf);
    return err;
}

void orpo_help(FILE *to)
{
    conf_help(tables, to);
}
