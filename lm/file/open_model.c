/* How it works: the files are read (model_files), the weights piece after piece packed as the
 * kernels want them, in bfloat16 where they are that: so a model is in memory once, and never
 * larger than its file makes it. Then the tokenizer, the template and the end token's text are put where the encoder
 * looks for them. For the programs that people type: an actor's weights come over the wire
 * instead.
 *
 * A template that says today's date would make the same prompt another one tomorrow: the date
 * is taken once, here, and told. */
#include "lm/file/open_model.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/say.h"
#include "lm/file/chat_choice.h"
#include "lm/text/reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Also after another template was chosen: its own end may be another. */
static void ready(struct open_model *out)
{
    const struct shape *shape = &out->files->shape;
    char day[CHAT_DATE_ROOM];

    out->encode.tokenizer = out->files->tokenizer;
    out->encode.kwargs = NULL;
    out->encode.chat = out->files->chat;
    out->encode.chat_error = out->files->chat_error;
    free(out->eos);
    out->eos = reading_end(out->files->tokenizer, shape->eos_count ? shape->eos[0] : -1);
    if (!chat_dated(out->encode.chat))
        return;
    chat_date(day, clock_wall_ms());
    json_decref(out->kwargs);
    out->kwargs = json_pack("{s:s}", "date_string", day);
    out->encode.kwargs = out->kwargs;
    say(stderr, "the chat template says today's date: %s\n", day);
}

/* An empty path is a key that was not given: the words say what may be. */
static enum err open_files(struct open_model *out, const char *path, enum model_files_want want,
                           enum precision compute)
{
    memset(out, 0, sizeof *out);
    if (!path || !*path)
        return err_set(ERR_RANGE, "which model? say --model M: a Hugging Face folder, a .gguf "
                                  "file or a run folder");
    return model_files_open_as(&out->files, path, want, compute);
}

enum err open_model_text(struct open_model *out, const char *path)
{
    enum err err = open_files(out, path, MODEL_FILES_META, PRECISION_FLOAT32);

    if (!err)
        ready(out);
    return err;
}

enum err open_model_chat(struct open_model *loaded, const char *path)
{
    enum err err = OK;

    if (!path || !*path)
        return OK;
    err = chat_choice(loaded->files, path);
    if (!err)
        ready(loaded);
    return err;
}

static enum err ready_model(struct open_model *out)
{
    const struct model_files *files = out->files;

    return model_new_as(&out->model, &files->shape, files->layout->store, files->image,
                        files->layout->size * sizeof *files->image);
}

/* The head is asked for: a reward model would generate, and a language model score, without
 * complaint. A process reward model's command takes a whole-answer one, too. */
static enum err check_head(const struct open_model *out, const char *path, enum head head)
{
    const struct shape *shape = &out->files->shape;

    if (shape->head != head && !(head == HEAD_STEP && shape->head == HEAD_SCALAR))
        return err_set(ERR_RANGE, "%s: %s", path,
                       head == HEAD_LM ? "a reward model; this command takes a language model"
                                       : "a language model; this command takes a reward model "
                                         "(`drover reward` trains one)");
    return OK;
}

enum err open_model_all(struct open_model *out, const char *path, enum head head,
                        const char *compute)
{
    enum precision as;
    enum err err = precision_named(&as, compute);

    memset(out, 0, sizeof *out);
    if (!err)
        err = open_files(out, path, MODEL_FILES_RUN, as);
    if (!err)
        err = check_head(out, path, head);
    if (!err) {
        ready(out);
        mem_trim(); /* what was read to make it */
        err = ready_model(out);
    }
    if (err)
        open_model_close(out);
    return err;
}

enum err open_model_card(struct open_model *out, struct model_files *files)
{
    memset(out, 0, sizeof *out);
    out->files = files;
    if (check_head(out, "the policy", HEAD_LM)) {
        open_model_close(out);
        return ERR_RANGE;
    }
    ready(out);
    return OK;
}

/* The image stays: only the frequencies and the context are made of the list. */
enum err open_model_reach(struct open_model *loaded, int longest)
{
    const struct shape *shape = &loaded->files->shape;
    enum err err;

    if (!shape_reaches(shape))
        return OK;
    err = model_files_reach(loaded->files, longest);
    if (err)
        return err;
    model_free(loaded->model); /* its frequencies are another list's */
    loaded->model = NULL;
    return ready_model(loaded);
}

void open_model_close(struct open_model *loaded)
{
    model_free(loaded->model);
    free(loaded->eos);
    json_decref(loaded->kwargs);
    model_files_free(loaded->files);
    memset(loaded, 0, sizeof *loaded);
}
