#include "learner/prepare.h"

#include "base/fs.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { TEMPLATE_MAX = 1 << 20, CONFIG_MAX = 64 << 20 };

struct parts {
    struct bundle *card;
    struct corpus *train, *test;
    char *eos;
    json_t *config;
};

static void parts_free(struct parts *parts)
{
    bundle_free(parts->card);
    corpus_free(parts->train);
    corpus_free(parts->test);
    free(parts->eos);
    json_decref(parts->config);
}

/* The template's text out of a Jinja file, or out of a model folder. */
static enum err template_text(const char *path, char **text, size_t *n)
{
    char *file = fs_is_dir(path) ? mem_print("%s/chat_template.jinja", path) : mem_text(path);
    enum err err;

    if (fs_is_dir(path) && !fs_exists(file)) {
        json_t *config;
        free(file);
        file = mem_print("%s/tokenizer_config.json", path);
        err = fs_read(text, n, file, CONFIG_MAX);
        config = err ? NULL : json_loads(*text, 0, NULL);
        if (!err) {
            const char *found = json_string_value(json_object_get(config, "chat_template"));
            free(*text);
            *text = mem_text(found ? found : "");
            *n = strlen(*text);
        }
        json_decref(config);
    } else {
        err = fs_read(text, n, file, TEMPLATE_MAX);
    }
    free(file);
    return err;
}

static enum err take_template(struct bundle *card, const char *path)
{
    char *text = NULL;
    size_t n;
    enum err err = template_text(path, &text, &n);

    if (!err)
        err = chat_detect(&card->chat, text);
    free(text);
    if (!err) {
        free(card->chat_error);
        card->chat_error = NULL;
        err = bundle_make_card(card);
    }
    return err ? err_add("chat_template_path") : OK;
}

/* The end token: named in the configuration, or the model's first. *text NULL: none. */
static enum err take_eos(struct bundle *card, const char *name, char **text)
{
    int id = card->shape.eos_count ? card->shape.eos[0] : -1;
    const char *piece;
    enum err err;
    size_t n;

    *text = NULL;
    if (name) {
        id = tokenizer_id(card->tokenizer, name);
        if (id < 0)
            return err_set(ERR_RANGE, "eos_token: the tokenizer has no '%s'", name);
        card->shape.eos[0] = id;
        if (!card->shape.eos_count)
            card->shape.eos_count = 1;
        err = bundle_make_card(card);
        if (err)
            return err;
    }
    if (id < 0)
        return OK;
    piece = tokenizer_piece(card->tokenizer, id, &n);
    if (piece)
        *text = mem_print("%.*s", (int)n, piece);
    return OK;
}

static enum err encode_all(const struct prepare *p, const struct keys *keys,
                           const struct corpus_rule *rule, struct parts *parts)
{
    const struct dataset_conf conf = keys_dataset(keys);
    struct dataset *train = NULL, *test = NULL;
    enum err err = dataset_load(&train, &test, &conf);

    if (!err)
        err = p->encode(&parts->train, train, rule, "training");
    if (!err && test && keys->do_eval)
        err = p->encode(&parts->test, test, rule, "evaluation");
    dataset_free(train);
    dataset_free(test);
    return err;
}

enum err prepare_card(struct bundle **out, const struct keys *keys, enum bundle_want want,
                      char **eos)
{
    enum err err = bundle_open(out, keys->model_name_or_path, want);

    *eos = NULL;
    if (!err && keys->chat_template_path)
        err = take_template(*out, keys->chat_template_path);
    if (!err)
        err = take_eos(*out, keys->eos_token, eos);
    return err;
}

static enum err open_card(const struct keys *keys, struct corpus_rule *rule,
                          struct parts *parts)
{
    const enum err err = prepare_card(&parts->card, keys, BUNDLE_CARD, &parts->eos);

    if (err)
        return err;
    rule->encode =
        (struct encode){parts->card->tokenizer, parts->card->chat, parts->card->chat_error};
    rule->eos = parts->eos;
    rule->vocab = parts->card->shape.vocab;
    rule->bos = parts->card->shape.bos;
    rule->hh = keys->format && !strcmp(keys->format, "hh");
    rule->strict = keys->strict;
    rule->max_length = conf_has_int(keys->max_length) ? keys->max_length : 0;
    if (rule->max_length > parts->card->shape.context)
        rule->max_length = parts->card->shape.context;
    return OK;
}

enum err prepare_run(const struct prepare *prepare, const void *conf, struct corpus_rule *rule)
{
    const struct keys *keys = conf;
    struct offline offline = {.keys = keys,
                              .objective = prepare->objective,
                              .objective_conf = prepare->objective_conf,
                              .head = prepare->head,
                              .reference = prepare->reference,
                              .judge = prepare->judge,
                              .see = prepare->see,
                              .self = prepare->self};
    struct parts parts = {0};
    enum err err = keys_check(&offline.plan, keys);

    if (!err)
        err = open_card(keys, rule, &parts);
    if (!err)
        err = encode_all(prepare, keys, rule, &parts);
    if (!err) {
        parts.config = keys_resolved(prepare->tables, conf);
        offline.card = parts.card;
        offline.train = parts.train;
        offline.test = parts.test;
        offline.config = parts.config;
        err = offline_run(&offline);
    }
    parts_free(&parts);
    return err;
}
