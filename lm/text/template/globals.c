/* How it works: a table of functions. strftime_now is a table, too: strftime would speak the
 * user's language, and the day belongs to the run, not to the moment.
 * What raise_exception says is the template's own words for the person, and is shown as such. */
#include "lm/text/template/limits.h"
#include "lm/text/template/machine.h"
#include "lm/text/template/parts.h"
#include "lm/text/template/value.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { RANGE_MAX = 100000 }; /* Jinja2's sandbox */

static struct value range(struct run *run, struct value self, const struct value *arg,
                          const struct args *all)
{
    int64_t start = call_int(run, arg[0], 0), stop = call_int(run, arg[1], 0);
    const int64_t step = call_int(run, arg[2], 1);
    struct value value = value_list(run->pool, KIND_RANGE, 0);

    (void)self;
    (void)all;
    if (arg[1].kind == KIND_MISSING) {
        stop = start;
        start = 0;
    }
    if (!step)
        run_fail(run, "range() arg 3 must not be zero");
    value.as.list->start = start;
    value.as.list->stop = stop;
    value.as.list->step = step;
    for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
        if (value.as.list->n == RANGE_MAX)
            run_fail(run, "range too big: more than %d", RANGE_MAX);
        value_append(run->pool, value.as.list, value_int(i));
        if (__builtin_add_overflow(i, step, &i))
            break;
    }
    return value;
}

/* dict(pairs or a dictionary, name=value …) and namespace(…) */
static struct value filled(struct run *run, enum value_kind kind, const struct args *all)
{
    struct value value = value_dict(run->pool, kind);
    const struct list *pairs = NULL;

    if (all->n > 1)
        run_fail(run, "dict expected at most 1 argument, got %zu", all->n);
    if (all->n && all->item[0].kind == KIND_DICT) {
        for (size_t i = 0; i < all->item[0].as.dict->n; i++)
            value_put(run->pool, value.as.dict, all->item[0].as.dict->key[i],
                      all->item[0].as.dict->item[i]);
    } else if (all->n && all->item[0].kind == KIND_UNDEFINED) {
        run_fail_undefined(run, all->item[0]); /* it is asked for keys, which it has none */
    } else if (all->n) {
        pairs = value_items(run->pool, all->item[0]);
        if (!pairs)
            run_fail(run, "'%s' object is not iterable", value_type(all->item[0]));
    }
    for (size_t i = 0; pairs && i < pairs->n; i++) {
        const struct list *pair = value_items(run->pool, pairs->item[i]);

        if (!pair || pair->n != 2)
            run_fail(run, "dictionary update sequence element #%zu is no pair", i);
        value_put(run->pool, value.as.dict, pair->item[0], pair->item[1]);
    }
    for (size_t i = 0; i < all->named; i++)
        value_put(run->pool, value.as.dict,
                  value_string(run->pool, all->name[i].text, all->name[i].n),
                  all->item[all->n + i]);
    return value;
}

/* dict(…): a new one of another, of pairs, and of names; a later key of the same name
 * replaces the earlier one's item. */
static struct value dict(struct run *run, struct value self, const struct value *arg,
                         const struct args *all)
{
    (void)self;
    (void)arg;
    return filled(run, KIND_DICT, all);
}

/* namespace(…): the one value that changes, for a loop's body cannot set what is outside of
 * it. No name begins with '_' in one. */
static struct value namespace(struct run *run, struct value self, const struct value *arg,
                              const struct args *all)
{
    const struct value value = filled(run, KIND_NAMESPACE, all);

    (void)self;
    (void)arg;
    for (size_t i = 0; i < value.as.dict->n; i++) {
        const struct value key = value.as.dict->key[i];

        if (key.kind == KIND_STRING && key.as.string->n && key.as.string->text[0] == '_')
            run_fail(run, "a namespace's attributes do not begin with '_'");
    }
    return value;
}

/* raise_exception(message): how a template refuses a conversation. The words go to the
 * person, cut to a line's length. */
static struct value raise_exception(struct run *run, struct value self, const struct value *arg,
                                    const struct args *all)
{
    const struct value words = print_string(run, arg[0]);

    (void)self;
    (void)all;
    run_fail(run, "it says: %.*s", (int)(words.as.string->n < 400 ? words.as.string->n : 400),
             words.as.string->text);
}

static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};

