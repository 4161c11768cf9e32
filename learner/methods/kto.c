/* kto: learning from answers that are good or not, by TRL's keys and defaults. */
#include "learner/corpus/corpus_answers.h"
#include "learner/methods/direct.h"
#include "learner/objective/objective_kto.h"

#include <string.h>

struct kto {
    struct direct_keys direct;
    int loss_type;
    struct objective_kto_conf loss;
    struct reference_conf reference;
};

static const char *const loss_types[] = {"kto", "apo_zero_unpaired", NULL};

static const struct conf_key table[] = {
    CONF_TEXT(keys, train_sampling_strategy, "sequential",
              "sequential: loss_type kto pairs answers with their neighbours' prompts"),
    CONF_REAL_AT(kto, loss.beta, "beta", "0.1", 1e-9, 1e9, "price of a nat from the reference"),
    CONF_WORD(kto, loss_type, loss_types, "kto", "kto or apo_zero_unpaired"),
    CONF_REAL_AT(kto, loss.desirable, "desirable_weight", "1", 0, 1e6,
                 "weight of good answers"),
    CONF_REAL_AT(kto, loss.undesirable, "undesirable_weight", "1", 0, 1e6,
                 "weight of the others"),
    CONF_END};

static const struct conf_key *const tables[] = {
    table, direct_table, direct_table_reference, keys_table_shared, keys_table_ignored, NULL};

/* What Ethayarajh et al. 2024, eq. 8, advise for labels that are out of balance. */
static enum err encode(struct corpus **out, const struct dataset *set,
                       const struct corpus_rule *rule, const char *what)
{
    enum err err = corpus_answers_labelled(out, set, rule, what);
    size_t good = 0;

    if (err || strcmp(what, "training") != 0)
        return err;
    for (size_t i = 0; i < (*out)->n; i++)
        good += (*out)->label[i] == 1;
    fprintf(stderr, "labels: %zu good, %zu not", good, (*out)->n - good);
    if (good && good < (*out)->n) {
        const double odds = (double)((*out)->n - good) / (double)good;
        fprintf(stderr, "; desirable_weight / undesirable_weight is best in %.2f .. %.2f", odds,
                1.33 * odds);
    }
    fputc('\n', stderr);
    return OK;
}

static enum err check(void *method, struct prepare *out)
{
    struct kto *conf = method;
    const struct keys *keys = &conf->direct.keys;
    enum err err = direct_check(out, &conf->direct);

    if (!err)
        err = direct_reference(&conf->reference, &conf->direct);
    if (err)
        return err;
    conf->loss.anchored = conf->loss_type == 0;
    out->objective = &objective_kto;
    out->objective_conf = &conf->loss;
    out->reference = &conf->reference;
    out->encode = encode;
    if (!conf->loss.anchored)
        return OK;
    out->coupled = true;
    out->rule.block = keys->per_device_train_batch_size;
    if (out->rule.block < 2)
        return err_set(ERR_RANGE, "per_device_train_batch_size: 1: loss_type kto needs another "
                                  "answer in the batch to tell the drift from the reward");
    if (strcmp(keys->train_sampling_strategy, "sequential") != 0)
        return err_set(ERR_RANGE,
                       "train_sampling_strategy: '%s': only sequential with "
                       "loss_type kto, which pairs answers with their neighbours",
                       keys->train_sampling_strategy);
    return OK;
}

const struct method kto_method = {.name = "kto",
                                  .help = "learning from answers that are good or not",
                                  .tables = tables,
                                  .size = sizeof(struct kto),
                                  .check = check};
