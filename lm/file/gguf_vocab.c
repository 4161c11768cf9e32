/* tokenizer.json is read once more as JSON, for its lists are what is wanted and not how it
 * tokenizes. GGUF has a token for each row of the embedding: ids that no token has become
 * "[PAD7]" of type unused. A pre-tokenizer has no patterns there but a name, which llama.cpp
 * knows: it is the one whose pattern, as pretoken_names reads that name, is this file's. Of a
 * SentencePiece vocabulary llama.cpp merges the pair whose token has the highest score, so a
 * token's score is the rank of the first merge that makes it, negative.
 *
 * ggufmodel_write calls it; what is written is what ggufmodel_tokenizer reads. */

#include "lm/file/gguf_vocab.h"

#include "base/mem.h"
#include "lm/file/hfconfig.h"
#include "lm/file/meta_write.h"
#include "lm/file/model_meta.h"
#include "lm/text/pretoken_names.h"
#include "lm/text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* llama.cpp's LLAMA_TOKEN_TYPE_… */
enum type { NORMAL = 1, UNKNOWN = 2, CONTROL = 3, USER = 4, UNUSED = 5, BYTE = 6 };
enum { PAD_ROOM = 32 };

struct gguf_lists {
    const json_t *model; /* tokenizer.json's */
    const char **token;  /* [n] borrowed, or in `pads` */
    int32_t *type;       /* [n] */
    char *pads;          /* [n * PAD_ROOM] */
    size_t n;
};

/* ---- which name a pre-tokenizer has
 *
 * A name is more than a pattern to llama.cpp: llama-bpe also takes a whole token before it merges,
 * and brings a BOS. So ignore_merges must be the same, too; NFC, which llama.cpp never does, only
 * decides between two names that cut alike. */

/* What cuts, in order: "split REGEX behavior" and so on, whatever else the file says. */
static void cuts_of(struct strbuf *to, const json_t *part)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    const json_t *pattern = json_object_get(part, "pattern");
    const char *regex = json_string_value(json_object_get(pattern, "Regex"));
    const char *text = json_string_value(json_object_get(pattern, "String"));
    const char *behavior = json_string_value(json_object_get(part, "behavior"));
    const json_t *regular = json_object_get(part, "use_regex");
    json_t *item;
    size_t i;

    json_array_foreach(json_object_get(part, "pretokenizers"), i, item) cuts_of(to, item);
    if (!type || !strcmp(type, "Sequence"))
        return;
    strbuf_print(to, "%s %s%s %s %d %d %d\n", type, regex ? "r" : "",
                 regex  ? regex
                 : text ? text
                        : "",
                 behavior ? behavior : "", json_is_true(json_object_get(part, "invert")),
                 json_is_true(json_object_get(part, "individual_digits")),
                 !strcmp(type, "ByteLevel") && !json_is_false(regular));
}

static char *cuts(const json_t *pre_tokenizer)
{
    struct strbuf buf = {0};

    strbuf_put(&buf, "", 0);
    cuts_of(&buf, pre_tokenizer);
    return buf.text;
}

/* llama.cpp's own spelling, the first of those that mean one pattern. */
static const char *const pres[] = {
    "gpt-2",       "smollm",         "llama-bpe", "qwen2",      "dbrx",   "deepseek-r1-qwen",
    "gpt-4o",      "tekken",         "falcon",    "bloom",      "viking", "superbpe",
    "deepseek-v3", "deepseek-coder", "default",   "seed-coder",
};

/* Whether the name cuts as `wanted` says and, with `all`, normalizes as well. */
static enum err means(bool *same, const char *name, const char *wanted, const json_t *root,
                      bool all)
{
    const json_t *model = json_object_get(root, "model");
    const bool whole = json_is_true(json_object_get(model, "ignore_merges"));
    const bool nfc = json_is_object(json_object_get(root, "normalizer"));
    struct pretoken_name known;
    enum err err = pretoken_names_find(&known, name);
    char *has = err ? NULL : cuts(known.pre_tokenizer);

    *same = has && !strcmp(has, wanted) && known.ignore_merges == whole &&
            (!all || known.nfc == nfc);
    free(has);
    if (!err)
        json_decref(known.pre_tokenizer);
    return err;
}

static enum err find_pre(const char **out, const json_t *root)
{
    const size_t n = sizeof pres / sizeof *pres;
    char *wanted = cuts(json_object_get(root, "pre_tokenizer"));
    enum err err = OK;
    bool same;

    *out = NULL;
    for (size_t i = 0; !*out && !err && i < 2 * n; i++) {
        err = means(&same, pres[i % n], wanted, root, i < n);
        if (!err && same)
            *out = pres[i % n];
    }
    free(wanted);
    if (!err && !*out)
        err =
            err_set(ERR_RANGE, "tokenizer.json: llama.cpp's name of this pre_tokenizer is not "
                               "known here; pre=NAME says it");
    return err;
}

