/* drover data inspect: what a file is, which methods can use it, and what would be learnt of it.
 *
 * How it works: the first records of each file are turned as a trainer turns them that is told
 * nothing (or by format=), and each method's own reader is asked whether it takes them. Then one
 * record goes through the very code that trains: the method's check says what it learns, its
 * encoder makes token ids and their mask by the model's tokenizer and template, and the ids are
 * shown as text again, what is learnt between ⟦ and ⟧. Without a model there are no tokens, and
 * the record is shown as it is read. */
#include "base/mem.h"
#include "base/say.h"
#include "cli/data.h"
#include "data/lint_rule.h"
#include "data/rows.h"
#include "learner/methods/methods.h"
#include "learner/offline/prepare.h"
#include "lm/file/open_model.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LOOKED_AT = 1000 };

/* Keys of this command are empty texts when nobody gave them. */
static bool given(const char *text)
{
    return text && *text;
}

/* What the first records of a file give. */
struct data_inspect {
    const struct data_job *job;
    const char *path;
    json_t *raw, *made, *columns, *kinds, *formats;
    const char *refused; /* the first record that no format takes: its words */
};

/* One more under that name. */
static void count(json_t *counts, const char *name)
{
    json_object_set_new(counts, name,
                        json_integer(json_integer_value(json_object_get(counts, name)) + 1));
}

/* "text", "3 messages", "number": what a column holds, by one record. */
static void columns_of(json_t *columns, const json_t *row)
{
    static const char *const types[] = {"object", "list",  "text", "number",
                                        "number", "truth", "truth"};
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)row, name, value)
    {
        const bool messages = json_object_get(json_array_get(value, 0), "role") ||
                              json_object_get(json_array_get(value, 0), "from");
        if (!json_is_null(value) && !json_object_get(columns, name))
            json_object_set_new(columns, name,
                                json_string(messages ? "messages" : types[json_typeof(value)]));
    }
}

/* One row: what it is by its columns, and what a trainer gets of it. */
static void look(struct data_inspect *in, const json_t *row)
{
    struct format_rule rule = in->job->rule.format;
    json_t *list = json_array(), *item;
    size_t i;

    rule.untold = rule.format == FORMAT_AUTO;
    rule.text_field = in->job->conf.dataset_text_field;
    columns_of(in->columns, row);
    count(in->formats, format_name(format_of(row)));
    if (format_rows(list, row, &rule) && !in->refused)
        in->refused = mem_text(err_text());
    json_array_foreach(list, i, item)
    {
        enum record_kind kind;
        json_array_append(in->made, item);
        json_array_append(in->raw, (json_t *)(uintptr_t)row);
        count(in->kinds,
              record_kind_of(&kind, item) ? "none that is known" : record_kind_name(kind));
    }
    json_decref(list);
}

/* No more than that: a file may be larger than memory, and its first records say what it is. */
static enum err read_first(struct data_inspect *in)
{
    struct rows *rows;
    enum err err = rows_open(&rows, in->path);

    for (int i = 0; i < LOOKED_AT && !err; i++) {
        json_t *row = NULL;
        err = rows_next(rows, &row);
        if (err || !row)
            break;
        look(in, row);
        json_decref(row);
    }
    rows_close(rows);
    return err;
}

/* "what: name 3, name 4". */
static void show_counts(const char *what, const json_t *counts)
{
    const char *name;
    json_t *value;
    int i = 0;

    printf("  %-9s", what);
    json_object_foreach((json_t *)(uintptr_t)counts, name, value)
    {
        say(stdout, "%s%s ", i++ ? ", " : "", name);
        if (json_is_string(value))
            say(stdout, "(%s)", json_string_value(value));
        else
            printf("%lld", (long long)json_integer_value(value));
    }
    printf("\n");
}

