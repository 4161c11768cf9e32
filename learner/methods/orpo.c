/* orpo: likelihood and preference in one, by TRL's keys and defaults. */
#include "learner/methods/direct.h"
#include "learner/objective/objective_orpo.h"

struct orpo {
    struct direct_keys direct;
    struct objective_orpo_conf loss;
};

static const struct conf_key table[] = {
    CONF_REAL_AT(orpo, loss.beta, "beta", "0.1", 0, 1e9, "weight of the odds ratio"), CONF_END};

static const struct conf_key *const tables[] = {table, direct_table, keys_table_shared,
                                                keys_table_ignored, NULL};

static enum err check(void *method, struct prepare *out)
{
    struct orpo *orpo = method;

    out->objective = &objective_orpo;
    out->objective_conf = &orpo->loss;
    out->rule.prompt_too = true;
    return direct_check(out, &orpo->direct);
}

const struct method orpo_method = {.name = "orpo",
                                   .help = "likelihood and preference in one",
                                   .tables = tables,
                                   .size = sizeof(struct orpo),
                                   .check = check};
