/* A path that exists is read; anything else is taken for a family's name, and the words of a
 * refusal speak of both, for it may have been a path with a slip in it. Called when a run has
 * chat_template_path (or chat_template, the text itself), after the model was opened, and when it
 * has an eos_token, which the template says, too. The meta is made anew, since actors chat by what
 * it says. */

#include "lm/file/chat_choice.h"

#include "base/fs.h"
#include "lm/file/chat_tokens.h"
#include "lm/file/folder.h"

#include <stdlib.h>

enum { TEMPLATE_MAX = 1 << 20 };

static enum err find(struct chat **out, const char *path, const json_t *tokens)
{
    char *text = NULL;
    size_t n;
    enum err err;

    if (!fs_exists(path)) {
        err = chat_named(out, path, tokens);
        return err ? err_add("no such file or folder, nor the name of a template") : OK;
    }
    err =
        fs_is_dir(path) ? folder_template(&text, path) : fs_read(&text, &n, path, TEMPLATE_MAX);
    if (!err)
        err = chat_open(out, text, tokens);
    if (!err && !*out)
        err = err_set(ERR_PARSE, "%s: an empty template", path);
    free(text);
    return err;
}

/* The choice stands before what the model said of its own template. */
static enum err taken(struct model_files *files, struct chat *chat)
{
    chat_free(files->chat);
    files->chat = chat;
    free(files->chat_error);
    files->chat_error = NULL;
    return model_files_make_meta(files);
}

enum err chat_choice(struct model_files *files, const char *path)
{
    json_t *tokens = chat_tokens(&files->shape, files->tokenizer, files->tokens);
    struct chat *chat = NULL;
    enum err err = find(&chat, path, tokens);

    json_decref(tokens);
    if (!err)
        err = taken(files, chat);
    return err ? err_add("chat_template_path") : OK;
}

enum err chat_choice_text(struct model_files *files, const char *text)
{
    json_t *tokens = chat_tokens(&files->shape, files->tokenizer, files->tokens);
    struct chat *chat = NULL;
    enum err err = chat_open(&chat, text, tokens);

    json_decref(tokens);
    if (!err)
        err = taken(files, chat);
    return err ? err_add("chat_template") : OK;
}

/* A template that could not be read before can be no better now, and keeps its words. */
enum err chat_choice_end(struct model_files *files, int id)
{
    struct chat *chat = NULL;
    json_t *tokens;
    enum err err;

    files->shape.eos[0] = id;
    if (!files->shape.eos_count)
        files->shape.eos_count = 1;
    json_object_del(files->tokens, "eos_token");
    if (!files->chat)
        return model_files_make_meta(files);
    tokens = chat_tokens(&files->shape, files->tokenizer, files->tokens);
    err = chat_open(&chat, chat_source(files->chat), tokens);
    json_decref(tokens);
    return err ? err : taken(files, chat);
}
