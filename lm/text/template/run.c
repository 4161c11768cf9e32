/* How it works: a walk over the tree. Output goes to run->out, which a captured block replaces
 * for a while. A scope is made for each turn of a loop and each macro call, and a name is looked
 * for outwards: Jinja2 decides the same while it compiles. Loops look at their next item only
 * when asked, for a loop's filter may depend on what the body did.
 * Scopes are never cut short: a macro keeps the one it was made in, and sees what is set there
 * later. */
#include "lm/text/template/letters.h"
#include "lm/text/template/limits.h"
#include "lm/text/template/machine.h"
#include "lm/text/template/parts.h"
#include "lm/text/template/value.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Of expressions, bodies and calls together: what the stack has room for. */
enum { NEST_MAX = 1000 };

_Noreturn void run_fail(struct run *run, const char *fmt, ...)
{
    char words[ERR_WORDS];
    va_list args;

    va_start(args, fmt);
    vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    pool_fail(run->pool, ERR_PARSE, "%s", words);
}

_Noreturn void run_fail_undefined(struct run *run, struct value value)
{
    run_fail(run, "%.*s", (int)value.as.string->n, value.as.string->text);
}

void run_step(struct run *run, const struct node *node)
{
    run->pool->line = node->line;
    if (++run->steps > JINJA_STEPS_MAX)
        pool_fail(run->pool, ERR_RANGE, "more than %d steps", JINJA_STEPS_MAX);
}

void run_deeper(struct run *run)
{
    if (++run->depth > NEST_MAX)
        pool_fail(run->pool, ERR_RANGE, "nested deeper than %d", NEST_MAX);
}

struct scope *run_scope(struct run *run, struct scope *up)
{
    struct scope *scope = pool_take(run->pool, sizeof *scope);

    scope->up = up;
    return scope;
}

void run_set(struct run *run, struct scope *scope, const struct string *name,
             struct value value)
{
    value_put(run->pool, &scope->name, value_string(run->pool, name->text, name->n), value);
}

struct value run_name(struct run *run, const struct string *name)
{
    struct string copy = *name;
    const struct value key = {.kind = KIND_STRING, .as.string = &copy};
    const struct value *there;
    struct value global;

    for (struct scope *scope = run->scope; scope; scope = scope->up) {
        there = value_find(run->pool, &scope->name, key);
        if (there)
            return *there;
    }
    there = value_find(run->pool, run->variables, key);
    if (there)
        return *there;
    if (globals_find(run, name, &global))
        return global;
    return value_undefined(run->pool, "'%.*s' is undefined", (int)name->n, name->text);
}

/* a, b = …: exactly as many as there are targets; a text gives its characters, a dictionary
 * its keys. */
static void assign_several(struct run *run, const struct node *target, struct value value)
{
    const struct list *list = value_items(run->pool, value);
    const struct node *one = target->args;

    if (!list)
        run_fail(run, "cannot unpack non-iterable %s object", value_type(value));
    for (size_t i = 0; i < list->n; i++, one = one->next) {
        if (!one)
            run_fail(run, "too many values to unpack");
        run_assign(run, one, list->item[i]);
    }
    if (one)
        run_fail(run, "not enough values to unpack (got %zu)", list->n);
}

void run_assign(struct run *run, const struct node *target, struct value value)
{
    struct value space;

    if (target->kind == NODE_TUPLE) {
        assign_several(run, target, value);
    } else if (target->kind == NODE_NAME) {
        run_set(run, run->scope, &target->name, value);
    } else {
        space = run_name(run, &target->a->name);
        if (space.kind != KIND_NAMESPACE)
            run_fail(run, "cannot assign attribute on non-namespace object");
        if (target->name.text[0] == '_')
            run_fail(run, "a namespace's attributes do not begin with '_'");
        value_put(run->pool, space.as.dict,
                  value_string(run->pool, target->name.text, target->name.n), value);
    }
}

struct value run_captured(struct run *run, const struct node *first)
{
    struct text_writer writer = {.text = NULL}, *out = run->out;
    struct scope *scope = run->scope;

    run->out = &writer;
    run->scope = run_scope(run, scope);
    (void)run_body(run, first);
    run->scope = scope;
    run->out = out;
    return value_written(run->pool, &writer);
}

/* One expression of filters with `input` where the block's text goes. */
static struct value filtered(struct run *run, const struct node *filters, struct value input)
{
    const struct value outer = run->input;
    struct value value;

    run->input = input;
    value = evaluate_node(run, filters);
    run->input = outer;
    return value;
}

