/* Records become token ids once, before anything is asked of a fleet, and everything that could
 * fail later is tried here: that a prompt and an answer fit into the context of the policy and of
 * each reward model, that the columns which rules read are there, that what workers are sent fits
 * into a message. A bad record is an error with its file and line if the keys are strict, else it
 * is left out and counted; one that is too long for the context is an error in any case, named
 * once all are read, with the number that would make all of them fit. */

#include "learner/inputs/prompts.h"

#include "base/mem.h"
#include "base/say.h"
#include "data/example.h"
#include "learner/journal/tasks.h"
#include "proto/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void prompts_free(struct prompts *prompts)
{
    if (!prompts)
        return;
    for (size_t i = 0; i < prompts->n; i++) {
        free(prompts->row[i].token);
        free(prompts->row[i].answer);
        free(prompts->row[i].text);
        free(prompts->row[i].shown);
        free(prompts->row[i].meta);
    }
    json_decref(prompts->unused);
    json_decref(prompts->vain);
    free(prompts->row);
    free(prompts);
}

/* Only what a person may want to do something about; all that was read needs no line. */
void prompts_tell(const struct prompts *prompts)
{
    char *names = example_check_names(prompts->unused);
    const char *words;
    json_t *count;

    if (prompts->skipped || prompts->dropped)
        fprintf(stderr, "data: %zu prompts left out by length, %zu bad\n", prompts->dropped,
                prompts->skipped);
    if (*names)
        say(stderr, "data: not read: column(s) %s\n", names);
    json_object_foreach(prompts->vain, words, count)
    {
        say(stderr, "data: %s in %lld of %zu records: every answer to them scores 0\n", words,
            (long long)json_integer_value(count), prompts->n);
    }
    free(names);
}

/* A record may bring token ids of its own: no tokenizer and no template is applied then. */
static enum err ids_of(const json_t *list, int vocab, struct encoded *out)
{
    const size_t n = json_array_size(list);

    out->ids = mem_new(n, sizeof *out->ids);
    out->n = (int)n;
    for (size_t i = 0; i < n; i++) {
        const json_int_t id = json_integer_value(json_array_get(list, i));
        if (id < 0 || id >= vocab)
            return err_set(ERR_RANGE, "'input_ids'[%zu]: %lld is not below the vocabulary's %d",
                           i, (long long)id, vocab);
        out->ids[i] = (int)id;
    }
    return OK;
}

/* What rules and workers see beside the answer. */
static enum err take_text(struct prompt *row, const struct example *e,
                          const struct prompts_rule *rule)
{
    size_t n = 0;
    enum err err = OK;

    if (e->kind == KIND_TOKENS)
        err = tokenizer_decode(rule->encode.tokenizer, row->token, row->n_token, true,
                               &row->text, &n);
    else
        err = encode_text(&rule->encode, e->prompt, e->tools, true, &row->text, &n);
    if (!err) {
        char *const clean = text_clean(row->text, n); /* tokens may be half a character */
        free(row->text);
        row->text = clean;
    }
    if (rule->question && e->chat) /* a judge reads the turns, not the template's text */
        json_object_set(e->meta, "prompt", e->prompt);
    /* sorted keys: the hash of the prompts must not depend on the order in the file */
    row->meta = json_dumps(e->meta, JSON_COMPACT | JSON_SORT_KEYS);
    if (!err && strlen(row->meta) > PROMPTS_META)
        err = err_set(ERR_RANGE, "its other columns are longer than 64 KiB as JSON");
    return err;
}

/* As a person reads it: turns as messages, not as a template writes them. */
static enum err take_shown(struct prompt *row, const struct example *e,
                           const struct prompts_rule *rule)
{
    const json_t *const text = e->kind == KIND_TOKENS ? NULL : e->prompt;
    size_t n = 0;
    char *bytes = NULL, *clean;
    enum err err;

    if (text) {
        row->shown = json_is_string(text) ? mem_text(json_string_value(text))
                                          : json_dumps(text, JSON_COMPACT);
        return OK;
    }
    err = tokenizer_decode(rule->encode.tokenizer, row->token, row->n_token, false, &bytes, &n);
    if (err)
        return err;
    clean = text_clean(bytes, n);
    free(bytes);
    row->shown = clean;
    return OK;
}

/* What anybody but the policy reads of it: scorers the text that the model sees, people the turns as they
 * were said. */
static enum err take_words(struct prompt *row, const struct example *e,
                           const struct prompts_rule *rule)
{
    enum err err = rule->text ? take_text(row, e, rule) : OK;

    if (!err && rule->shown)
        err = take_shown(row, e, rule);
    return err;
}

/* A rule compares with a column: one that it cannot read is an error now, not at the first
 * answer; one that nothing can equal is counted, and told before the run begins. */
