/* The text is first brought into a small alphabet (numeral.h). A scan then goes from left to
 * right; where a number may begin, notation.h reads it. The scan's whole care is what is no
 * number: names with digits in them, exponents and indices of something else, what stands under
 * a root. Each is passed over in one step, so the scan never looks back and is linear.
 *
 * number_read first looks for where an answer says that it is the answer (a line of ####, a
 * box); only without such does the last number of the text count. Who marks an answer and puts
 * no number there gives none, and no other number is taken for it. */

#include "reward/rule/number.h"

#include "base/mem.h"
#include "reward/rule/notation.h"
#include "reward/rule/numeral.h"

#include <ctype.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static bool digit(const char *p)
{
    return isdigit((unsigned char)*p);
}

static bool letter(const char *p)
{
    return isalpha((unsigned char)*p);
}

struct number_found {
    size_t n;
    double last;
    const char *first, *end; /* where the first began, behind the last */
};

/* Is there a sign at p, and no dash? What stands before it decides: 2019-20 and (3)-2 have
 * none. */
static bool sign(const char *begin, const char *p)
{
    const char before = p > begin ? p[-1] : ' ';

    return (*p == '-' || *p == '+') && !isalnum((unsigned char)before) &&
           !strchr(")]}%-+", before);
}

/* The number that begins at p; end NULL: none does. */
static struct notation begins(const char *begin, const char *p)
{
    const bool signs = sign(begin, p);
    const char *q = p + signs;
    struct notation none = {NULL, 0, false}, x;
    bool listed;

    while (signs && *q == '$')
        q++;
    const char before = q > begin ? q[-1] : ' ';
    if (!digit(q) && *q != NUMERAL_FRAC &&
        !(*q == '.' && digit(q + 1) && !isalnum((unsigned char)before) && before != '.'))
        return none;
    listed = before == ',' && q - 1 > begin && digit(q - 2);
    x = notation_read(q, listed);
    x.value = signs && *p == '-' ? -x.value : x.value;
    return x;
}

/* Behind a name that begins at p: H2O, x_1, v1.5; of a LaTeX command the letters only. */
static const char *past_name(const char *begin, const char *p)
{
    const bool command = p > begin && p[-1] == '\\';

    while (letter(p) || (!command && (digit(p) || (*p == '_' && isalnum((unsigned char)p[1])))))
        p++;
    while (digit(p - 1) && *p == '.' && digit(p + 1))
        for (p++; digit(p);)
            p++;
    return p;
}

/* Behind a root and what it is of; p is behind its sign. */
static const char *past_root(const char *begin, const char *p)
{
    p = notation_blank(p);
    p += *p == '{';
    const struct notation x = begins(begin, p);
    return x.end ? x.end : p;
}

static struct number_found scan(const char *begin)
{
    struct number_found f = {0, 0, NULL, NULL};

    for (const char *p = begin; *p;) {
        struct notation x;
        if (letter(p)) {
            p = past_name(begin, p);
            continue;
        }
        if (*p == '^' || (*p == '_' && p > begin && strchr(")]}", p[-1]))) {
            p = notation_past_script(p);
            continue;
        }
        if (*p == NUMERAL_ROOT) {
            p = past_root(begin, p + 1);
            continue;
        }
        x = begins(begin, p);
        if (x.ok) {
            f.first = f.n ? f.first : p;
            f.last = x.value;
            f.end = x.end;
            f.n++;
        }
        p = x.end ? x.end : p + 1;
    }
    return f;
}

/* The last place of `what`, or NULL. */
static char *last_of(char *text, const char *what)
{
    const size_t n = strlen(what), all = strlen(text);

    for (size_t at = all; at >= n; at--)
        if (!memcmp(text + at - n, what, n))
            return text + at - n;
    return NULL;
}

/* A line `#### N`: nothing before the number, at most a unit behind it. A line with two
 * numbers, or with words, is a heading of Markdown and marks nothing. */
static bool marked(char *line, double *out)
{
    struct number_found f;

    line += strspn(line, "#");
    line[strcspn(line, "\n")] = 0;
    f = scan(line);
    if (f.n != 1)
        return false;
    for (const char *p = line; p < f.first; p++)
        if (isalnum((unsigned char)*p))
            return false;
    f.end += strspn(f.end, " \r");
    f.end += strcspn(f.end, " \r");
    f.end += strspn(f.end, " \r");
    *out = f.last;
    return !*f.end;
}

/* The end of what the brace at p opens; of one that is never closed, the text's. */
static char *closing(char *p)
{
    int depth = 0;

    for (; *p; p++) {
        depth += (*p == '{') - (*p == '}');
        if (!depth)
            break;
    }
    return p;
}

bool number_read(const char *text, double *out)
{
    char *const plain_text = numeral_text(text);
    char *box = last_of(plain_text, "\\boxed{"), *hash = last_of(plain_text, "####");
    char *line = hash && (!box || hash > box) ? mem_text(hash) : NULL;
    struct number_found f;

    if (line && marked(line, out)) {
        free(line);
        free(plain_text);
        return true;
    }
    free(line);
    if (box) {
        box += strlen("\\boxed");
        *closing(box) = 0;
        f = scan(box + 1);
    } else {
        f = scan(plain_text);
    }
    free(plain_text);
    if (f.n)
        *out = f.last;
    return f.n > 0;
}

bool number_same(double said, double wanted, double tolerance)
{
    if (said == trunc(said) && wanted == trunc(wanted))
        return said == wanted; /* 12345679 is not nearly 12345678 */
    return fabs(said - wanted) <= tolerance * fabs(wanted);
}
