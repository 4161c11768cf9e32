/* tokenize_lines: drives the tokenizer from a script, to compare it with others.
 *
 *     tokenize_lines FILE < lines      FILE: a tokenizer.json, GGUF metadata as JSON, a *.model of
 *                                      SentencePiece, or a folder's vocab.json
 *     tokenize_lines FILE --write      the tokenizer.json that tokenizer_write makes
 *     tokenize_lines --template NAME   the chat template of a family
 *
 * A line is one letter and bytes in hexadecimal: `s` encodes with special tokens, `p` as plain
 * text; `d` and `k` decode ids, four bytes each, low byte first, with and without specials.
 * The answer is one line: ids, or bytes in hexadecimal. */

#include "base/fs.h"
#include "base/mem.h"
#include "lm/text/chat.h"
#include "lm/text/tokenizer.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char **texts(const json_t *list, size_t *n)
{
    char **out;

    *n = json_array_size(list);
    out = mem_new(*n, sizeof *out);
    for (size_t i = 0; i < *n; i++)
        out[i] = mem_text(json_string_value(json_array_get(list, i)));
    return out;
}

static enum err from_gguf(struct tokenizer **out, const json_t *root)
{
    const json_t *types = json_object_get(root, "types");
    struct tokenizer_gguf parts = {.model = json_string_value(json_object_get(root, "model")),
                                   .pre = json_string_value(json_object_get(root, "pre")),
                                   .add_bos = json_is_true(json_object_get(root, "add_bos")),
                                   .bos =
                                       (int)json_integer_value(json_object_get(root, "bos"))};
    const json_t *scores = json_object_get(root, "scores");
    float *score = mem_new(json_array_size(types) + 1, sizeof *score);
    char **token = texts(json_object_get(root, "tokens"), &parts.tokens);
    char **merge = texts(json_object_get(root, "merges"), &parts.merges);
    int32_t *type = mem_new(parts.tokens, sizeof *type);
    enum err err;

    for (size_t i = 0; i < parts.tokens; i++)
        type[i] = (int32_t)json_integer_value(json_array_get(types, i));
    parts.token = (const char *const *)token;
    parts.merge = (const char *const *)merge;
    parts.type = type;
    for (size_t i = 0; i < parts.tokens; i++)
        score[i] = (float)json_number_value(json_array_get(scores, i));
    parts.score = scores ? score : NULL;
    parts.spaced = !json_is_false(json_object_get(root, "spaced"));
    parts.squeezed = json_is_true(json_object_get(root, "squeezed"));
    err = tokenizer_gguf(out, &parts, "gguf");
    for (size_t i = 0; i < parts.tokens; i++)
        free(token[i]);
    for (size_t i = 0; i < parts.merges; i++)
        free(merge[i]);
    free(token);
    free(merge);
    free(type);
    free(score);
    return err;
}

/* The file's neighbour of another name; NULL: there is none. */
static char *beside(const char *path, const char *name, size_t *n)
{
    const char *slash = strrchr(path, '/');
    char *full = mem_print("%.*s%s", slash ? (int)(slash + 1 - path) : 0, path, name);
    char *text = NULL;

    *n = 0;
    if (fs_exists(full) && fs_read(&text, n, full, 1u << 28))
        text = NULL;
    free(full);
    return text;
}

static enum err from_slow(struct tokenizer **out, const char *path, const char *text, size_t n)
{
    struct tokenizer_slow parts = {.vocab = text, .vocab_bytes = n};
    size_t config_n, added_n;
    char *merges = beside(path, "merges.txt", &parts.merges_bytes);
    char *config = beside(path, "tokenizer_config.json", &config_n);
    char *added = beside(path, "added_tokens.json", &added_n);
    json_t *config_json =
        config ? json_loadb(config, config_n, JSON_DECODE_INT_AS_REAL, NULL) : NULL;
    json_t *added_json = added ? json_loadb(added, added_n, 0, NULL) : NULL;
    enum err err;

    parts.merges = merges ? merges : "";
    parts.config = config_json;
    parts.added = added_json;
    err = tokenizer_slow(out, &parts, path);
    free(merges);
    free(config);
    free(added);
    json_decref(config_json);
    json_decref(added_json);
    return err;
}

static bool ends_in(const char *text, const char *suffix)
{
    const size_t n = strlen(text), m = strlen(suffix);

    return n >= m && !strcmp(text + n - m, suffix);
}

static enum err load(struct tokenizer **out, const char *path)
{
    json_t *root;
    char *text;
    size_t n;
    enum err err = fs_read(&text, &n, path, 1u << 28);

    if (err)
        return err;
    if (ends_in(path, ".model") || ends_in(path, "vocab.json")) {
        err = ends_in(path, ".model") ? tokenizer_spm(out, text, n, NULL, path)
                                      : from_slow(out, path, text, n);
        free(text);
        return err;
    }
    root = json_loadb(text, n, 0, NULL);
    err = json_object_get(root, "tokens") ? from_gguf(out, root)
                                          : tokenizer_json(out, text, n, path);
    json_decref(root);
    free(text);
    return err;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* By hand: sscanf would measure all that is left for each byte, and lines are a megabyte. */
static size_t unhex(char *text)
{
    size_t n = 0;

    for (; digit(text[2 * n]) >= 0 && digit(text[2 * n + 1]) >= 0; n++)
        text[n] = (char)(16 * digit(text[2 * n]) + digit(text[2 * n + 1]));
    return n;
}

static enum err answer(const struct tokenizer *tokenizer, char kind, const char *text, size_t n)
{
    int *ids = NULL;
    char *bytes = NULL;
    size_t count = n / 4;
    enum err err;

    if (kind == 'd' || kind == 'k') {
        ids = mem_new(count, sizeof *ids);
        memcpy(ids, text, 4 * count);
        err = tokenizer_decode(tokenizer, ids, count, kind == 'd', &bytes, &n);
        for (size_t i = 0; !err && i < n; i++)
            printf("%02x", (unsigned char)bytes[i]);
    } else {
        err = tokenizer_encode(tokenizer, text, n, kind == 's', &ids, &count);
        for (size_t i = 0; !err && i < count; i++)
            printf("%s%d", i ? " " : "", ids[i]);
    }
    free(ids);
    free(bytes);
    putchar('\n');
    fflush(stdout);
    return err;
}

static enum err print_template(const char *name)
{
    struct chat *chat;
    const enum err err = chat_named(&chat, name, NULL);

    if (!err)
        fputs(chat_source(chat), stdout);
    chat_free(chat);
    return err;
}

int main(int argc, char **argv)
{
    struct tokenizer *tokenizer = NULL;
    char *line = NULL;
    size_t room = 0, n;
    const bool template = argc > 2 && !strcmp(argv[1], "--template");
    enum err err = argc < 2   ? err_set(ERR_PARSE, "no file")
                   : template ? print_template(argv[2])
                              : load(&tokenizer, argv[1]);

    if (template) {
        ;
    } else if (!err && argc > 2) {
        err = tokenizer_write(tokenizer, &line, &n);
        if (!err)
            fwrite(line, 1, n, stdout);
    } else {
        while (!err && getline(&line, &room, stdin) > 0) {
            n = unhex(line + 1);
            err = answer(tokenizer, line[0], line + 1, n);
        }
    }
    if (err)
        fprintf(stderr, "%s\n", err_text());
    free(line);
    tokenizer_free(tokenizer);
    return err ? 1 : 0;
}
