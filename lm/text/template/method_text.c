/* How it works: strings are searched as bytes, which is right for UTF-8, and positions are
 * converted to characters only where Python shows them.
 * Searching counts as work by its length, for a loop of searches in a long text is the cheapest
 * way to keep a processor busy. */
#define _GNU_SOURCE /* memmem */

#include "lm/text/template/letters.h"
#include "lm/text/template/limits.h"
#include "lm/text/template/machine.h"
#include "lm/text/template/parts.h"
#include "lm/text/template/value.h"
#include "lm/text/utf8.h"

#include <string.h>

#define UNUSED (void)run, (void)self, (void)arg, (void)all

/* Where `part` first is from `at` on, or last; n + 1: nowhere. */
size_t method_text_where(struct run *run, const struct string *s, size_t at, size_t end,
                         const struct string *part, bool last)
{
    const char *there;

    if (end - at < part->n || at > end)
        return s->n + 1;
    pool_work(run->pool, (end - at) / 2);
    if (!last) {
        there = part->n ? memmem(s->text + at, end - at, part->text, part->n) : s->text + at;
        return there ? (size_t)(there - s->text) : s->n + 1;
    }
    pool_work(run->pool, (end - at) * (part->n < 8 ? 1 : part->n / 8));
    for (size_t i = end - part->n + 1; i-- > at;)
        if (!part->n || !memcmp(s->text + i, part->text, part->n))
            return i;
    return s->n + 1;
}

/* Whether the character is among `chars`. */
static bool among(struct run *run, const struct string *chars, const char *text, size_t n)
{
    pool_work(run->pool, chars->n / 8);
    return memmem(chars->text, chars->n, text, n) != NULL;
}

struct value method_text_strip(struct run *run, const struct string *s, struct value chars,
                               char side)
{
    const bool blank = chars.kind == KIND_MISSING || chars.kind == KIND_NONE;
    const struct string *set = blank ? NULL : call_string(run, chars);
    size_t start = 0, end = s->n;

    pool_work(run->pool, s->n / 8);
    if (blank) {
        start = side == 'r' ? 0 : letters_blank_start(s->text, s->n);
        end = side == 'l' ? s->n : start + letters_blank_end(s->text + start, s->n - start);
        return value_string(run->pool, s->text + start, end - start);
    }
    while (side != 'r' && start < end) {
        const size_t n = letters_offset(s->text + start, end - start, 1);

        if (!among(run, set, s->text + start, n))
            break;
        start += n;
    }
    while (side != 'l' && end > start) {
        size_t at = end - 1;

        while (at > start && ((unsigned char)s->text[at] & 0xc0) == 0x80)
            at--;
        if (!among(run, set, s->text + at, end - at))
            break;
        end = at;
    }
    return value_string(run->pool, s->text + start, end - start);
}

/* text.strip(chars): without the characters of `chars`, in any order, at both ends; blanks
 * where none are given, and None means none given. */
static struct value strip(struct run *run, struct value self, const struct value *arg,
                          const struct args *all)
{
    UNUSED;
    return method_text_strip(run, self.as.string, arg[0], 'b');
}

/* text.lstrip(chars): the same at the beginning alone. It is a set of characters, no prefix:
 * templates that take it for one get what Python gives them. */
static struct value lstrip(struct run *run, struct value self, const struct value *arg,
                           const struct args *all)
{
    UNUSED;
    return method_text_strip(run, self.as.string, arg[0], 'l');
}

/* text.rstrip(chars): the same at the end alone, which is how templates drop the line breaks
 * behind an answer's thoughts. */
static struct value rstrip(struct run *run, struct value self, const struct value *arg,
                           const struct args *all)
{
    UNUSED;
    return method_text_strip(run, self.as.string, arg[0], 'r');
}

/* The part shares the bytes of the whole: a list of a thousand words costs a thousand small
 * structs, and no copy. */
void method_text_part(struct run *run, struct list *list, const struct string *s, size_t from,
                      size_t to)
{
    value_append(run->pool, list, value_string(run->pool, s->text + from, to - from));
}

/* text.split(sep, maxsplit): a list of the parts; without a separator words, of which
 * several blanks part two as one does. */
