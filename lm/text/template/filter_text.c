/* How it works: most take whatever they are given as text first, as Jinja2 does.
 * indent and center count characters and lines as Python does, down to which side the odd
 * blank goes. */
#include "lm/text/template/letters.h"
#include "lm/text/template/limits.h"
#include "lm/text/template/parts.h"
#include "lm/text/template/value.h"
#include "lm/text/utf8.h"

#include <string.h>

#define UNUSED (void)run, (void)self, (void)arg, (void)all

/* value|upper: of the value's text, by Unicode's full mapping: one character may become two. */
static struct value upper(struct run *run, struct value self, const struct value *arg,
                          const struct args *all)
{
    UNUSED;
    return markup_kept(letters_case(run->pool, print_string(run, self).as.string, 'u'), self);
}

/* value|lower: of the value's text; the Greek sigma at the end of a word has its own small
 * letter. */
static struct value lower(struct run *run, struct value self, const struct value *arg,
                          const struct args *all)
{
    UNUSED;
    return markup_kept(letters_case(run->pool, print_string(run, self).as.string, 'l'), self);
}

/* value|capitalize: the first character in title case, all others small, whatever they were. */
static struct value capitalize(struct run *run, struct value self, const struct value *arg,
                               const struct args *all)
{
    UNUSED;
    return markup_kept(letters_case(run->pool, print_string(run, self).as.string, 'c'), self);
}

static bool between_words(uint32_t cp)
{
    return letters_blank(cp) || (cp && cp < 0x80 && strchr("-({[<", (int)cp));
}

static void put_cased(struct run *run, struct text_writer *writer, const char *text, size_t n,
                      char how)
{
    const struct string part = {text, n};
    const struct value cased = letters_case(run->pool, &part, how);

    value_write(run->pool, writer, cased.as.string->text, cased.as.string->n);
}

/* The first character of what stands between blanks, '-' and opening brackets is a capital;
 * str.title has other words. */
static struct value title(struct run *run, struct value self, const struct value *arg,
                          const struct args *all)
{
    const struct string *s = print_string(run, self).as.string;
    struct text_writer writer = {.text = NULL};
    size_t bytes = 0, end, first;
    uint32_t cp;

    UNUSED;
    for (size_t at = 0; at < s->n; at = end) {
        for (end = at; end < s->n; end += bytes) {
            (void)utf8_next(s->text + end, s->n - end, &cp, &bytes);
            if (between_words(cp))
                break;
        }
        first = letters_offset(s->text + at, end - at, 1);
        put_cased(run, &writer, s->text + at, first, 'u');
        put_cased(run, &writer, s->text + at + first, end - at - first, 'l');
        if (end < s->n) {
            value_write(run->pool, &writer, s->text + end, bytes);
            end += bytes;
        }
    }
    return value_written(run->pool, &writer);
}

/* value|trim(chars): strip of the value's text; with blanks as Python counts them, the
 * separators of ASCII among them. */
static struct value trim(struct run *run, struct value self, const struct value *arg,
                         const struct args *all)
{
    UNUSED;
    return markup_kept(method_text_strip(run, print_string(run, self).as.string, arg[0], 'b'),
                       self);
}

/* value|string: str(value), a text as it is. This is where none becomes "None" and true
 * "True". */
static struct value string(struct run *run, struct value self, const struct value *arg,
                           const struct args *all)
{
    UNUSED;
    return print_string(run, self);
}

/* value|replace(old, new, count): of texts that are made of all three, so that numbers may
 * be given. */
static struct value replace(struct run *run, struct value self, const struct value *arg,
                            const struct args *all)
{
    const bool some = arg[2].kind != KIND_MISSING && arg[2].kind != KIND_NONE;

    UNUSED;
    return method_text_replace(
        run, print_string(run, self).as.string, print_string(run, arg[0]).as.string,
        print_string(run, arg[1]).as.string, some ? call_int(run, arg[2], -1) : -1);
}

/* value|center(width): blanks at both sides, in characters, nothing cut when it is longer
 * already. */
static struct value center(struct run *run, struct value self, const struct value *arg,
                           const struct args *all)
{
    const struct string *s = print_string(run, self).as.string;
    const int64_t width = call_int(run, arg[0], 80);
    const int64_t short_by = width - (int64_t)letters_count(s->text, s->n);
    const int64_t lacks = short_by > 0 ? short_by : 0;
    /* An odd blank goes to the left if the width is odd, as str.center has it. */
    const int64_t left = lacks / 2 + (lacks & width & 1);
    struct text_writer writer = {.text = NULL};

    UNUSED;
    pool_work(run->pool, s->n);
    for (int64_t i = 0; i < left; i++)
        value_write(run->pool, &writer, " ", 1);
    value_write(run->pool, &writer, s->text, s->n);
    for (int64_t i = left; i < lacks; i++)
        value_write(run->pool, &writer, " ", 1);
    return markup_kept(value_written(run->pool, &writer), self);
}

