/* How it works: arguments are evaluated into one array, positions first. A macro puts them into
 * a scope of its own, whose defaults are computed there; a builtin gets an array in the order of
 * its parameters.
 * A parameter that was not given is KIND_MISSING to a builtin, and undefined to a macro, as in
 * Jinja2; the names that a body mentions decide what is caught beyond its parameters. */
#include "lm/text/template/limits.h"
#include "lm/text/template/machine.h"
#include "lm/text/template/parts.h"
#include "lm/text/template/value.h"

#include <string.h>

/* Names are compared with their lengths, for they are parts of
 * the source. */
static bool same(const struct string *a, const char *text, size_t n)
{
    return a->n == n && !memcmp(a->text, text, n);
}

/* Room for all of them and one more, a block's caller. */
static size_t count(const struct node *args)
{
    size_t n = 1;

    for (; args; args = args->next)
        n++;
    return n;
}

/* **a: its items by name. */
static void spread(struct run *run, struct value value, struct list *item, struct list *name)
{
    if (value.kind != KIND_DICT)
        run_fail(run, "argument after ** must be a mapping, not %s", value_type(value));
    for (size_t i = 0; i < value.as.dict->n; i++) {
        if (value.as.dict->key[i].kind != KIND_STRING)
            run_fail(run, "keywords must be strings");
        value_append(run->pool, name, value.as.dict->key[i]);
        value_append(run->pool, item, value.as.dict->item[i]);
    }
}

/* From left to right, whatever their kinds: each may have
 * effects. */
struct args call_args(struct run *run, const struct node *args, struct value caller)
{
    struct list *item = value_list(run->pool, KIND_LIST, count(args)).as.list;
    struct list *named = value_list(run->pool, KIND_LIST, 0).as.list;
    struct list *name = value_list(run->pool, KIND_LIST, 0).as.list;
    struct args out;

    for (const struct node *one = args; one; one = one->next) {
        const enum node_kind kind = one->kind;
        const bool marked = kind == NODE_KEYWORD || kind == NODE_STAR || kind == NODE_STARS;
        const struct value value = evaluate_node(run, marked ? one->a : one);
        const struct list *items;

        if (!marked) {
            value_append(run->pool, item, value);
        } else if (kind == NODE_KEYWORD) {
            value_append(run->pool, name, value_string(run->pool, one->name.text, one->name.n));
            value_append(run->pool, named, value);
        } else if (kind == NODE_STARS) {
            spread(run, value, named, name);
        } else {
            items = value_items(run->pool, value);
            if (!items)
                run_fail(run, "argument after * must be an iterable, not %s",
                         value_type(value));
            for (size_t i = 0; i < items->n; i++)
                value_append(run->pool, item, items->item[i]);
        }
    }
    if (caller.kind != KIND_MISSING) {
        value_append(run->pool, name, value_word(run->pool, "caller"));
        value_append(run->pool, named, caller);
    }
    out = (struct args){.n = item->n, .named = named->n};
    out.name = pool_take(run->pool, (named->n + 1) * sizeof *out.name);
    for (size_t i = 0; i < named->n; i++) {
        out.name[i] = *name->item[i].as.string;
        value_append(run->pool, item, named->item[i]);
    }
    out.item = item->item;
    return out;
}

const struct builtin *call_find(const struct builtin *row, size_t rows,
                                const struct string *name)
{
    for (size_t i = 0; i < rows; i++)
        if (same(name, row[i].name, strlen(row[i].name)))
            return &row[i];
    return NULL;
}

struct value call_bound(struct run *run, const struct builtin *builtin, struct value self)
{
    struct callable *callable = pool_take(run->pool, sizeof *callable);

    callable->builtin = builtin;
    callable->self = self;
    return (struct value){.kind = KIND_CALLABLE, .as.callable = callable};
}

/* The place of a parameter among `params`, -1 if it is none; *n becomes how many there are. */
static int place(const char *params, const struct string *name, int *n)
{
    int found = -1;

    *n = 0;
    while (*params) {
        const size_t length = strcspn(params, ",");

        if (name && same(name, params, length))
            found = *n;
        ++*n;
        params += length + (params[length] == ',');
    }
    return found;
}

/* Each parameter once, by position or by name; what is neither
 * is an error, as in Python. */
struct value call_builtin(struct run *run, const struct builtin *builtin, struct value self,
                          const struct args *args)
{
    struct value arg[ARGS_MAX] = {{.kind = KIND_MISSING}};
    int params, at;

    if (builtin->params[0] == '*')
        return builtin->call(run, self, arg, args);
    (void)place(builtin->params, NULL, &params);
    if (args->n > (size_t)params)
        run_fail(run, "%s() takes at most %d arguments (%zu given)", builtin->name, params,
                 args->n);
    for (size_t i = 0; i < args->n; i++)
        arg[i] = args->item[i];
    for (size_t i = 0; i < args->named; i++) {
        at = place(builtin->params, &args->name[i], &params);
        if (at < 0)
            run_fail(run, "%s() got an unexpected keyword argument '%.*s'", builtin->name,
                     (int)args->name[i].n, args->name[i].text);
        if (arg[at].kind != KIND_MISSING)
            run_fail(run, "%s() got multiple values for argument '%.*s'", builtin->name,
                     (int)args->name[i].n, args->name[i].text);
        arg[at] = args->item[args->n + i];
    }
    for (int i = 0; i < builtin->need; i++)
        if (arg[i].kind == KIND_MISSING)
            run_fail(run, "%s() misses an argument", builtin->name);
    return builtin->call(run, self, arg, args);
}