static struct value split(struct run *run, struct value self, const struct value *arg,
                          const struct args *all)
{
    UNUSED;
    return method_split(run, self.as.string, arg, false);
}

/* text.rsplit(sep, maxsplit): as split, but a maximum counts from the right, so that the
 * last parts are the ones that are split off. */
static struct value rsplit(struct run *run, struct value self, const struct value *arg,
                           const struct args *all)
{
    UNUSED;
    return method_split(run, self.as.string, arg, true);
}

/* text.splitlines(keepends): at all of Python's line breaks, of which Unicode has ten; a
 * text that ends in one has no empty last line. */
static struct value splitlines(struct run *run, struct value self, const struct value *arg,
                               const struct args *all)
{
    UNUSED;
    return method_split_lines(run, self.as.string, call_flag(arg[0], false));
}

struct value method_text_replace(struct run *run, const struct string *s,
                                 const struct string *old, const struct string *new,
                                 int64_t count)
{
    struct text_writer writer = {.text = NULL};
    size_t at = 0, next, step;

    for (; count; count--) {
        next = method_text_where(run, s, at, s->n, old, false);
        if (next > s->n)
            break;
        value_write(run->pool, &writer, s->text + at, next - at);
        value_write(run->pool, &writer, new->text, new->n);
        at = next + old->n;
        if (old->n)
            continue;
        /* The empty text stands before each character, and behind the last one. */
        if (at == s->n)
            break;
        step = letters_offset(s->text + at, s->n - at, 1);
        value_write(run->pool, &writer, s->text + at, step);
        at += step;
    }
    value_write(run->pool, &writer, s->text + at, s->n - at);
    return value_written(run->pool, &writer);
}

/* What a safe text takes in is escaped. */
static struct value put_into(struct run *run, struct value self, struct value value)
{
    return self.safe ? markup_escape(run, value) : value;
}

/* text.replace(old, new, count): from the left, those that do not overlap; a negative count
 * means all of them. */
static struct value replace(struct run *run, struct value self, const struct value *arg,
                            const struct args *all)
{
    UNUSED;
    return method_text_replace(run, self.as.string, call_string(run, arg[0]),
                               call_string(run, put_into(run, self, arg[1])),
                               call_int(run, arg[2], -1));
}

/* [start, end) of the search, in bytes; false: it is empty from the outset. */
static bool window(struct run *run, const struct string *s, const struct value *arg,
                   size_t *from, size_t *to)
{
    const bool whole = arg[0].kind <= KIND_NONE && arg[1].kind <= KIND_NONE;
    int64_t n, start = 0, end;

    /* Without bounds nothing is counted: startswith looks at the prefix alone, however long the
     * text is. */
    *from = 0;
    *to = s->n;
    if (whole && arg[0].kind != KIND_UNDEFINED && arg[1].kind != KIND_UNDEFINED)
        return true;
    pool_work(run->pool, 2 * s->n);
    end = n = (int64_t)letters_count(s->text, s->n);
    if (arg[0].kind != KIND_NONE)
        start = call_int(run, arg[0], 0);
    if (arg[1].kind != KIND_NONE)
        end = call_int(run, arg[1], n);
    start = start < 0 ? (start < -n ? 0 : start + n) : start;
    end = end < 0 ? (end < -n ? 0 : end + n) : end > n ? n : end;
    if (start > end)
        return false;
    *from = letters_offset(s->text, s->n, (size_t)start);
    *to = letters_offset(s->text, s->n, (size_t)end);
    return true;
}

/* startswith, endswith: of a text or a tuple of them. */
static struct value at_end(struct run *run, struct value self, const struct value *arg,
                           bool end)
{
    const struct string *s = self.as.string, *part;
    const bool several = arg[0].kind == KIND_TUPLE;
    size_t from, to;
    const bool any = window(run, s, arg + 1, &from, &to);

    /* What is no text is an error in an empty window, too. */
    for (size_t i = 0; i < (several ? arg[0].as.list->n : 1); i++) {
        part = call_string(run, several ? arg[0].as.list->item[i] : arg[0]);
        pool_work(run->pool, part->n / 8);
        if (any && part->n <= to - from &&
            !memcmp(s->text + (end ? to - part->n : from), part->text, part->n))
            return value_bool(true);
    }
    return value_bool(false);
}