/* ---- tokens */

/* A later word about an id wins: added tokens stand behind the vocabulary that may hold them. */
static enum err put_token(struct gguf_lists *lists, const char *text, const json_t *id,
                          enum type type)
{
    const json_int_t at = json_is_integer(id) ? json_integer_value(id) : -1;

    if (!text || at < 0 || (size_t)at >= lists->n)
        return err_set(ERR_PARSE, "tokenizer.json: a token's id is not below %zu", lists->n);
    lists->token[at] = text;
    lists->type[at] = type;
    return OK;
}

/* "<0x0A>" of a vocabulary that falls back to bytes. */
static bool is_byte(const char *text)
{
    return strlen(text) == 6 && !strncmp(text, "<0x", 3) && text[5] == '>';
}

/* A special token is CONTROL, which llama.cpp finds in a text only if it is asked to; one that is
 * not special is USER_DEFINED, which it always finds: the two sides of `special` here. */
static enum err take_tokens(struct gguf_lists *lists, const json_t *root, bool bytes)
{
    const char *text, *unk = json_string_value(json_object_get(lists->model, "unk_token"));
    json_t *id, *item;
    enum err err = OK;
    size_t i;

    json_object_foreach(json_object_get(lists->model, "vocab"), text, id) if (!err) err =
        put_token(lists, text, id, bytes && is_byte(text) ? BYTE : NORMAL);
    json_array_foreach(json_object_get(root, "added_tokens"), i, item) if (!err)
    {
        const bool special = json_is_true(json_object_get(item, "special"));

        text = json_string_value(json_object_get(item, "content"));
        err = put_token(lists, text, json_object_get(item, "id"),
                        bytes && text && unk && !strcmp(text, unk) ? UNKNOWN
                        : special                                  ? CONTROL
                                                                   : USER);
    }
    for (size_t k = 0; k < lists->n; k++)
        if (!lists->token[k]) {
            char *pad = lists->pads + k * PAD_ROOM;

            snprintf(pad, PAD_ROOM, "[PAD%zu]", k);
            lists->token[k] = pad;
            lists->type[k] = UNUSED;
        }
    return err;
}

/* ---- merges, and the scores that stand for them */

/* Both spellings: "left right" and ["left", "right"]. Free it; NULL: neither. */
static char *merge_text(const json_t *merge, bool joined)
{
    const char *whole = json_string_value(merge);
    const char *left = json_string_value(json_array_get(merge, 0));
    const char *right = json_string_value(json_array_get(merge, 1));
    const char *space = whole && *whole ? strchr(whole + 1, ' ') : NULL;

    if (space)
        return joined ? mem_print("%.*s%s", (int)(space - whole), whole, space + 1)
                      : mem_text(whole);
    if (!left || !right || (!joined && (strchr(left, ' ') || strchr(right, ' '))))
        return NULL;
    return mem_print(joined ? "%s%s" : "%s %s", left, right);
}

/* "left right", as every GGUF has them: a blank inside a token would cut it elsewhere. */
static enum err write_merges(struct meta_write *to, const json_t *merges)
{
    const size_t n = json_array_size(merges);
    char **text = mem_new(n ? n : 1, sizeof *text);
    enum err err = OK;

    for (size_t i = 0; i < n && !err; i++) {
        text[i] = merge_text(json_array_get(merges, i), false);
        if (!text[i])
            err = err_set(ERR_RANGE, "tokenizer.json: merge %zu: not two tokens without blanks",
                          i);
    }
    if (!err)
        meta_write_texts(to, "tokenizer.ggml.merges", (const char *const *)text, n);
    for (size_t i = 0; i < n; i++)
        free(text[i]);
    free(text);
    return err;
}

/* What no merge makes (characters, bytes, special tokens) is below all that one does. */
static enum err write_scores(struct meta_write *to, const struct gguf_lists *lists)
{
    const json_t *vocab = json_object_get(lists->model, "vocab");
    const json_t *merges = json_object_get(lists->model, "merges");
    const size_t n = json_array_size(merges);
    float *score = mem_new(lists->n, sizeof *score);
    enum err err = OK;

    for (size_t i = 0; i < lists->n; i++)
        score[i] = lists->type[i] == NORMAL ? -(float)n - 1 : 0;
    for (size_t i = n; i-- && !err;) {
        char *made = merge_text(json_array_get(merges, i), true);
        const json_t *id = made ? json_object_get(vocab, made) : NULL;

        if (json_is_integer(id) && (size_t)json_integer_value(id) < lists->n)
            score[json_integer_value(id)] = -(float)i;
        else
            err = err_set(ERR_PARSE, "tokenizer.json: merge %zu: makes no token", i);
        free(made);
    }
    if (!err)
        meta_write_reals(to, "tokenizer.ggml.scores", score, lists->n);
    free(score);
    return err;
}

/* ---- the whole */

