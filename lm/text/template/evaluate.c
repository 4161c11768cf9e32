/* How it works: one function a kind of node. Attributes are looked up as the sandbox of Jinja2
 * does: a dictionary's methods come before its keys with '.', behind them with '[]'; methods
 * that change a value, and names that begin with "__", are not there.
 * Every node counts as a step and as depth, constants and names as depth alone: chains of one
 * operator lean to the left, and the stack has to hold them. */
#include "lm/text/template/letters.h"
#include "lm/text/template/machine.h"
#include "lm/text/template/parts.h"
#include "lm/text/template/value.h"

/* What is not there is undefined, with the words for whoever uses it: printed it is nothing. */
static struct value absent(struct run *run, struct value of, const struct string *name)
{
    return value_undefined(run->pool, "'%s object' has no attribute '%.*s'", value_type(of),
                           (int)(name->n < 100 ? name->n : 100), name->text);
}

/* A key that has no hash is no key here, where a dictionary that is made would fail: Jinja2
 * catches the error of a look-up alone. */
static bool of_dict(struct run *run, const struct dict *dict, struct value key,
                    struct value *out)
{
    const struct value *there;

    if (!compare_hashable(run->pool, key))
        return false;
    there = value_find(run->pool, dict, key);
    if (there)
        *out = *there;
    if (there && value_is(key, "content"))
        value_seen(dict);
    return there != NULL;
}

/* From the end where it is negative; false: beyond. */
static bool index_in(int64_t *at, size_t n)
{
    *at += *at < 0 ? (int64_t)n : 0;
    return *at >= 0 && *at < (int64_t)n;
}

/* obj[key]: the item alone. */
static bool item(struct run *run, struct value of, struct value key, struct value *out)
{
    const struct string *s;
    int64_t at, n;

    if (of.kind == KIND_DICT)
        return of_dict(run, of.as.dict, key, out);
    if (!compare_whole(key, &at))
        return false;
    if (value_sequence(of)) {
        if (!index_in(&at, of.as.list->n))
            return false;
        *out = of.as.list->item[at];
        return true;
    }
    if (of.kind != KIND_STRING)
        return false;
    s = of.as.string;
    if (at < 0) { /* from the end: how many there are is not known yet */
        pool_work(run->pool, s->n);
        if (!index_in(&at, letters_count(s->text, s->n)))
            return false;
    }
    /* From the front the way there is all that is looked at: text[0] of a long text is cheap. */
    n = (int64_t)letters_offset(s->text, s->n, (size_t)at);
    pool_work(run->pool, (size_t)n);
    if ((size_t)n == s->n)
        return false;
    *out = markup_kept(
        value_string(run->pool, s->text + n, letters_offset(s->text + n, s->n - (size_t)n, 1)),
        of);
    return true;
}

struct value evaluate_attribute(struct run *run, struct value of, const struct string *name)
{
    struct value out;

    if (of.kind == KIND_UNDEFINED)
        run_fail_undefined(run, of);
    if (attribute_find(run, of, name, &out) ||
        item(run, of, value_string(run->pool, name->text, name->n), &out))
        return out;
    return absent(run, of, name);
}

struct value evaluate_item(struct run *run, struct value of, struct value key)
{
    struct value out;

    if (of.kind == KIND_UNDEFINED)
        run_fail_undefined(run, of);
    if (item(run, of, key, &out))
        return out;
    if (key.kind == KIND_STRING) {
        if (attribute_find(run, of, key.as.string, &out))
            return out;
        return absent(run, of, key.as.string);
    }
    return value_undefined(run->pool, "'%s object' has no such element", value_type(of));
}

static struct value part(struct run *run, const struct node *node)
{
    return node ? evaluate_node(run, node) : value_none();
}

static struct value listed(struct run *run, const struct node *node, enum value_kind kind)
{
    struct value value = value_list(run->pool, kind, 0);

    for (const struct node *one = node->args; one; one = one->next)
        value_append(run->pool, value.as.list, evaluate_node(run, one));
    return value;
}

/* Each key is computed before its item, from left to right; a key that comes twice keeps its
 * first place and gets the last item. */
static struct value dictionary(struct run *run, const struct node *node)
{
    struct value value = value_dict(run->pool, KIND_DICT);

    for (const struct node *one = node->args; one; one = one->next->next) {
        const struct value key = evaluate_node(run, one);

        value_put(run->pool, value.as.dict, key, evaluate_node(run, one->next));
    }
    return value;
}

/* Of anything, as text: the operator that never fails. */
static struct value concat(struct run *run, const struct node *node)
{
    struct text_writer writer = {.text = NULL};

    for (const struct node *one = node->args; one; one = one->next)
        print_str(run, &writer, evaluate_node(run, one));
    return value_written(run->pool, &writer);
}

/* One comparison of a chain. NaN has no order, and equals nothing, not even itself; of two sets
 * neither may be in the other. */