/* value|escape: the five characters of HTML by their names. What is safe already stays, and
 * the result is safe. */
static struct value escape(struct run *run, struct value self, const struct value *arg,
                           const struct args *all)
{
    UNUSED;
    return markup_escape(run, self);
}

/* value|forceescape: the same for what is safe already, which is then escaped twice. */
static struct value forceescape(struct run *run, struct value self, const struct value *arg,
                                const struct args *all)
{
    self.safe = false;
    return escape(run, self, arg, all);
}

/* Nothing is escaped of itself here, so a safe text is a text; "escaped" tells the two apart. */
static struct value safe(struct run *run, struct value self, const struct value *arg,
                         const struct args *all)
{
    struct value out = print_string(run, self);

    UNUSED;
    out.safe = true;
    return out;
}

/* text|format(…): the % operator with its values as arguments, by position or by name, not
 * both. */
static struct value format(struct run *run, struct value self, const struct value *arg,
                           const struct args *all)
{
    const struct value fmt = print_string(run, self);
    struct value values = value_list(run->pool, KIND_TUPLE, 0);

    UNUSED;
    if (all->n && all->named)
        run_fail(run, "can't handle positional and keyword arguments at the same time");
    if (all->named) {
        values = value_dict(run->pool, KIND_DICT);
        for (size_t i = 0; i < all->named; i++)
            value_put(run->pool, values.as.dict,
                      value_string(run->pool, all->name[i].text, all->name[i].n), all->item[i]);
    }
    for (size_t i = 0; i < all->n; i++)
        value_append(run->pool, values.as.list, all->item[i]);
    return format_percent(run, fmt, values);
}

/* text|indent(width, first, blank): each line but the first by so many blanks, or by a text;
 * empty lines only when asked. */
static struct value indent(struct run *run, struct value self, const struct value *arg,
                           const struct args *all)
{
    const struct string *s = call_string(run, self);
    const bool first = call_flag(arg[1], false), blank = call_flag(arg[2], false);
    struct text_writer by = {.text = NULL}, writer = {.text = NULL};
    struct text_writer text = {.text = NULL};
    const struct list *lines;

    UNUSED;
    if (arg[0].kind == KIND_STRING)
        value_write(run->pool, &by, arg[0].as.string->text, arg[0].as.string->n);
    else
        for (int64_t i = call_int(run, arg[0], 4); i > 0; i--)
            value_write(run->pool, &by, " ", 1);
    /* One line break more, so that one at the end is kept. */
    value_write(run->pool, &text, s->text, s->n);
    value_write(run->pool, &text, "\n", 1);
    lines = method_split_lines(run, value_written(run->pool, &text).as.string, false).as.list;
    for (size_t i = 0; i < lines->n; i++) {
        const struct string *line = lines->item[i].as.string;

        if (i)
            value_write(run->pool, &writer, "\n", 1);
        if (i ? blank || line->n : first)
            value_write(run->pool, &writer, by.text, by.n);
        value_write(run->pool, &writer, line->text, line->n);
    }
    return markup_kept(value_written(run->pool, &writer), self);
}

/* value|wordcount: runs of letters, digits and '_', by Unicode's categories. */
static struct value wordcount(struct run *run, struct value self, const struct value *arg,
                              const struct args *all)
{
    const struct string *s = print_string(run, self).as.string;
    int64_t words = 0;
    size_t n;

    UNUSED;
    pool_work(run->pool, JINJA_WORK_VALUE * s->n);
    for (size_t at = 0; at < s->n;) {
        n = letters_word(s->text + at, s->n - at);
        words += n > 0;
        at += n ? n : letters_offset(s->text + at, s->n - at, 1);
    }
    return value_int(words);
}

const struct builtin *filter_text_row(const struct string *name)
{
    static const struct builtin row[] = {
        {"capitalize", "", 0, capitalize},
        {"center", "width", 0, center},
        {"e", "", 0, escape},
        {"escape", "", 0, escape},
        {"forceescape", "", 0, forceescape},
        {"format", "*", 0, format},
        {"indent", "width,first,blank", 0, indent},
        {"lower", "", 0, lower},
        {"replace", "old,new,count", 2, replace},
        {"safe", "", 0, safe},
        {"string", "", 0, string},
        {"title", "", 0, title},
        {"trim", "chars", 0, trim},
        {"upper", "", 0, upper},
        {"wordcount", "", 0, wordcount},
    };

    return call_find(row, sizeof row / sizeof *row, name);
}