static enum err check_columns(struct prompts *p, const struct example *e,
                              const struct rewards *rewards)
{
    const char *lacks;
    enum err err = OK;

    for (int i = 0; rewards && i < rewards->n && !err; i++) {
        const struct reward *r = &rewards->reward[i];
        err = reward_column_check(r, e->meta, &lacks);
        if (err || !lacks)
            continue;
        char *words = mem_print("reward %s: column '%s' holds %s", r->name, r->column, lacks);
        const json_int_t n = json_integer_value(json_object_get(p->vain, words));
        json_object_set_new(p->vain, words, json_integer(n + 1));
        free(words);
    }
    return err;
}

/* A dialogue is a prompt and its last turn. */
static enum err split(const struct example *e, json_t **prompt, json_t **answer)
{
    const size_t n = json_array_size(e->text);

    if (e->kind == KIND_COMPLETION) {
        *prompt = json_incref(e->prompt);
        *answer = json_incref(e->completion);
        return OK;
    }
    if (e->kind != KIND_MESSAGES || n < 2)
        return err_set(ERR_PARSE, "expected prompt and completion, or messages of two turns");
    *prompt = json_copy(e->text);
    json_array_remove(*prompt, n - 1);
    *answer = json_array();
    json_array_append(*answer, json_array_get(e->text, n - 1));
    return OK;
}

/* Ends an answer, and so its record's own. */
static bool stops(const struct prompts_rule *rule, int id)
{
    for (uint32_t i = 0; i < rule->n_stop; i++)
        if (rule->stop[i] == id)
            return true;
    return false;
}

/* The record's own answer, as if the fleet had written it. */
static void take_answer(struct prompt *row, const struct encoded *ids,
                        const struct prompts_rule *rule)
{
    int n = ids->start;

    /* what the fleet writes ends at its first stop token: so does what it is compared with */
    while (n < ids->n && !stops(rule, ids->ids[n]))
        n++;
    row->answer = mem_new((size_t)(n - ids->start) + 1, sizeof *row->answer);
    memcpy(row->answer, ids->ids + ids->start, (size_t)(n - ids->start) * sizeof *row->answer);
    row->n_answer = (uint32_t)(n - ids->start);
    /* one that does not end is taught to: the model would else never stop there */
    if (rule->n_stop)
        row->answer[row->n_answer++] = n < ids->n ? ids->ids[n] : rule->stop[0];
}

/* Prompt and answer in one: the prompt's tokens are left in `ids`. */
static enum err read_answer(struct prompt *row, const struct example *e,
                            const struct prompts_rule *rule, struct encoded *ids)
{
    json_t *prompt = NULL, *answer = NULL;
    enum err err = split(e, &prompt, &answer);

    if (!err)
        err = encode_pair(&rule->encode, prompt, answer, e->tools, ids);
    if (!err)
        take_answer(row, ids, rule);
    if (!err && !row->n_answer)
        err = err_set(ERR_PARSE, "'completion' has no token");
    if (!err) /* the pair was encoded together, as the template joins them */
        ids->n = ids->start;
    json_decref(prompt);
    json_decref(answer);
    return err;
}

/* Three ways: with the record's answer, as ids, or as text that a template makes a prompt of. */
static enum err read_ids(struct prompt *row, const struct example *e,
                         const struct prompts_rule *rule, struct encoded *ids)
{
    if (rule->answer)
        return read_answer(row, e, rule, ids);
    return e->kind == KIND_TOKENS ? ids_of(e->text, rule->vocab, ids)
                                  : encode_prompt(&rule->encode, e->prompt, e->tools, ids);
}

/* Tokens that a prompt and its answer may have: what the policy and each reward model read. */
static int context_of(const struct prompts_rule *rule, bool chat)
{
    /* scorers read the tail too, which the policy has not written */
    const int theirs = rule->scorer_context - (chat ? rule->tail : 0);

    return rule->scorer_context && theirs < rule->context ? theirs : rule->context;
}

struct prompts_longest { /* of the prompts that are too long */
    int tokens, context;
    size_t at;
};

/* The longest of all that are too long, so that one change is enough. */
static enum err too_long(const struct dataset *set, const struct prompts_longest *l,
                         const struct prompts_rule *rule)
{
    const char *whose = l->context < rule->context ? "a reward model's" : "the model's";
    const int left = l->context - l->tokens;

    if (left > 0)
        err_set(ERR_RANGE,
                "a prompt of %d tokens, the longest, and %s %d exceed %s context of %d: %s may "
                "be %d at most, or max_prompt_length leaves it out",
                l->tokens, rule->response_key, rule->response, whose, l->context,
                rule->response_key, left);
    else
        err_set(
            ERR_RANGE,
            "a prompt of %d tokens, the longest, leaves no room for an answer in %s context "
            "of %d: max_prompt_length=%d leaves out what does not fit",
            l->tokens, whose, l->context,
            l->context > rule->response ? l->context - rule->response : 1);
    return dataset_at(set, l->at);
}

/* Whether it and an answer are longer than the context; then it may be the longest. */
static bool over(const struct prompt *row, size_t at, const struct prompts_rule *rule,
                 struct prompts_longest *longest)
{
    const struct prompts_longest one = {(int)row->n_token, context_of(rule, row->chat), at};