/* The number that a letter stands for, and how many digits it has. */
static bool numbered(const struct tm *now, char letter, int *number, int *width)
{
    const int hour = now->tm_hour % 12 ? now->tm_hour % 12 : 12;
    const struct {
        char letter;
        int number, width;
    } row[] = {{'d', now->tm_mday, 2},
               {'m', now->tm_mon + 1, 2},
               {'y', now->tm_year % 100, 2},
               {'Y', now->tm_year + 1900, 4},
               {'H', now->tm_hour, 2},
               {'I', hour, 2},
               {'M', now->tm_min, 2},
               {'S', now->tm_sec, 2},
               {'j', now->tm_yday + 1, 3},
               {'w', now->tm_wday, 1},
               {'u', now->tm_wday ? now->tm_wday : 7, 1},
               {'f', 0, 6}};

    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (row[i].letter == letter) {
            *number = row[i].number;
            *width = row[i].width;
            return true;
        }
    return false;
}

/* Words, and shorthands for several. */
static const char *worded(const struct tm *now, char letter, int *n)
{
    *n = 64;
    switch (letter) {
    case 'a':
        *n = 3;
        return days[now->tm_wday % 7];
    case 'A':
        return days[now->tm_wday % 7];
    case 'b':
    case 'h':
        *n = 3;
        return months[now->tm_mon % 12];
    case 'B':
        return months[now->tm_mon % 12];
    case 'p':
        return now->tm_hour < 12 ? "AM" : "PM";
    case 'F':
        return "%Y-%m-%d";
    case 'T':
        return "%H:%M:%S";
    case 'D':
        return "%m/%d/%y";
    case 'R':
        return "%H:%M";
    case '%':
        return "%";
    default:
        return NULL;
    }
}

static void write_time(struct run *run, struct text_writer *writer, const char *fmt, size_t n,
                       int depth)
{
    for (size_t i = 0; i < n; i++) {
        char digits[16];
        const char *word;
        int number, width;
        bool bare;

        /* A format may be as long as a text may be, and is read again by every call. */
        pool_work(run->pool, 4 * JINJA_WORK_VALUE);
        if (fmt[i] != '%' || i + 1 == n) {
            value_write(run->pool, writer, &fmt[i], 1);
            continue;
        }
        bare = fmt[i + 1] == '-' && i + 2 < n;
        i += bare ? 2 : 1;
        if (numbered(run->now, fmt[i], &number, &width)) {
            snprintf(digits, sizeof digits, "%0*d", bare ? 1 : width, number);
            value_write(run->pool, writer, digits, strlen(digits));
            continue;
        }
        word = worded(run->now, fmt[i], &width);
        if (!word)
            pool_fail(run->pool, ERR_RANGE, "strftime_now: %%%c is not done here", fmt[i]);
        if (word[0] == '%' && word[1] && !depth)
            write_time(run, writer, word, strlen(word), 1);
        else
            value_write(run->pool, writer, word, strnlen(word, (size_t)width));
    }
}

/* The day is the run's: a template that says it must say the same tomorrow. */
static struct value strftime_now(struct run *run, struct value self, const struct value *arg,
                                 const struct args *all)
{
    const struct string *fmt = call_string(run, arg[0]);
    struct text_writer writer = {.text = NULL};

    (void)self;
    (void)all;
    if (!run->now)
        pool_fail(run->pool, ERR_RANGE, "strftime_now: no day was given");
    write_time(run, &writer, fmt->text, fmt->n, 0);
    return value_written(run->pool, &writer);
}

/* Behind all variables: a template that sets one of these names hides it, and so does a
 * variable. */
bool globals_find(struct run *run, const struct string *name, struct value *out)
{
    static const struct builtin row[] = {
        {"range", "start,stop,step", 1, range},
        {"dict", "*", 0, dict},
        {"namespace", "*", 0, namespace},
        {"raise_exception", "message", 1, raise_exception},
        {"strftime_now", "format", 1, strftime_now},
    };
    static const char *const refused[] = {"lipsum", "cycler", "joiner"};
    const struct builtin *found = call_find(row, sizeof row / sizeof *row, name);

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (name->n == strlen(refused[i]) && !memcmp(name->text, refused[i], name->n))
            pool_fail(run->pool, ERR_RANGE, "%s is not done here", refused[i]);
    if (found)
        *out = call_bound(run, found, value_none());
    return found != NULL;
}