/* How many of the records the method's reader takes; the words of the first refusal. */
static size_t taken(const struct data_inspect *in, const char *method, char **why)
{
    const bool hh = in->job->rule.format.format == FORMAT_HH;
    const struct data_conf *conf = &in->job->conf;
    struct lint_rule rule = {.hh = false};
    size_t i, n = 0;
    json_t *row;

    *why = NULL;
    if (lint_rule_method(&rule, method))
        return 0;
    json_array_foreach(hh ? in->raw : in->made, i, row)
    {
        const struct example_rule how = {rule.want, conf->dataset_text_field, hh, NULL};
        struct example e = {.kind = KIND_TEXT};
        enum record_kind kind;
        enum err err = OK;
        if (rule.want == RECORD_FOR_STEPS) {
            err = record_kind_of(&kind, row);
            if (!err && kind != KIND_STEPWISE)
                err = err_set(ERR_PARSE, "'completions' and 'labels' are missing");
        } else {
            err = example_read(&e, row, &how);
            if (!err && rule.want != RECORD_FOR_PROMPTS)
                err = rule.settle ? example_check_settle(&e) : example_check_filled(&e);
            example_free(&e);
        }
        n += !err;
        if (err && !*why)
            *why = mem_text(err_text());
    }
    return n;
}

/* The method that records like most of these are made for; NULL when they are of no kind. */
static const char *usual_method(const struct data_inspect *in)
{
    static const char *const names[] = {[RECORD_FOR_SFT] = "sft",
                                        [RECORD_FOR_PAIRS] = "dpo",
                                        [RECORD_FOR_PROMPTS] = "grpo",
                                        [RECORD_FOR_LABELS] = "kto",
                                        [RECORD_FOR_STEPS] = "prm"};
    const char *name, *best = NULL;
    json_int_t most = 0;
    json_t *value;
    enum record_kind kind;

    json_object_foreach(in->kinds, name, value)
    {
        if (json_integer_value(value) <= most || record_kind_named(&kind, name))
            continue;
        most = json_integer_value(value);
        best = names[record_kind_form(kind)->want];
    }
    return best;
}

/* The methods that take every record, in one line. */
static size_t show_whole(const struct data_inspect *in, const char *asked)
{
    const size_t all = json_array_size(in->made);
    size_t whole = 0;
    char *why;

    for (size_t i = 0; methods_at(i); i++) {
        const char *name = methods_at(i)->name;
        if (given(asked) && strcmp(asked, name))
            continue;
        if (taken(in, name, &why) == all && all)
            say(stdout, "%s%s", whole++ ? ", " : "  used by  ", name);
        free(why);
    }
    if (whole)
        printf(" (all of %zu records)\n", all);
    return whole;
}

/* Those that take some, or were asked for, with what they refuse. */
static size_t show_some(const struct data_inspect *in, const char *asked)
{
    const size_t all = json_array_size(in->made);
    size_t some = 0;
    char *why;

    for (size_t i = 0; methods_at(i); i++) {
        const char *name = methods_at(i)->name;
        const size_t n = taken(in, name, &why);
        if ((given(asked) ? !strcmp(asked, name) : n > 0) && n < all) {
            say(stdout, "  %s: %zu of %zu records; first refusal: %s\n", name, n, all,
                why ? why : "");
            some++;
        }
        free(why);
    }
    return some;
}

/* Where none fits, the words of the method that asks for least say what is missing. */
static void show_methods(const struct data_inspect *in)
{
    const char *asked = in->job->conf.method;
    const size_t whole = show_whole(in, asked), some = show_some(in, asked);
    char *why = NULL;

    if (whole + some)
        return;
    (void)taken(in, "sft", &why);
    say(stdout, "  no method can use them; sft says: %s\n", why ? why : "nothing");
    free(why);
}

/* ---- what is learnt */