static void generation(struct run *run, const struct node *node)
{
    const size_t start = run->top.n;
    const struct value text = run_captured(run, node->body);

    if (run->spans == run->span_room) {
        size_t *grown;

        run->span_room = 2 * run->span_room + 8;
        grown = pool_take(run->pool, 2 * run->span_room * sizeof *grown);
        if (run->spans)
            memcpy(grown, run->span, 2 * run->spans * sizeof *grown);
        run->span = grown;
    }
    run->span[2 * run->spans] = start;
    run->span[2 * run->spans + 1] = letters_count(text.as.string->text, text.as.string->n);
    run->spans++;
    value_write(run->pool, run->out, text.as.string->text, text.as.string->n);
}

/* From here on its name is there, like any other. */
static void define(struct run *run, const struct node *node)
{
    struct callable *macro = pool_take(run->pool, sizeof *macro);

    macro->macro = node;
    macro->scope = run->scope;
    run_set(run, run->scope, &node->name,
            (struct value){.kind = KIND_CALLABLE, .as.callable = macro});
}

static void call_block(struct run *run, const struct node *node)
{
    struct callable *body = pool_take(run->pool, sizeof *body);
    const struct value caller = {.kind = KIND_CALLABLE, .as.callable = body};
    struct value callee;
    struct args args;

    body->macro = node->b;
    body->scope = run->scope;
    callee = evaluate_node(run, node->a->a);
    args = call_args(run, node->a->args, caller);
    print_str(run, run->out, call_value(run, callee, &args));
}

/* The values are computed outside, all of them, and then bound inside. */
static enum node_kind with(struct run *run, const struct node *node)
{
    struct scope *outer = run->scope, *scope = run_scope(run, outer);
    enum node_kind jump;

    for (const struct node *one = node->args; one; one = one->next) {
        const struct value value = evaluate_node(run, one->b);

        run->scope = scope;
        run_assign(run, one->a, value);
        run->scope = outer;
    }
    run->scope = scope;
    jump = run_body(run, node->body);
    run->scope = outer;
    return jump;
}

/* The first that is true; the else of all of them hangs on the first one. */
static enum node_kind condition(struct run *run, const struct node *node)
{
    for (const struct node *one = node; one; one = one->next_if) {
        run->pool->line = one->line;
        if (compare_true(evaluate_node(run, one->a)))
            return run_body(run, one->body);
    }
    return run_body(run, node->other);
}

/* What is gone over is computed once, before the first turn. */
static enum node_kind for_each(struct run *run, const struct node *node)
{
    const struct value of = evaluate_node(run, node->b);
    struct text_writer writer = {.text = NULL}, *out = run->out;
    enum node_kind jump;
    struct list *list;

    if (of.kind == KIND_LOOP)
        pool_fail(run->pool, ERR_RANGE, "a loop over loop itself is not done here");
    list = value_items(run->pool, of);
    if (!list)
        run_fail(run, "'%s' object is not iterable", value_type(of));
    if (!node->op)
        return each_run(run, node, list, 0);
    /* A recursive one is a function to Jinja2, whose text comes when it is done: until then
     * blocks within it stand where the loop does. */
    run->out = &writer;
    jump = each_run(run, node, list, 0);
    run->out = out;
    value_write(run->pool, out, writer.text, writer.n);
    return jump;
}

static enum node_kind statement(struct run *run, const struct node *node)
{
    struct value text;

    switch (node->kind) {
    case NODE_DATA:
        value_write(run->pool, run->out, node->value.as.string->text, node->value.as.string->n);
        break;
    case NODE_PRINT:
        print_str(run, run->out, evaluate_node(run, node->a));
        break;
    case NODE_SET:
        run_assign(run, node->a, evaluate_node(run, node->b));
        break;
    case NODE_BLOCK:
        text = run_captured(run, node->body);
        run_assign(run, node->a, filtered(run, node->b, text));
        break;
    case NODE_FOR:
        return for_each(run, node);
    case NODE_IF:
        return condition(run, node);
    case NODE_MACRO:
        define(run, node);
        break;
    case NODE_CALLS:
        call_block(run, node);
        break;
    case NODE_FILTERS:
        text = run_captured(run, node->body);
        print_str(run, run->out, filtered(run, node->a, text));
        break;
    case NODE_WITH:
        return with(run, node);
    case NODE_GENERATION:
        generation(run, node);
        break;
    default:
        return node->kind;
    }
    return NODE_DATA;
}

enum node_kind run_body(struct run *run, const struct node *first)
{
    enum node_kind jump = NODE_DATA;

    run_deeper(run);
    for (const struct node *node = first; node && jump == NODE_DATA; node = node->next) {
        run_step(run, node);
        jump = statement(run, node);
    }
    run->depth--;
    return jump;
}
