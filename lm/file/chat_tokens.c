/* Begun with the shape and the tokenizer, which every form of a model has: a folder, a GGUF file
 * and the card that actors pull. A folder's tokenizer_config.json says more, as transformers
 * hears it: tokens of other names, tokens by another text than config.json's ids, and that there
 * is none though config.json has an id. The difference alone is kept, and of that the names in
 * the template's text travel, so that a model without such a difference has the card it had. */
#include "lm/file/chat_tokens.h"

#include <string.h>

/* SPECIAL_TOKENS_ATTRIBUTES of transformers, which a template gets of every tokenizer. */
static const char *const standard[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                       "pad_token", "cls_token", "mask_token"};

enum { OWN_MAX = 256 }; /* names of a file that are looked at */

static void put(json_t *all, const char *name, const struct tokenizer *tokenizer, int id)
{
    const bool there = id >= 0 && id < tokenizer_count(tokenizer);
    size_t n = 0;
    const char *piece = there ? tokenizer_piece(tokenizer, id, &n) : NULL;

    if (piece)
        json_object_set_new(all, name, json_stringn(piece, n));
}

json_t *chat_tokens(const struct shape *shape, const struct tokenizer *tokenizer,
                    const json_t *named)
{
    json_t *all = json_object(), *value;
    const char *name;

    put(all, "bos_token", tokenizer, shape->bos);
    put(all, "eos_token", tokenizer, shape->eos_count ? shape->eos[0] : -1);
    put(all, "pad_token", tokenizer, shape->pad);
    json_object_foreach((json_t *)(uintptr_t)named, name, value)
    {
        if (json_is_null(value))
            json_object_del(all, name);
        else
            json_object_set(all, name, value);
    }
    return all;
}

/* A text or {"content": text}; NULL: neither. */
static json_t *text_of(json_t *value)
{
    json_t *content = json_is_object(value) ? json_object_get(value, "content") : value;

    return json_is_string(content) ? content : NULL;
}

static bool is_standard(const char *name)
{
    for (size_t i = 0; i < sizeof standard / sizeof *standard; i++)
        if (!strcmp(name, standard[i]))
            return true;
    return false;
}

/* Of an object, texts whose names end in _token (transformers takes those for tokens wherever
 * they stand), or all of them. */
static void put_own(json_t *named, const json_t *from, bool all)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)from, name, value)
    {
        const size_t n = strlen(name);
        const bool token = all || (n > 6 && !strcmp(name + n - 6, "_token"));

        if (token && !is_standard(name) && text_of(value) && json_object_size(named) < OWN_MAX)
            json_object_set(named, name, text_of(value));
    }
}

/* Where the class has no tokens of its own, a name that the file leaves out is none. An older
 * file, without added_tokens_decoder, may have them in special_tokens_map.json. */
static bool says_all(const json_t *config)
{
    const char *class = json_string_value(json_object_get(config, "tokenizer_class"));

    return class && json_object_get(config, "added_tokens_decoder") &&
           (!strcmp(class, "PreTrainedTokenizerFast") || !strcmp(class, "TokenizersBackend"));
}

json_t *chat_tokens_named(const json_t *config, const struct shape *shape,
                          const struct tokenizer *tokenizer)
{
    json_t *known = chat_tokens(shape, tokenizer, NULL), *named = json_object();

    for (size_t i = 0; json_is_object(config) && i < sizeof standard / sizeof *standard; i++) {
        json_t *value = json_object_get(config, standard[i]), *text = text_of(value);
        const json_t *was = json_object_get(known, standard[i]);
        const bool none = value ? json_is_null(value) : says_all(config);

        if (text && (!was || !json_equal(text, was)))
            json_object_set(named, standard[i], text);
        else if (was && none)
            json_object_set_new(named, standard[i], json_null());
    }
    put_own(named, config, false);
    put_own(named, json_object_get(config, "extra_special_tokens"), true);
    put_own(named, json_object_get(config, "model_specific_special_tokens"), true);
    json_decref(known);
    if (json_object_size(named))
        return named;
    json_decref(named);
    return NULL;
}

json_t *chat_tokens_asked(const json_t *named, const char *template_text)
{
    json_t *asked = NULL, *value;
    const char *name;

    json_object_foreach((json_t *)(uintptr_t)named, name, value)
    {
        if (!template_text || !strstr(template_text, name))
            continue;
        if (!asked)
            asked = json_object();
        json_object_set(asked, name, value);
    }
    return asked;
}
