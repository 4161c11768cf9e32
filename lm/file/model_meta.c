/* A meta is config.json's object beside more keys: the tokenizer's and the template's texts, the
 * stops, for longrope which list the run chose, in what it
 * computes, and tokens that the template names. The object is read by the same
 * hfconfig that reads a folder: an actor that pulls a meta knows what the learner knows but the
 * weights, and checks it as it would a stranger's file. Keys are sorted and numbers have their
 * fewest digits, so its hash names it. */

#include "lm/file/model_meta.h"

#include "base/mem.h"
#include "lm/file/chat_tokens.h"
#include "lm/file/hfconfig.h"
#include "lm/file/hfconfig_write.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A tokenizer.json of the largest vocabularies takes tens of MB. */
enum { CARD_BYTES = 256 << 20, TOKENS_MAX = 512 };

/* Apart from the config, whose order is a file's: the first stop here is the tokenizer's own
 * (folder_tokens), and a reader without the tokenizer's files must have it first as well. */
static enum err read_stops(struct shape *shape, const json_t *stops, const char *name)
{
    json_t *wrapped = json_object();
    enum err err;

    shape->eos_count = 0; /* the config's are among them, in another order */
    json_object_set(wrapped, "eos_token_id", (json_t *)(uintptr_t)stops);
    err = hfconfig_generation(shape, wrapped, name);
    json_decref(wrapped);
    return err;
}

/* Which of longrope's lists the run that wrote this chose; of dynamic scaling, for how many tokens. */
static enum err read_reach(struct shape *shape, const json_t *rope, const char *name)
{
    const char *word = json_string_value(rope);

    if (shape->rope == ROPE_DYNAMIC) {
        const json_int_t longest = json_is_integer(rope) ? json_integer_value(rope) : 0;

        if (longest < shape->rope_original || longest > shape->rope_whole)
            return err_set(ERR_PARSE, "%s: rope: expected %d..%d tokens", name,
                           shape->rope_original, shape->rope_whole);
        shape_reach(shape, (int)longest);
        return OK;
    }
    if (shape->rope != ROPE_LONG)
        return rope ? err_set(ERR_PARSE, "%s: rope: this model has no lists of factors", name)
                    : OK;
    if (!word || (strcmp(word, "short") != 0 && strcmp(word, "long") != 0))
        return err_set(ERR_PARSE, "%s: rope: expected short or long", name);
    shape_reach(shape, strcmp(word, "long") ? 0 : shape->rope_whole);
    return OK;
}

/* What the run that wrote this computes in, nothing of float32; and what its answers are written in, where
 * that is not the same. */
static enum err read_compute(struct shape *shape, const json_t *card, const char *name)
{
    const json_t *compute = json_object_get(card, "compute");
    const json_t *answers = json_object_get(card, "generation");
    const char *word = json_string_value(compute), *coarse = json_string_value(answers);

    if (compute && (!word || precision_named(&shape->compute, word) ||
                    shape->compute == PRECISION_FLOAT32))
        return err_set(ERR_PARSE,
                       "%s: compute: this build knows bfloat16 and int8, beside float32", name);
    shape->answers_int8 = coarse && !strcmp(coarse, precision_name(PRECISION_INT8));
    if (answers && !(shape->answers_int8 && precision_halves(shape->compute)))
        return err_set(ERR_PARSE, "%s: generation: this build knows int8 of bfloat16 alone",
                       name);
    return OK;
}

/* A learner made this list of a file, and a stranger may have made the learner: names and texts,
 * no more of them than chat_tokens_named gives. */
static enum err read_tokens(json_t **out, json_t *tokens, const char *name)
{
    const char *key;
    json_t *value;
    bool good = !tokens || (json_is_object(tokens) && json_object_size(tokens) <= TOKENS_MAX);

    json_object_foreach(tokens, key, value) good &=
        json_is_string(value) || json_is_null(value);
    if (!good)
        return err_set(ERR_PARSE, "%s: tokens: expected a map of at most %d texts", name,
                       TOKENS_MAX);
    *out = json_incref(tokens);
    return OK;
}

enum err model_meta_read(struct model_meta *out, const char *text, size_t n, const char *name)
{
    const json_t *tokenizer, *template_text, *stops;
    json_t *card;
    enum err err;

    memset(out, 0, sizeof *out);
    if (n > CARD_BYTES)
        return err_set(ERR_RANGE, "%s: a card of %zu bytes, at most %d are read", name, n,
                       CARD_BYTES);
    err = hfconfig_parse(&card, text, n, name, 0);
    if (err)
        return err;
    tokenizer = json_object_get(card, "tokenizer");
    template_text = json_object_get(card, "template");
    stops = json_object_get(card, "stops");
    err = hfconfig_read(&out->shape, json_object_get(card, "config"), name);
    if (!err &&
        (!json_is_string(tokenizer) || !json_is_array(stops) ||
         (template_text && !json_is_null(template_text) && !json_is_string(template_text))))
        err = err_set(ERR_PARSE, "%s: no model card: tokenizer, template or stops", name);
    if (!err)
        err = read_reach(&out->shape, json_object_get(card, "rope"), name);
    if (!err)
        err = read_compute(&out->shape, card, name);
    if (!err)
        err = read_stops(&out->shape, stops, name);
    if (!err)
        err = read_tokens(&out->tokens, json_object_get(card, "tokens"), name);
    if (!err) {
        out->tokenizer = mem_text(json_string_value(tokenizer));
        if (json_is_string(template_text))
            out->template_text = mem_text(json_string_value(template_text));
    }
    json_decref(card);
    return err;
}

void model_meta_fini(struct model_meta *card)
{
    free(card->tokenizer);
    free(card->template_text);
    json_decref(card->tokens);
    memset(card, 0, sizeof *card);
}

enum err model_meta_write(const struct model_meta *card, char **out, size_t *n)
{
    json_t *json = json_object(), *stops = json_array();
    json_t *tokens = chat_tokens_asked(card->tokens, card->template_text);
    int bad = 0;

    *out = NULL;
    *n = 0;
    for (int i = 0; i < card->shape.eos_count; i++)
        json_array_append_new(stops, json_integer(card->shape.eos[i]));
    json_object_set_new(json, "config", hfconfig_write(&card->shape, "float32"));
    json_object_set_new(json, "stops", stops);
    if (card->shape.rope == ROPE_LONG)
        json_object_set_new(json, "rope", json_string(card->shape.rope_far ? "long" : "short"));
    if (card->shape.compute != PRECISION_FLOAT32)
        json_object_set_new(json, "compute", json_string(precision_name(card->shape.compute)));
    if (card->shape.answers_int8)
        json_object_set_new(json, "generation", json_string(precision_name(PRECISION_INT8)));
    if (tokens)
        json_object_set_new(json, "tokens", tokens);
    if (card->shape.rope == ROPE_DYNAMIC)
        json_object_set_new(json, "rope", json_integer(card->shape.context));
    /* jansson makes no string of what is not UTF-8, and setting that fails */
    bad |= json_object_set_new(json, "tokenizer", json_string(card->tokenizer));
    bad |= json_object_set_new(
        json, "template", card->template_text ? json_string(card->template_text) : json_null());
    if (!bad) {
        *out = hfconfig_text(json, JSON_COMPACT);
        *n = strlen(*out);
    }
    json_decref(json);
    return bad ? err_set(ERR_PARSE, "model card: tokenizer or template is not UTF-8") : OK;
}