static void write_id(struct meta_write *to, const char *key, int id)
{
    if (id >= 0)
        meta_write_int(to, key, (uint32_t)id);
}

/* llama.cpp has a key for each of the ways to end (text, turn, message): the order of stops.
 * A fourth has none: ggufmodel_write tells how many were left out. */
static void write_ids(struct meta_write *to, const struct model_meta *card,
                      const struct tokenizer *tokenizer)
{
    static const char *const stops[GGUF_VOCAB_ENDS] = {"tokenizer.ggml.eos_token_id",
                                                       "tokenizer.ggml.eot_token_id",
                                                       "tokenizer.ggml.eom_token_id"};
    const struct shape *shape = &card->shape;
    int bos = -1;
    const bool adds = tokenizer_adds_bos(tokenizer, &bos);

    write_id(to, "tokenizer.ggml.bos_token_id", shape->bos >= 0 ? shape->bos : bos);
    for (int i = 0; i < shape->eos_count && i < GGUF_VOCAB_ENDS; i++)
        write_id(to, stops[i], shape->eos[i]);
    write_id(to, "tokenizer.ggml.padding_token_id", shape->pad);
    meta_write_bool(to, "tokenizer.ggml.add_bos_token", adds);
    meta_write_bool(to, "tokenizer.ggml.add_eos_token", false);
    if (card->template_text)
        meta_write_text(to, "tokenizer.chat_template", card->template_text);
}

/* A blank before the text: the normalizer's Prepend, or Metaspace's scheme. */
static bool adds_blank(const json_t *part)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    const char *scheme = json_string_value(json_object_get(part, "prepend_scheme"));
    bool adds = type && !strcmp(type, "Prepend");
    json_t *item;
    size_t i;

    if (type && !strcmp(type, "Metaspace"))
        adds = !scheme || strcmp(scheme, "never") != 0;
    json_array_foreach(json_object_get(part, "normalizers"), i, item) adds =
        adds || adds_blank(item);
    json_array_foreach(json_object_get(part, "pretokenizers"), i, item) adds =
        adds || adds_blank(item);
    return adds;
}

static int find_token(const struct gguf_lists *lists, const char *text)
{
    for (size_t i = 0; text && i < lists->n; i++)
        if (!strcmp(lists->token[i], text))
            return (int)i;
    return -1;
}

/* Byte-level BPE, or a SentencePiece one that falls back to bytes. */
static enum err write_lists(struct meta_write *to, const struct gguf_lists *lists,
                            const json_t *root, bool bytes, const char *pre)
{
    enum err err = OK;

    if (!bytes && !pre)
        err = find_pre(&pre, root);
    if (err)
        return err;
    meta_write_text(to, "tokenizer.ggml.model", bytes ? "llama" : "gpt2");
    meta_write_text(to, "tokenizer.ggml.pre", bytes ? "default" : pre);
    meta_write_texts(to, "tokenizer.ggml.tokens", lists->token, lists->n);
    meta_write_ints(to, "tokenizer.ggml.token_type", lists->type, lists->n);
    write_id(to, "tokenizer.ggml.unknown_token_id",
             find_token(lists, json_string_value(json_object_get(lists->model, "unk_token"))));
    if (!bytes)
        return write_merges(to, json_object_get(lists->model, "merges"));
    meta_write_bool(to, "tokenizer.ggml.add_space_prefix",
                    adds_blank(json_object_get(root, "normalizer")) ||
                        adds_blank(json_object_get(root, "pre_tokenizer")));
    return write_scores(to, lists);
}

enum err gguf_vocab_write(struct meta_write *to, const struct model_meta *card,
                          const struct tokenizer *tokenizer, const char *pre)
{
    struct gguf_lists lists = {.n = (size_t)card->shape.vocab};
    const char *kind;
    json_t *root = NULL;
    bool bytes;
    enum err err =
        hfconfig_parse(&root, card->tokenizer, strlen(card->tokenizer), "tokenizer.json", 0);

    if (err)
        return err;
    lists.model = json_object_get(root, "model");
    kind = json_string_value(json_object_get(lists.model, "type"));
    bytes = json_is_true(json_object_get(lists.model, "byte_fallback"));
    lists.token = mem_new(lists.n, sizeof *lists.token);
    lists.type = mem_new(lists.n, sizeof *lists.type);
    lists.pads = mem_new(lists.n, PAD_ROOM);
    if (kind && strcmp(kind, "BPE") != 0) /* old files of BPE do not say it */
        err = err_set(ERR_RANGE, "tokenizer.json: a %.20s model is not written to GGUF; BPE is",
                      kind);
    if (!err)
        err = take_tokens(&lists, root, bytes);
    if (!err)
        err = write_lists(to, &lists, root, bytes, pre);
    if (!err)
        write_ids(to, card, tokenizer);
    free(lists.token);
    free(lists.type);
    free(lists.pads);
    json_decref(root);
    return err;
}