/* Tokens as text, what is learnt between marks. */
static void show_sequence(const struct tokenizer *tokenizer, const int *ids,
                          const uint8_t *learn, size_t n)
{
    for (size_t from = 0, to; from < n; from = to) {
        char *text = NULL;
        size_t bytes = 0;
        for (to = from + 1; to < n && !learn[to] == !learn[from];)
            to++;
        if (tokenizer_decode(tokenizer, ids + from, to - from, true, &text, &bytes))
            continue;
        if (learn[from])
            fputs("⟦", stdout);
        say_text(stdout, text, bytes);
        if (learn[from])
            fputs("⟧", stdout);
        free(text);
    }
    printf("\n");
}

/* Every sequence of the record: two of a pair, one of all else. */
static void show_corpus(const struct corpus *c, const struct tokenizer *tokenizer,
                        const char *method)
{
    for (size_t s = 0; s < c->n * (size_t)c->group; s++) {
        const size_t at = c->seq[s], n = c->seq[s + 1] - at;
        size_t learnt = 0;
        for (size_t i = 0; i < n; i++)
            learnt += c->learn[at + i] != 0;
        if (c->label)
            printf("\n  %s answer: ", c->label[s / (size_t)c->group] ? "a good" : "a bad");
        else
            printf("\n  %s: ", c->group == 2 ? (s % 2 ? "rejected" : "chosen") : method);
        printf("%zu tokens, %zu learnt (between ⟦ and ⟧)\n", n, learnt);
        show_sequence(tokenizer, c->token + at, c->learn + at, n);
    }
    if (!strcmp(method, "reward"))
        printf("  a reward model learns no token: its number is read at the last one\n");
    if (c->cut || c->dropped)
        printf("  %zu cut at max_length, %zu left out by their length\n", c->cut, c->dropped);
}

/* The rule that the trainer would have, but that a pair's prompt is shown with both answers. */
static void fill_rule(struct corpus_rule *rule, const struct data_inspect *in,
                      const struct open_model *m, int max_length)
{
    rule->encode = m->encode;
    rule->eos = m->eos;
    rule->vocab = m->files->shape.vocab;
    rule->bos = m->files->shape.bos;
    rule->hh = in->job->rule.format.format == FORMAT_HH;
    rule->strict = true;
    rule->share = false;
    rule->max_length =
        max_length > m->files->shape.context ? m->files->shape.context : max_length;
}

/* The method's defaults, and what the command line says otherwise. */
static enum err method_conf(const struct method *method, const struct data_conf *conf,
                            void *self)
{
    json_t *tree = json_object();
    char number[24];
    enum err err;

    snprintf(number, sizeof(number), "%d", conf->max_length);
    if (conf_has_int(conf->max_length))
        json_object_set_new(tree, "max_length", json_string(number));
    if (!strcmp(method->name, "sft"))
        json_object_set_new(tree, "dataset_text_field", json_string(conf->dataset_text_field));
    err = conf_load(method->tables, self, tree, NULL);
    json_decref(tree);
    return err;
}

/* The first record that the method's encoder takes. */
static enum err show_learnt(const struct data_inspect *in, const struct method *method,
                            struct open_model *m)
{
    void *self = mem_new(1, method->size);
    struct prepare prepare = {.objective = NULL};
    const bool hh = in->job->rule.format.format == FORMAT_HH;
    json_t *list = hh ? in->raw : in->made;
    struct corpus *corpus = NULL;
    enum err err = method_conf(method, &in->job->conf, self);

    if (!err)
        err = method->check(self, &prepare);
    if (!err)
        fill_rule(&prepare.rule, in, m,
                  ((const struct keys *)self)->max_length > 0
                      ? ((const struct keys *)self)->max_length
                      : m->files->shape.context);
    for (size_t i = 0; i < json_array_size(list) && !err && !corpus; i++) {
        struct dataset *set = dataset_new(NULL, 0);
        const int file = dataset_name_file(set, in->path);

        err = dataset_push(set, json_array_get(list, i), file, (long)i + 1);
        if (!err)
            err = prepare.encode(&corpus, set, &prepare.rule, "shown");
        dataset_free(set);
        if (err == ERR_RANGE || err == ERR_PARSE) /* the next one, unless this was the last */
            err = i + 1 < json_array_size(list) ? OK : err;
    }
    if (!err && corpus)
        show_corpus(corpus, m->encode.tokenizer, method->name);
    corpus_free(corpus);
    if (method->close)
        method->close(self);
    conf_free(method->tables, self);
    free(self);
    return err;
}

