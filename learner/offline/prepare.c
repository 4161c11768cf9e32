/* From a command line to offline_run: keys, the method's own check, the start model's card,
 * records, token ids. It is the only place that knows all of these; each of them fails in words
 * for the user, and everything is freed here. */
#include "learner/offline/prepare.h"

#include "base/mem.h"
#include "base/say.h"
#include "data/example.h"
#include "learner/offline/offline.h"
#include "learner/run/origins.h"
#include "learner/run/start_model.h"
#include "lm/kernel/cores.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct prepare_parts {
    struct model_files *card;
    struct corpus *train, *test;
    char *eos;
    json_t *config, *unused;
};

static void parts_free(struct prepare_parts *parts)
{
    model_files_free(parts->card);
    corpus_free(parts->train);
    corpus_free(parts->test);
    free(parts->eos);
    json_decref(parts->config);
    json_decref(parts->unused);
}

/* What the method has no use for is said once. */
static void tell_unused(const json_t *unused)
{
    char *names = example_check_names(unused);

    if (*names)
        say(stderr, "data: not read: column(s) %s\n", names);
    free(names);
}

/* Training and held-out records by the same rule, but for packing, which an evaluation need
 * not have. */
static enum err encode_all(struct prepare *p, const struct keys *keys,
                           struct prepare_parts *parts)
{
    struct dataset_conf conf = keys_dataset(keys);
    struct corpus_rule held_out;
    struct dataset *train = NULL, *test = NULL;
    enum err err;

    conf.text_field = p->rule.text_field;
    p->rule.folder = keys->output_dir;
    err = dataset_load(&train, &test, &conf);

    /* Over both sets: what is not read in either is said once. */
    p->rule.unused = parts->unused = json_object();
    held_out = p->rule;
    held_out.packing = p->packing_test;
    if (!err)
        err = p->encode(&parts->train, train, &p->rule, "training");
    if (!err && test && keys->do_eval)
        err = p->encode(&parts->test, test, &held_out, "evaluation");
    if (!err)
        tell_unused(parts->unused);
    dataset_free(train);
    dataset_free(test);
    return err;
}

static enum err open_card(const struct keys *keys, struct corpus_rule *rule,
                          struct prepare_parts *parts)
{
    const int longest = conf_has_int(keys->max_length) ? keys->max_length : SHAPE_POSITIONS;
    enum err err = start_model_kwargs(keys);

    origins_keep(keys);
    if (!err)
        err = start_model_open(&parts->card, keys, MODEL_FILES_META, longest, &parts->eos);
    if (err)
        return err;
    start_model_kept_day(parts->config, keys);
    rule->encode =
        (struct encode){parts->card->tokenizer, parts->card->chat, parts->card->chat_error,
                        start_model_day(parts->config, parts->card)};
    rule->eos = parts->eos;
    rule->vocab = parts->card->shape.vocab;
    rule->bos = parts->card->shape.bos;
    rule->hh = keys->format && !strcmp(keys->format, "hh");
    rule->strict = keys->strict;
    rule->max_length = conf_has_int(keys->max_length) ? keys->max_length : 0;
    /* The model has no positions beyond its context: the smaller of the two holds. */
    if (rule->max_length > parts->card->shape.context)
        rule->max_length = parts->card->shape.context;
    return OK;
}

/* `config` is given up. */
static enum err run(const void *conf, struct prepare *p, json_t *config)
{
    const struct keys *keys = conf;
    struct offline_job job = {.keys = keys,
                              .objective = p->objective,
                              .objective_conf = p->objective_conf,
                              .head = p->head,
                              .reference = p->reference,
                              .judge = p->judge,
                              .see = p->see,
                              .self = p->self,
                              .coupled = p->coupled};
    struct prepare_parts parts = {.config = config};
    enum err err = keys_check(&job.plan, keys);

    if (!err)
        err = open_card(keys, &p->rule, &parts);
    if (!err)
        err = encode_all(p, keys, &parts);
    if (!err) {
        job.card = parts.card;
        job.train = parts.train;
        job.test = parts.test;
        job.config = parts.config;
        err = offline_run(&job);
    }
    parts_free(&parts);
    return err;
}

enum err prepare_main(const struct method *method, int argc, char **argv)
{
    void *conf = mem_new(1, method->size);
    struct prepare prepare = {0};
    enum err err = keys_read(method->tables, conf, argc, argv, NULL);
    json_t *config = err ? NULL : keys_resolved(method->tables, conf); /* as it was given */

    if (!err)
        cores_choose(((const struct keys *)conf)->threads);
    if (!err)
        err = method->check(conf, &prepare);
    if (!err)
        err = run(conf, &prepare, config);
    else
        json_decref(config);
    if (method->close)
        method->close(conf);
    conf_free(method->tables, conf);
    free(conf);
    return err;
}