static bool holds(struct run *run, int op, struct value a, struct value b)
{
    static const char *const sign[] = {[0] = "<", [1] = "<=", [2] = ">", [3] = ">="};
    const int which = op == '<' ? 0 : op == OP_LESS_SAME ? 1 : op == '>' ? 2 : 3;
    int order;

    if (op == OP_EQUAL || op == OP_OTHER)
        return compare_equal(run->pool, a, b) == (op == OP_EQUAL);
    if (op == OP_IN || op == OP_NOT_IN)
        return compare_in(run->pool, a, b) == (op == OP_IN);
    order = compare_order(run->pool, a, b, sign[which]);
    if (order == 2)
        return false;
    return which == 0   ? order < 0
           : which == 1 ? order <= 0
           : which == 2 ? order > 0
                        : order >= 0;
}

/* a < b < c: each is computed once, and none behind the first that does not hold. */
static struct value compared(struct run *run, const struct node *node)
{
    struct value left = evaluate_node(run, node->a);

    for (const struct node *one = node->args; one; one = one->next) {
        const struct value right = evaluate_node(run, one->a);

        if (!holds(run, one->op, left, right))
            return value_bool(false);
        left = right;
    }
    return value_bool(true);
}

/* The callee first, then its arguments from left to right: each may have effects. */
static struct value called(struct run *run, const struct node *node)
{
    const struct value callee = evaluate_node(run, node->a);
    const struct args args = call_args(run, node->args, (struct value){.kind = KIND_MISSING});

    run->pool->line = node->line;
    return call_value(run, callee, &args);
}

/* Filters and tests: what stands before them first, then their arguments. The line is that
 * of the name, for the words. */
static struct value filtered(struct run *run, const struct node *node)
{
    const struct value input = evaluate_node(run, node->a);
    const struct args args = call_args(run, node->args, (struct value){.kind = KIND_MISSING});

    run->pool->line = node->line;
    if (node->kind == NODE_TEST)
        return value_bool(test_call(run, &node->name, input, &args));
    return filter_call(run, &node->name, input, &args);
}

/* What chooses between its parts: they are not all computed. */
static struct value chosen(struct run *run, const struct node *node)
{
    struct value value;

    if (node->kind == NODE_CHOICE) {
        if (compare_true(evaluate_node(run, node->a)))
            return evaluate_node(run, node->b);
        return node->c ? evaluate_node(run, node->c)
                       : value_undefined(run->pool, "the inline if-expression evaluated to "
                                                    "false and no else section was defined");
    }
    value = evaluate_node(run, node->a);
    if (compare_true(value) == (node->kind == NODE_OR))
        return value;
    return evaluate_node(run, node->b);
}

/* Python's own slice, without Jinja2's leniency but where it is computed early (fold.h): of what
 * has none it is an error. */
static struct value sliced(struct run *run, const struct node *node)
{
    const struct value of = evaluate_node(run, node->a), start = part(run, node->b);
    const struct value stop = part(run, node->c), step = part(run, node->d);

    if (node->op && !arithmetic_sliceable(of, start, stop, step))
        return value_undefined(run->pool, "'%s object' has no such element", value_type(of));
    return arithmetic_slice(run, of, start, stop, step);
}

static struct value computed(struct run *run, const struct node *node)
{
    struct value left;

    run_step(run, node);
    switch (node->kind) {
    case NODE_TUPLE:
        return listed(run, node, KIND_TUPLE);
    case NODE_LIST:
        return listed(run, node, KIND_LIST);
    case NODE_DICT:
        return dictionary(run, node);
    case NODE_CONCAT:
        return concat(run, node);
    case NODE_BINARY:
        left = evaluate_node(run, node->a);
        return arithmetic(run, node->op, left, evaluate_node(run, node->b));
    case NODE_NEGATIVE:
    case NODE_POSITIVE:
        return arithmetic_sign(run, node->kind == NODE_NEGATIVE, evaluate_node(run, node->a));
    case NODE_ATTRIBUTE:
        return evaluate_attribute(run, evaluate_node(run, node->a), &node->name);
    case NODE_ITEM:
        left = evaluate_node(run, node->a);
        return evaluate_item(run, left, evaluate_node(run, node->b));
    case NODE_SLICE:
        return sliced(run, node);
    case NODE_COMPARE:
        return compared(run, node);
    case NODE_CALL:
        return called(run, node);
    default:
        return filtered(run, node);
    }
}

struct value evaluate_node(struct run *run, const struct node *node)
{
    struct value value;

    run_deeper(run);
    switch (node->kind) {
    case NODE_CONST:
        value = node->value;
        break;
    case NODE_NAME:
        value = run_name(run, &node->name);
        break;
    case NODE_INPUT:
        value = run->input;
        break;
    case NODE_CHOICE:
    case NODE_OR:
    case NODE_AND:
        value = chosen(run, node);
        break;
    case NODE_NOT:
        value = value_bool(!compare_true(evaluate_node(run, node->a)));
        break;
    default:
        value = computed(run, node);
        break;
    }
    run->depth--;
    return value;
}
