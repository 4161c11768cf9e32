/* How it works: the files are read by the tokenizer's own loaders, and what they make is written
 * as a tokenizer.json: from there on such a folder is like any other, and a model saved from it
 * has the one file. SentencePiece's file goes first, as in transformers. */

#include "lm/file/slow_folder.h"

#include "base/fs.h"
#include "base/mem.h"
#include "lm/text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES = 128 << 20 };

static char *name_of(const char *path, const char *name)
{
    return mem_print("%s/%s", path, name);
}

static bool has(const char *path, const char *name)
{
    char *full = name_of(path, name);
    const bool yes = fs_exists(full);

    free(full);
    return yes;
}

static const char *model_of(const char *path)
{
    return has(path, "tokenizer.model") ? "tokenizer.model"
           : has(path, "spiece.model")  ? "spiece.model"
                                        : NULL;
}

bool slow_folder_has(const char *path)
{
    return model_of(path) || (has(path, "vocab.json") && has(path, "merges.txt"));
}

static enum err read_model(struct tokenizer **out, const char *path, const char *name,
                           const json_t *config)
{
    char *full = name_of(path, name), *bytes = NULL;
    size_t n;
    enum err err = fs_read(&bytes, &n, full, FILE_BYTES);

    if (!err)
        err = tokenizer_spm(out, bytes, n, config, full);
    free(bytes);
    free(full);
    return err;
}

/* vocab.json and merges.txt, and added_tokens.json where older files keep what was added later.
 * Each is held against a limit before it is parsed; a key that comes twice is refused, for which
 * of its two ids was meant nobody can say. */
static enum err read_pair(struct tokenizer **out, const char *path, const json_t *config)
{
    char *vocab = NULL, *merges = NULL, *more = NULL;
    char *vocab_name = name_of(path, "vocab.json"), *merges_name = name_of(path, "merges.txt");
    char *added_name = name_of(path, "added_tokens.json");
    struct tokenizer_slow parts = {.config = config};
    json_error_t error;
    json_t *added = NULL;
    size_t n = 0;
    enum err err = fs_read(&vocab, &parts.vocab_bytes, vocab_name, FILE_BYTES);

    if (!err)
        err = fs_read(&merges, &parts.merges_bytes, merges_name, FILE_BYTES);
    if (!err && fs_exists(added_name)) {
        err = fs_read(&more, &n, added_name, FILE_BYTES);
        added = err ? NULL : json_loadb(more, n, JSON_REJECT_DUPLICATES, &error);
        if (!err && !json_is_object(added))
            err = err_set(ERR_PARSE, "%s: not an object", added_name);
    }
    if (!err) {
        parts.vocab = vocab;
        parts.merges = merges;
        parts.added = added;
        err = tokenizer_slow(out, &parts, path);
    }
    json_decref(added);
    free(vocab);
    free(merges);
    free(more);
    free(vocab_name);
    free(merges_name);
    free(added_name);
    return err;
}

enum err slow_folder_read(char **text, const char *path, const json_t *config)
{
    struct tokenizer *tokenizer = NULL;
    const char *name = model_of(path);
    size_t n;
    enum err err =
        name ? read_model(&tokenizer, path, name, config) : read_pair(&tokenizer, path, config);

    *text = NULL;
    if (!err)
        err = tokenizer_write(tokenizer, text, &n);
    tokenizer_free(tokenizer);
    return err;
}
