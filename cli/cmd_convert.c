/* drover convert: a model as another kind of file: one that llama.cpp opens, or a Hugging Face
 * folder.
 *
 * How it works: the model is opened whole, whatever it is (a folder, a run, a GGUF, an adapter on
 * its base), and written by model_files; a GGUF is read back before it gets its name
 * (ggufmodel_write). What was written is told: its hash, which is `drover inspect`'s, how many
 * tensors of which type, and whatever is not as it was asked for. */
#include "base/fs.h"
#include "base/mem.h"
#include "base/say.h"
#include "cli/command.h"
#include "lm/file/gguf_mix.h"
#include "lm/file/ggufmodel_write.h"
#include "lm/file/model_files.h"
#include "lm/file/weights.h"

#include <stdlib.h>
#include <string.h>

struct convert_conf {
    char *to, *dtype, *out, *name, *pre;
};

static const struct conf_key keys[] = {
    CONF_TEXT(convert_conf, to, "gguf", "gguf, or folder (safetensors)"),
    CONF_TEXT(
        convert_conf, dtype, NULL,
        "of gguf f16 (unset), f32, bf16, q8_0, q6_k, q5_k, q4_k, q5_0, q5_1, q4_0, q4_1 or a "
        "mixture: q4_k_m, q4_k_s, q5_k_m, q5_k_s; of a folder bfloat16 (unset) or float32"),
    CONF_TEXT(convert_conf, out, NULL, "file or folder to write; unset: NAME-DTYPE.gguf here"),
    CONF_TEXT(convert_conf, name, NULL, "general.name; unset: the model's own last name"),
    CONF_TEXT(convert_conf, pre, NULL,
              "tokenizer.ggml.pre; unset: found by the pre-tokenizer's pattern"),
    CONF_END,
};

/* "runs/a/model/" is called a: model and snapshots are no names. */
static char *name_of(const char *path)
{
    char *copy = mem_text(path), *last = copy, *name;

    for (;;) {
        size_t n = strlen(copy);

        while (n > 1 && copy[n - 1] == '/')
            copy[--n] = 0;
        last = strrchr(copy, '/');
        last = last ? last + 1 : copy;
        if (last == copy || strcmp(last, "model") != 0)
            break;
        *last = 0;
    }
    if (strlen(last) > 5 && !strcmp(last + strlen(last) - 5, ".gguf"))
        last[strlen(last) - 5] = 0;
    name = mem_text(*last ? last : "model");
    free(copy);
    return name;
}

/* What the file holds, and what of it is otherwise than asked for. */
static void tell(const char *out, const struct ggufmodel_written *told,
                 const struct shape *shape)
{
    char text[HASH_TEXT];

    say(stdout, "%s  weights %s  %.1f MB\n", out, hash_text(text, &told->hash),
        told->bytes / 1e6);
    for (size_t i = 0; i < sizeof told->count / sizeof *told->count; i++)
        if (told->count[i])
            say(stdout, "  %s: %d tensors\n", quant_kind((uint32_t)i)->name, told->count[i]);
    if (told->fell)
        say(stderr,
            "%d tensors have rows that are no whole blocks of their type: as with llama.cpp "
            "they "
            "got a type of smaller blocks\n",
            told->fell);
    if (told->context)
        say(stderr,
            "context_length is %d: llama.cpp has no sliding window for this model, and up to "
            "so "
            "many tokens it is the same without\n",
            told->context);
    for (int i = shape->eos_count - told->ends_cut; i < shape->eos_count; i++)
        say(stderr,
            "token %d ends an answer of this model, but not by a key of the file: GGUF has "
            "them "
            "for %d\n",
            shape->eos[i], shape->eos_count - told->ends_cut);
}

/* A name that was not asked for must not cost an older file. */
static enum err to_gguf(const struct convert_conf *conf, const struct model_files *files,
                        const char *model)
{
    const char *dtype = conf->dtype ? conf->dtype : "f16";
    char *name = conf->name ? mem_text(conf->name) : name_of(model);
    char *out = conf->out ? mem_text(conf->out) : mem_print("%s-%s.gguf", name, dtype);
    struct ggufmodel_written told;
    enum err err = OK;

    if (!conf->out && fs_exists(out))
        err =
            err_set(ERR_STATE, "%s is there: out=FILE says where to write, also over it", out);
    if (!err)
        err = model_files_save_gguf(&told, out, files, name, dtype, conf->pre);
    if (!err)
        tell(out, &told, &files->shape);
    free(name);
    free(out);
    return err;
}

/* A folder has more than one file: it is never guessed where it should be. */
static enum err to_folder(const struct convert_conf *conf, const struct model_files *files)
{
    const char *dtype = conf->dtype ? conf->dtype : "bfloat16";
    char text[HASH_TEXT];
    struct hash hash;
    enum err err = OK;

    if (!conf->out)
        err = err_set(ERR_RANGE, "to=folder: out=FOLDER says where");
    if (!err)
        err = model_files_save(conf->out, files, files->params, dtype);
    if (err)
        return err;
    hash = weights_write_hash(files->params, dtype);
    say(stdout, "%s  weights %s\n", conf->out, hash_text(text, &hash));
    return OK;
}

/* A word that means nothing is said before gigabytes are read. */
static enum err check(const struct convert_conf *conf)
{
    const bool gguf = !strcmp(conf->to, "gguf");

    if (!gguf && strcmp(conf->to, "folder") != 0)
        return err_set(ERR_RANGE, "to=%.20s: gguf and folder are written", conf->to);
    if (gguf && conf->dtype && !gguf_mix_find(conf->dtype))
        return err_set(ERR_RANGE, "dtype %.20s: GGUF is written as %s", conf->dtype,
                       gguf_mix_list());
    return OK;
}

static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct convert_conf conf = {0};
    struct model_files *files = NULL;
    enum err err;

    if (argc > 1 && !strcmp(argv[0], "--model")) { /* as the other commands have it */
        argc--;
        argv++;
    }
    if (argc < 1 || !strncmp(argv[0], "--", 2)) {
        *status = command_usage(command, argc ? argv[0] : NULL);
        return OK;
    }
    err = command_conf(keys, &conf, argc - 1, argv + 1);
    if (!err)
        err = check(&conf);
    if (!err)
        err = model_files_open(&files, argv[0], MODEL_FILES_ALL);
    if (!err)
        err =
            strcmp(conf.to, "gguf") ? to_folder(&conf, files) : to_gguf(&conf, files, argv[0]);
    model_files_free(files);
    command_conf_free(keys, &conf);
    return err;
}

const struct command cmd_convert = {
    .name = "convert",
    .group = "models",
    .usage = "M [to=gguf] [dtype=q4_k_m] [out=FILE]",
    .help = "a model as a file that llama.cpp opens, or as a folder",
    .run = run,
    .keys = keys,
};
