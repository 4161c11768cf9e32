/* How it works: what a value has by '.' that is no key. Loops, namespaces and groups have names of
 * their own; numbers and ranges have parts; the rest are methods.
 * An attribute that is not there is undefined, and printed as nothing. So one that Python has and
 * that is not done here must not seem to be absent: those are listed, and refused. */
#include "lm/text/template/machine.h"
#include "lm/text/template/parts.h"
#include "lm/text/template/value.h"

#include <string.h>

/* Names are parts of the source or of a text that a template made, so they may hold NUL bytes
 * and have no end of their own. */
static bool is(const struct string *name, const char *word)
{
    return name->n == strlen(word) && !memcmp(name->text, word, name->n);
}

/* Python counts integers among the rationals, and all numbers among the complex ones. */
static bool of_number(struct value of, const struct string *name, struct value *out)
{
    int64_t whole;

    if (!compare_whole(of, &whole)) {
        *out = is(name, "real") ? of : value_float(0);
        return is(name, "real") || is(name, "imag");
    }
    if (is(name, "real") || is(name, "numerator"))
        *out = value_int(whole);
    else
        *out = value_int(is(name, "denominator"));
    return is(name, "real") || is(name, "numerator") || is(name, "denominator") ||
           is(name, "imag");
}

/* As the range was asked for, whatever it came to. */
static bool of_range(struct value of, const struct string *name, struct value *out)
{
    const struct list *range = of.as.list;

    *out = value_int(is(name, "start")  ? range->start
                     : is(name, "stop") ? range->stop
                                        : range->step);
    return is(name, "start") || is(name, "stop") || is(name, "step");
}

/* groupby's pairs: a tuple with names. */
static bool of_group(struct value of, const struct string *name, struct value *out)
{
    *out = of.as.list->item[is(name, "list")];
    return is(name, "list") || is(name, "grouper");
}

/* A namespace has nothing but what was set in it: not even a method, so that any name may be
 * chosen for what a loop hands out. */
static bool of_namespace(struct run *run, struct value of, const struct string *name,
                         struct value *out)
{
    const struct value *there =
        value_find(run->pool, of.as.dict, value_string(run->pool, name->text, name->n));

    if (there)
        *out = *there;
    return there != NULL;
}

/* What Python's values of this kind have beyond what is here; "": nothing. */
static const char *lacking(struct value of)
{
    switch (of.kind) {
    case KIND_BOOL:
    case KIND_INT:
        return "as_integer_ratio bit_count bit_length conjugate from_bytes to_bytes";
    case KIND_FLOAT:
        return "as_integer_ratio conjugate fromhex hex";
    case KIND_STRING:
        return of.safe ? "escape striptags unescape" : "";
    case KIND_DICT:
        return "fromkeys";
    case KIND_VIEW:
        return "mapping";
    case KIND_ITERATOR:
        return !strcmp(of.as.iterator->name, "generator")
                   ? "close gi_running gi_suspended gi_yieldfrom send throw"
                   : "";
    case KIND_CALLABLE: /* dict itself */
        return of.as.callable->builtin && !strcmp(of.as.callable->builtin->name, "dict")
                   ? "fromkeys"
                   : "";
    default:
        return "";
    }
}

/* Asked last: a dictionary's own keys and the sandbox's bans have had their say, and whoever
 * gets here would print nothing where Python prints something. */
static void refuse(struct run *run, struct value of, const struct string *name)
{
    const char *word = lacking(of);
    size_t n;

    for (; *word; word += n + (word[n] == ' ')) {
        n = strcspn(word, " ");
        if (name->n == n && !memcmp(name->text, word, n))
            pool_fail(run->pool, ERR_RANGE, "the attribute %.*s of '%s' is not done here",
                      (int)n, word, value_type(of));
    }
}

/* Loops and namespaces answer for themselves alone. Of the others parts come before methods,
 * which is no matter of order: no name is both. */
bool attribute_find(struct run *run, struct value of, const struct string *name,
                    struct value *out)
{
    if (of.kind == KIND_LOOP)
        return each_attribute(run, of.as.loop, name, out);
    if (of.kind == KIND_NAMESPACE)
        return of_namespace(run, of, name, out);
    if ((of.kind == KIND_GROUP && of_group(of, name, out)) ||
        (of.kind == KIND_RANGE && of_range(of, name, out)) ||
        (compare_number(of) && of_number(of, name, out)) || method_find(run, of, name, out))
        return true;
    refuse(run, of, name);
    return false;
}
