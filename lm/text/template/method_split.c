/* How it works: parts of a text share its bytes. From the right the parts are found in the
 * other order, and turned round in the end. */
#include "lm/text/template/letters.h"
#include "lm/text/template/machine.h"
#include "lm/text/template/parts.h"
#include "lm/text/utf8.h"

static void reverse(struct list *list)
{
    for (size_t i = 0; i < list->n / 2; i++) {
        const struct value swap = list->item[i];

        list->item[i] = list->item[list->n - 1 - i];
        list->item[list->n - 1 - i] = swap;
    }
}

/* At blanks, of which several are one, and none at the ends count. */
static void split_blanks(struct run *run, const struct string *s, int64_t max, struct list *out)
{
    size_t at = letters_blank_start(s->text, s->n), bytes, from;
    uint32_t cp;

    while (at < s->n) {
        if (max >= 0 && (int64_t)out->n == max) {
            method_text_part(run, out, s, at, s->n);
            return;
        }
        for (from = at; at < s->n; at += bytes) {
            (void)utf8_next(s->text + at, s->n - at, &cp, &bytes);
            if (letters_blank(cp))
                break;
        }
        method_text_part(run, out, s, from, at);
        at += letters_blank_start(s->text + at, s->n - at);
    }
}

/* The same from the right, for a maximum counts from there; then in order. */
static void rsplit_blanks(struct run *run, const struct string *s, int64_t max,
                          struct list *out)
{
    size_t end = letters_blank_end(s->text, s->n), at;

    while (end) {
        if (max >= 0 && (int64_t)out->n == max) {
            method_text_part(run, out, s, 0, end);
            break;
        }
        for (at = end; at; at--) {
            size_t cut = at - 1;
            uint32_t cp;
            size_t bytes;

            while (cut && ((unsigned char)s->text[cut] & 0xc0) == 0x80)
                cut--;
            (void)utf8_next(s->text + cut, at - cut, &cp, &bytes);
            if (letters_blank(cp))
                break;
            at = cut + 1;
        }
        method_text_part(run, out, s, at, end);
        end = letters_blank_end(s->text, at);
    }
    reverse(out);
}

struct value method_split(struct run *run, const struct string *s, const struct value *arg,
                          bool right)
{
    struct value value = value_list(run->pool, KIND_LIST, 0);
    struct list *out = value.as.list;
    const int64_t max = call_int(run, arg[1], -1);
    const struct string *part;
    size_t at = 0, end = s->n, next;

    pool_work(run->pool, s->n);
    if (arg[0].kind == KIND_MISSING || arg[0].kind == KIND_NONE) {
        (right ? rsplit_blanks : split_blanks)(run, s, max, out);
        return value;
    }
    part = call_string(run, arg[0]);
    if (!part->n)
        run_fail(run, "empty separator");
    while (max < 0 || (int64_t)out->n < max) {
        next = method_text_where(run, s, at, end, part, right);
        if (next > s->n)
            break;
        if (right) {
            method_text_part(run, out, s, next + part->n, end);
            end = next;
        } else {
            method_text_part(run, out, s, at, next);
            at = next + part->n;
        }
    }
    method_text_part(run, out, s, at, end);
    if (right)
        reverse(out);
    return value;
}

struct value method_split_lines(struct run *run, const struct string *s, bool keep)
{
    struct value value = value_list(run->pool, KIND_LIST, 0);
    size_t from = 0, bytes;
    uint32_t cp;

    for (size_t at = 0; at < s->n; at += bytes) {
        (void)utf8_next(s->text + at, s->n - at, &cp, &bytes);
        if (!letters_line_break(cp))
            continue;
        if (cp == '\r' && at + 1 < s->n && s->text[at + 1] == '\n')
            bytes = 2;
        method_text_part(run, value.as.list, s, from, at + (keep ? bytes : 0));
        from = at + bytes;
    }
    if (from < s->n)
        method_text_part(run, value.as.list, s, from, s->n);
    return value;
}