    if (one.tokens + rule->response <= one.context)
        return false;
    /* by how much it is over: contexts differ between conversations and plain prompts */
    if (!longest->tokens || one.tokens - one.context > longest->tokens - longest->context)
        *longest = one;
    return true;
}

static enum err read_one(struct prompts *p, const struct example *e,
                         const struct prompts_rule *rule, size_t at,
                         struct prompts_longest *longest)
{
    struct prompt row = {.chat = e->chat};
    struct encoded ids = {0};
    enum err err = read_ids(&row, e, rule, &ids);

    row.token = ids.ids;
    row.n_token = (uint32_t)ids.n;
    if (!err && ((rule->max_prompt && ids.n > rule->max_prompt) ||
                 row.n_answer > (uint32_t)rule->response)) {
        p->dropped++;
        free(row.token);
        free(row.answer);
        return OK;
    }
    if (!err && ids.n < 1)
        err = err_set(ERR_PARSE, "'prompt' has no token");
    if (!err && over(&row, at, rule, longest)) { /* an error, once all are read */
        free(row.token);
        free(row.answer);
        return OK;
    }
    if (!err)
        err = check_columns(p, e, rule->rewards);
    if (!err)
        err = take_words(&row, e, rule);
    if (err) {
        free(row.token);
        free(row.answer);
        free(row.text);
        free(row.shown);
        free(row.meta);
        return err;
    }
    if (row.n_token > p->longest)
        p->longest = row.n_token;
    p->row[p->n++] = row;
    return OK;
}

/* Columns of the record; those that rewards are given as text are read by them. */
static void note_unused(struct prompts *p, const struct example *e, const json_t *row,
                        const struct example_rule *how, bool given)
{
    json_t *names = json_object(), *count;
    const char *column;

    example_check_unused(names, e, row, how);
    json_object_foreach(names, column, count)
    {
        /* rewards that read text are given all columns of the record */
        if (!given || !json_object_get(e->meta, column))
            json_object_set(p->unused, column, count);
    }
    json_decref(names);
}

/* A record that cannot be read is left out, unless the keys are strict; one that is read and cannot be
 * asked (too long, a column that lacks) is an error in any case. */
static enum err take(struct prompts *p, const struct dataset *set, size_t at,
                     const struct prompts_rule *rule, struct prompts_longest *longest)
{
    const struct example_rule how = {rule->answer ? RECORD_FOR_SFT : RECORD_FOR_PROMPTS, "text",
                                     rule->hh, NULL};
    struct example e;
    json_t *record = NULL;
    enum err err = dataset_record(&record, set, at);

    if (!err)
        err = example_read(&e, record, &how);
    if (!err) {
        note_unused(p, &e, record, &how, rule->text);
        err = read_one(p, &e, rule, at, longest);
        example_free(&e);
    }
    json_decref(record);
    if (err == ERR_PARSE && !rule->strict) {
        dataset_left_out(set, at, &p->skipped);
        return OK;
    }
    return err ? dataset_at(set, at) : OK;
}

enum err prompts_read(struct prompts **out, const struct dataset *set, size_t most,
                      const struct prompts_rule *rule)
{
    struct prompts *p = mem_new(1, sizeof *p);
    struct prompts_longest longest = {0, 0, 0};
    enum err err = OK;

    *out = NULL;
    p->row = mem_new(set->n, sizeof *p->row);
    p->unused = json_object();
    p->vain = json_object();
    for (size_t i = 0; i < set->n && (!most || p->n < most) && !err; i++)
        err = take(p, set, i, rule, &longest);
    if (!err && longest.tokens)
        err = too_long(set, &longest, rule);
    if (!err && !p->n)
        err = err_set(ERR_RANGE, "none of %zu records is a prompt: %zu are too long, %zu bad",
                      set->n, p->dropped, p->skipped);
    if (err)
        prompts_free(p);
    else
        *out = p;
    return err;
}

/* Evaluations before and after ask the same prompts. */
const struct prompt *prompts_of_task(const struct prompts *train, const struct prompts *eval,
                                     struct tasks *tasks, uint64_t task)
{
    const struct tasks_place at = tasks_at(tasks, task);

    return &(at.kind == TASKS_TRAIN ? train : eval)->row[at.row];
}

static void add_text(struct hash_sha256 *state, const char *text)
{
    hash_sha256_add(state, text ? text : "", text ? strlen(text) + 1 : 1);
}

/* Lengths go in before what they measure, texts with their ending zero: no two lists of prompts
 * give the same bytes. */
void prompts_hash(const struct prompts *prompts, struct hash_sha256 *state)
{
    for (size_t i = 0; i < prompts->n; i++) {
        const struct prompt *row = &prompts->row[i];
        hash_sha256_add(state, &row->n_token, sizeof row->n_token);
        hash_sha256_add(state, row->token, row->n_token * sizeof *row->token);
        if (row->answer)
            hash_sha256_add(state, row->answer, row->n_answer * sizeof *row->answer);
        add_text(state, row->text);
        add_text(state, row->meta);
    }
}