/* text.startswith(prefix, start, end): a tuple of texts asks for any of them; the empty text
 * begins everything within bounds. */
static struct value startswith(struct run *run, struct value self, const struct value *arg,
                               const struct args *all)
{
    UNUSED;
    return at_end(run, self, arg, false);
}

/* text.endswith(suffix, start, end): the same at the end of the window, which is cut before
 * it is looked at. */
static struct value endswith(struct run *run, struct value self, const struct value *arg,
                             const struct args *all)
{
    UNUSED;
    return at_end(run, self, arg, true);
}

/* Where a text is in a window of another, in characters from the beginning of the whole; -1:
 * nowhere. */
static int64_t found(struct run *run, struct value self, const struct value *arg, bool last)
{
    const struct string *s = self.as.string, *part = call_string(run, arg[0]);
    size_t from, to, at;

    if (!window(run, s, arg + 1, &from, &to))
        return -1;
    at = method_text_where(run, s, from, to, part, last);
    pool_work(run->pool, at > s->n ? 0 : at);
    return at > s->n ? -1 : (int64_t)letters_count(s->text, at);
}

/* text.find(sub, start, end): the first place, or -1, which is a number like any other to
 * the template that forgets to ask. */
static struct value find_first(struct run *run, struct value self, const struct value *arg,
                               const struct args *all)
{
    UNUSED;
    return value_int(found(run, self, arg, false));
}

/* text.rfind(sub, start, end): the last place, or -1. The search goes backwards and counts
 * as work by its length. */
static struct value find_last(struct run *run, struct value self, const struct value *arg,
                              const struct args *all)
{
    UNUSED;
    return value_int(found(run, self, arg, true));
}

/* text.index(sub, start, end): as find, but that there is none is an error, as in Python. */
static struct value index_first(struct run *run, struct value self, const struct value *arg,
                                const struct args *all)
{
    const int64_t at = found(run, self, arg, false);

    UNUSED;
    if (at < 0)
        run_fail(run, "substring not found");
    return value_int(at);
}

/* text.rindex(sub, start, end): as rfind, but that there is none is an error, as in Python. */
static struct value index_last(struct run *run, struct value self, const struct value *arg,
                               const struct args *all)
{
    const int64_t at = found(run, self, arg, true);

    UNUSED;
    if (at < 0)
        run_fail(run, "substring not found");
    return value_int(at);
}

/* Those that do not overlap; the empty text is between all characters. */
static struct value count(struct run *run, struct value self, const struct value *arg,
                          const struct args *all)
{
    const struct string *s = self.as.string, *part = call_string(run, arg[0]);
    int64_t n = 0;
    size_t from, to;

    UNUSED;
    if (!window(run, s, arg + 1, &from, &to))
        return value_int(0);
    pool_work(run->pool, part->n ? 0 : to - from);
    if (!part->n)
        return value_int((int64_t)letters_count(s->text + from, to - from) + 1);
    for (size_t at = from; (at = method_text_where(run, s, at, to, part, false)) <= s->n;
         at += part->n)
        n++;
    return value_int(n);
}

/* Of texts alone: the filter of this name takes anything. */
static struct value join(struct run *run, struct value self, const struct value *arg,
                         const struct args *all)
{
    const struct list *list = value_items(run->pool, arg[0]);
    struct text_writer writer = {.text = NULL};

    UNUSED;
    if (!list)
        run_fail(run, "can only join an iterable");
    for (size_t i = 0; i < list->n; i++) {
        const struct value item = put_into(run, self, list->item[i]);

        if (item.kind != KIND_STRING)
            run_fail(run, "sequence item %zu: expected str instance, %s found", i,
                     value_type(item));
        if (i)
            value_write(run->pool, &writer, self.as.string->text, self.as.string->n);
        value_write(run->pool, &writer, item.as.string->text, item.as.string->n);
    }
    return value_written(run->pool, &writer);
}

/* text.format(…): braces; the values by position and by name, as they were given, for which
 * fields there are is known only when they are read. */
