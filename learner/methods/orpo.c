/* orpo: likelihood and preference in one, by TRL's keys and defaults. */
#include "learner/methods/direct.h"
#include "learner/objective/objective_orpo.h"

struct orpo {
    struct direct_keys direct;
    double beta;
    struct objective_orpo_conf objective;
};

static const struct conf_key table[] = {
    CONF_REAL(orpo, beta, "0.1", 0, 1e9, "weight of the odds ratio"), CONF_END};

static const struct conf_key *const tables[] = {table, direct_table, keys_table_shared,
                                                keys_table_ignored, NULL};

static enum err check(void *method, struct prepare *out)
{
    struct orpo *orpo = method;

    orpo->objective.beta = orpo->beta;
    out->objective = &objective_orpo;
    out->objective_conf = &orpo->objective;
    out->rule.prompt_too = true;
    return direct_check(out, &orpo->direct);
}

const struct method orpo_method = {.name = "orpo",
                                   .help = "likelihood and preference in one",
                                   .tables = tables,
                                   .size = sizeof(struct orpo),
                                   .check = check};