/* Over a fleet nothing of the record is learnt: it asks for answers. */
static enum err show_prompt(const struct data_inspect *in, struct open_model *m)
{
    const bool hh = in->job->rule.format.format == FORMAT_HH;
    const struct example_rule how = {RECORD_FOR_PROMPTS, in->job->conf.dataset_text_field, hh,
                                     NULL};
    struct example e;
    char *text = NULL;
    size_t n = 0;
    enum err err = example_read(&e, json_array_get(hh ? in->raw : in->made, 0), &how);

    if (err)
        return err;
    if (e.kind != KIND_TOKENS)
        err = encode_text(&m->encode, e.prompt, e.tools, true, &text, &n);
    if (!err) {
        printf("\n  the prompt that actors answer:\n");
        say_text(stdout, text ? text : "(token ids)", text ? n : 11);
        printf("\n");
    }
    free(text);
    example_free(&e);
    return err;
}

/* Without a model: the record in TRL's columns. */
static void show_record(const struct data_inspect *in)
{
    char *text = json_dumps(json_array_get(in->made, 0), JSON_INDENT(1));

    printf(
        "  a record as it is read (model=M shows its tokens, and which of them are learnt):\n");
    if (text)
        say_text(stdout, text, strlen(text));
    printf("\n");
    free(text);
}

/* One file; the model is open, or has no files. */
static enum err inspect(const struct data_job *job, const char *path, struct open_model *m)
{
    struct data_inspect in = {.job = job, .path = path};
    const struct method *method;
    const char *name;
    enum err err;

    in.raw = json_array();
    in.made = json_array();
    in.columns = json_object();
    in.kinds = json_object();
    in.formats = json_object();
    err = read_first(&in);
    if (!err) {
        say(stdout, "%s (its first %d records at most)\n", path, (int)LOOKED_AT);
        show_counts("columns", in.columns);
        show_counts("format", in.formats);
        show_counts("kind", in.kinds);
        if (in.refused)
            say(stdout, "  refused: %s\n", in.refused);
        show_methods(&in);
        name = given(job->conf.method) ? job->conf.method : usual_method(&in);
        method = name ? methods_find(name) : NULL;
        if (m->files && method && method->check)
            err = show_learnt(&in, method, m);
        else if (m->files && method && json_array_size(in.made))
            err = show_prompt(&in, m);
        else if (json_array_size(in.made))
            show_record(&in);
    }
    free((char *)(uintptr_t)in.refused);
    json_decref(in.raw);
    json_decref(in.made);
    json_decref(in.columns);
    json_decref(in.kinds);
    json_decref(in.formats);
    return err;
}

/* Reads only: nothing is written, and a record that no method takes is no error here. */
enum err data_inspect(struct data_job *job, int *status)
{
    struct open_model model = {.files = NULL};
    enum err err = OK;

    (void)status;
    if (given(job->conf.method) && !methods_find(job->conf.method))
        err = err_set(ERR_RANGE, "method: '%s' is none of the methods", job->conf.method);
    if (!err && given(job->conf.model))
        err = open_model_text(&model, job->conf.model);
    if (!err && model.files)
        err = open_model_chat(&model, job->conf.chat_template_path);
    for (int i = 0; i < job->files && !err; i++)
        err = inspect(job, job->file[i], &model);
    if (model.files)
        open_model_close(&model);
    return err;
}