/* The named argument, whose place among `used` is ticked; NULL: it was not given. */
static const struct value *named(struct run *run, const struct args *args,
                                 const struct string *name, bool *used)
{
    /* One after another: a macro and a call of it may name tens of thousands. */
    pool_work(run->pool, 4 * args->named);
    for (size_t i = 0; i < args->named; i++)
        if (same(name, args->name[i].text, args->name[i].n)) {
            used[i] = true;
            return &args->item[args->n + i];
        }
    return NULL;
}

/* What is left over: kwargs and varargs if the macro asks for them, else an error. */
static void leftovers(struct run *run, const struct node *macro, const struct args *args,
                      size_t positions, const bool *used)
{
    static const struct string names[] = {{"kwargs", 6}, {"varargs", 7}};
    struct value rest = value_list(run->pool, KIND_TUPLE, 0);
    struct value dict = value_dict(run->pool, KIND_DICT);

    for (size_t i = 0; i < args->named; i++)
        if (!used[i])
            value_put(run->pool, dict.as.dict,
                      value_string(run->pool, args->name[i].text, args->name[i].n),
                      args->item[args->n + i]);
    for (size_t i = positions; i < args->n; i++)
        value_append(run->pool, rest.as.list, args->item[i]);
    if (macro->op & CATCH_NAMED)
        run_set(run, run->scope, &names[0], dict);
    else if (dict.as.dict->n)
        run_fail(run, "macro '%.*s' takes no keyword argument '%.*s'", (int)macro->name.n,
                 macro->name.text, (int)dict.as.dict->key[0].as.string->n,
                 dict.as.dict->key[0].as.string->text);
    if (macro->op & CATCH_ARGS)
        run_set(run, run->scope, &names[1], rest);
    else if (rest.as.list->n)
        run_fail(run, "macro '%.*s' takes not more than %zu argument(s)", (int)macro->name.n,
                 macro->name.text, positions);
}

/* Parameters into the macro's scope. */
static void bind(struct run *run, const struct node *macro, const struct args *args)
{
    static const struct string caller = {"caller", 6};
    bool *used = pool_take(run->pool, args->named + 1), own_caller = false;
    size_t at = 0;

    for (const struct node *one = macro->args; one; one = one->next, at++) {
        const struct value *given =
            at < args->n ? &args->item[at] : named(run, args, &one->name, used);
        struct value value;

        own_caller |= same(&one->name, "caller", 6);
        if (given)
            value = *given;
        else if (one->a)
            value = evaluate_node(run, one->a);
        else
            value = value_undefined(run->pool, "parameter '%.*s' was not provided",
                                    (int)one->name.n, one->name.text);
        run_set(run, run->scope, &one->name, value);
    }
    if ((macro->op & CATCH_CALLER) && !own_caller) {
        const struct value *given = named(run, args, &caller, used);

        run_set(run, run->scope, &caller,
                given ? *given : value_undefined(run->pool, "No caller defined"));
    }
    leftovers(run, macro, args, at, used);
}

/* Output goes into a text of its own, in a scope under the one where the macro stands. */
static struct value macro_call(struct run *run, const struct callable *callable,
                               const struct args *args)
{
    struct text_writer writer = {.text = NULL}, *out = run->out;
    struct scope *scope = run->scope;

    if (++run->calls > JINJA_DEPTH_MAX)
        pool_fail(run->pool, ERR_RANGE, "macros call one another deeper than %d",
                  JINJA_DEPTH_MAX);
    run->scope = run_scope(run, callable->scope);
    run->out = &writer;
    bind(run, callable->macro, args);
    (void)run_body(run, callable->macro->body);
    run->out = out;
    run->scope = scope;
    run->calls--;
    return value_written(run->pool, &writer);
}

struct value call_value(struct run *run, struct value callee, const struct args *args)
{
    if (callee.kind == KIND_UNDEFINED)
        run_fail_undefined(run, callee);
    if (callee.kind == KIND_LOOP) {
        if (args->n != 1 || args->named)
            run_fail(run, "loop() takes one argument");
        return each_again(run, callee.as.loop, args->item[0]);
    }
    if (callee.kind != KIND_CALLABLE)
        run_fail(run, "'%s' object is not callable", value_type(callee));
    if (callee.as.callable->macro)
        return macro_call(run, callee.as.callable, args);
    return markup_kept(
        call_builtin(run, callee.as.callable->builtin, callee.as.callable->self, args),
        callee.as.callable->self);
}

int64_t call_int(struct run *run, struct value value, int64_t other)
{
    int64_t number;

    if (value.kind == KIND_MISSING)
        return other;
    if (value.kind == KIND_UNDEFINED)
        run_fail_undefined(run, value);
    if (!compare_whole(value, &number))
        run_fail(run, "'%s' object cannot be interpreted as an integer", value_type(value));
    return number;
}

bool call_flag(struct value value, bool other)
{
    return value.kind == KIND_MISSING ? other : compare_true(value);
}

const struct string *call_string(struct run *run, struct value value)
{
    if (value.kind == KIND_UNDEFINED)
        run_fail_undefined(run, value);
    if (value.kind != KIND_STRING)
        run_fail(run, "a string is expected, not '%s'", value_type(value));
    return value.as.string;
}
