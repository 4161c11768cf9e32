/* A window of prompts at a time goes to the sampler, as `drover generate` does it; each answer's
 * draws are fixed by the seed and the item's number. Items are added as their window is done, and
 * made durable with it. Where a model gives the same answer twice nobody can choose: that is
 * counted, and no item. */

#include "annotate/make_pairs.h"

#include "base/mem.h"
#include "data/dataset.h"
#include "data/record_kind.h"
#include "eval/json_lines.h"
#include "prefs/item.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 16, USUAL_TOKENS = 256 };

struct making_pairs {
    struct make_pairs *make;
    struct dataset *prompts;
    struct open_model loaded;
    struct sample_answers sampler;
    const char *name; /* of the model, as its folder is called */
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

/* Records of any kind that has a prompt will do: a preference set's prompts can be answered anew. */
static enum err prompt_of(json_t **out, const struct dataset *set, size_t row)
{
    json_t *record;
    enum record_kind kind;
    enum err err = dataset_record(&record, set, row);

    if (err)
        return err;
    err = record_kind_of(&kind, record);
    if (!err)
        err = record_kind_prompt(out, record, kind);
    if (err)
        dataset_at(set, row);
    json_decref(record);
    return err;
}

/* A zero byte is no character that anybody sees, and the store has no room for it. */
static json_t *text_of(const struct sample_answer *got)
{
    char *text = mem_new(got->bytes + 1, 1);
    size_t n = 0;
    json_t *out;

    for (size_t i = 0; i < got->bytes; i++)
        if (got->text[i])
            text[n++] = got->text[i];
    out = json_lines_text(text, n);
    free(text);
    return out;
}

/* Candidates in the order of their draws; which side each is shown on is the store's. */
static enum err add(struct making_pairs *job, const char *key, json_t *prompt, uint64_t number,
                    const struct sample_answer *got, int64_t now)
{
    const int n = job->make->answers;
    struct prefs_item item = {.key = mem_text(key),
                              .mode = n > 2 ? PREFS_RANK : PREFS_PAIR,
                              .prompt = json_incref(prompt),
                              .n = n,
                              .chance = 1};
    bool equal = true;
    int64_t id;
    enum err err = OK;

    for (int i = 0; i < n; i++) {
        struct prefs_candidate *c = &item.candidate[i];

        c->content = text_of(&got[i]);
        c->model = mem_text(job->name);
        c->meta = json_pack("{s:I, s:i, s:I}", "task", (json_int_t)number, "sample", i, "seed",
                            (json_int_t)job->sampler.seed);
        equal = equal && json_equal(c->content, item.candidate[0].content);
    }
    if (equal)
        job->make->equal++;
    else
        err = prefs_item_add(job->make->prefs, &id, &item, now);
    job->make->added += !equal && !err;
    prefs_item_free(&item);
    return err;
}

/* Items first..first+n that are not there. */
static enum err window(struct making_pairs *job, int first, int n, int64_t now)
{
    struct make_pairs *make = job->make;
    struct sample_answers_ask ask[WINDOW] = {{NULL, NULL, 0}};
    struct sample_answer *got = mem_new((size_t)(WINDOW * make->answers), sizeof *got);
    json_t *prompt[WINDOW] = {NULL};
    char *key[WINDOW] = {NULL};
    int wanted = 0, bad = 0;
    enum err err = OK;

    for (int i = first; i < first + n && !err; i++) {
        int64_t id;

        key[wanted] =
            mem_print("%s/%llu/%d", job->name, (unsigned long long)job->sampler.seed, i);
        if (!prefs_item_find(make->prefs, key[wanted], &id)) {
            make->there++;
            free(key[wanted]);
            key[wanted] = NULL;
            continue;
        }
        err = prompt_of(&prompt[wanted], job->prompts, (size_t)i % job->prompts->n);
        ask[wanted] = (struct sample_answers_ask){prompt[wanted], NULL, (uint64_t)i};
        wanted++;
    }
    if (!err && wanted)
        err = sample_answers_run(&job->sampler, ask, wanted, make->answers, got, &bad);
    for (int i = 0; i < wanted && !err; i++)
        err = add(job, key[i], prompt[i], ask[i].task, got + i * make->answers, now);
    for (int i = 0; i < WINDOW * make->answers; i++)
        sample_answers_free(&got[i]);
    for (int i = 0; i < WINDOW; i++) {
        free(key[i]);
        json_decref(prompt[i]);
    }
    free(got);
    if (!err && prefs_dirty(make->prefs))
        err = prefs_commit(make->prefs);
    return err;
}

/* Prompts first: a file that cannot be read is told before a model is loaded for minutes. */
static enum err open_all(struct making_pairs *job)
{
    const struct sampling_options *asked = job->make->asked;
    const struct dataset_conf conf = {.name = job->make->prompts,
                                      .train = "train",
                                      .test = "test",
                                      .test_size = NAN,
                                      .strict = true};
    struct dataset *test = NULL;
    enum err err = dataset_load(&job->prompts, &test, &conf);

    dataset_free(test);
    if (!err)
        err = open_model_all(&job->loaded, asked->model, HEAD_LM, asked->compute);
    if (!err)
        err = open_model_chat(&job->loaded, asked->chat_template_path);
    if (!err)
        err = open_model_reach(&job->loaded, asked->max_context);
    return err ? err
               : sampling_options_sampler(&job->sampler, &job->loaded, asked, USUAL_TOKENS);
}

enum err make_pairs(struct make_pairs *make, int64_t (*now)(void))
{
    struct making_pairs job = {.make = make, .name = base_name(make->asked->model)};
    enum err err = open_all(&job);

    make->added = make->there = make->equal = 0;
    for (int i = 0; i < make->pairs && !err; i += WINDOW) {
        const int n = make->pairs - i < WINDOW ? make->pairs - i : WINDOW;

        err = window(&job, i, n, now());
        if (make->step)
            make->step(make->self, (size_t)(i + n));
    }
    sample_answers_fini(&job.sampler);
    open_model_close(&job.loaded);
    dataset_free(job.prompts);
    return err;
}