static struct value format(struct run *run, struct value self, const struct value *arg,
                           const struct args *all)
{
    UNUSED;
    return format_braces(run, self, all);
}

/* text.removeprefix(prefix): once, and only if it is there; what people mean when they write
 * lstrip. */
static struct value removeprefix(struct run *run, struct value self, const struct value *arg,
                                 const struct args *all)
{
    const struct string *s = self.as.string, *part = call_string(run, arg[0]);

    UNUSED;
    if (part->n > s->n || memcmp(s->text, part->text, part->n))
        return self;
    return value_string(run->pool, s->text + part->n, s->n - part->n);
}

/* Once, unlike strip, which takes characters as often as they come. */
static struct value removesuffix(struct run *run, struct value self, const struct value *arg,
                                 const struct args *all)
{
    const struct string *s = self.as.string, *part = call_string(run, arg[0]);

    UNUSED;
    if (part->n > s->n || memcmp(s->text + s->n - part->n, part->text, part->n))
        return self;
    return value_string(run->pool, s->text, s->n - part->n);
}

/* What stands before, the separator itself, and what stands behind it; without one the whole
 * text is the first part, or the last one from the right. */
static struct value partition_at(struct run *run, struct value self, struct value by, bool last)
{
    const struct string *s = self.as.string, *part = call_string(run, by);
    struct value value = value_list(run->pool, KIND_TUPLE, 3);
    size_t at;

    if (!part->n)
        run_fail(run, "empty separator");
    at = method_text_where(run, s, 0, s->n, part, last);
    if (at > s->n) {
        method_text_part(run, value.as.list, s, 0, last ? 0 : s->n);
        method_text_part(run, value.as.list, s, 0, 0);
        method_text_part(run, value.as.list, s, 0, last ? s->n : 0);
        return value;
    }
    method_text_part(run, value.as.list, s, 0, at);
    method_text_part(run, value.as.list, s, at, at + part->n);
    method_text_part(run, value.as.list, s, at + part->n, s->n);
    return value;
}

/* text.partition(sep): at the first of them, always three parts, so that a template can
 * unpack it. */
static struct value partition(struct run *run, struct value self, const struct value *arg,
                              const struct args *all)
{
    UNUSED;
    return partition_at(run, self, arg[0], false);
}

/* text.rpartition(sep): at the last of them; without one the whole text is the third part. */
static struct value rpartition(struct run *run, struct value self, const struct value *arg,
                               const struct args *all)
{
    UNUSED;
    return partition_at(run, self, arg[0], true);
}

const struct builtin *method_text_row(struct run *run, const struct string *name)
{
    static const struct builtin row[] = {
        {"strip", "chars", 0, strip},
        {"lstrip", "chars", 0, lstrip},
        {"rstrip", "chars", 0, rstrip},
        {"split", "sep,maxsplit", 0, split},
        {"rsplit", "sep,maxsplit", 0, rsplit},
        {"splitlines", "keepends", 0, splitlines},
        {"replace", "old,new,count", 2, replace},
        {"startswith", "prefix,start,end", 1, startswith},
        {"endswith", "suffix,start,end", 1, endswith},
        {"find", "sub,start,end", 1, find_first},
        {"rfind", "sub,start,end", 1, find_last},
        {"index", "sub,start,end", 1, index_first},
        {"rindex", "sub,start,end", 1, index_last},
        {"count", "sub,start,end", 1, count},
        {"join", "iterable", 1, join},
        {"format", "*", 0, format},
        {"removeprefix", "prefix", 1, removeprefix},
        {"removesuffix", "suffix", 1, removesuffix},
        {"partition", "sep", 1, partition},
        {"rpartition", "sep", 1, rpartition},
    };
    static const char *const refused[] = {"center",    "ljust",      "rjust",
                                          "zfill",     "expandtabs", "encode",
                                          "translate", "maketrans",  "format_map"};

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (name->n == strlen(refused[i]) && !memcmp(name->text, refused[i], name->n))
            pool_fail(run->pool, ERR_RANGE, "the method %s of a text is not done here",
                      refused[i]);
    return method_case_row(name) ? method_case_row(name)
                                 : call_find(row, sizeof row / sizeof *row, name);
}
