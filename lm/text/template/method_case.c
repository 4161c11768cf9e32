/* How it works: letters_case and letters_all do the work; here is a function for each letter
 * that they take. */
#include "lm/text/template/letters.h"
#include "lm/text/template/limits.h"
#include "lm/text/template/machine.h"
#include "lm/text/template/parts.h"

#define UNUSED (void)run, (void)self, (void)arg, (void)all

/* One function a letter that letters_case or letters_all takes. */
#define CASED(name, how) \
    static struct value name(struct run *run, struct value self, const struct value *arg, \
                             const struct args *all) \
    { \
        UNUSED; \
        return letters_case(run->pool, self.as.string, how); \
    }
#define ASKED(name, what) \
    static struct value name(struct run *run, struct value self, const struct value *arg, \
                             const struct args *all) \
    { \
        UNUSED; \
        pool_work(run->pool, JINJA_WORK_VALUE *self.as.string->n); \
        return value_bool(letters_all(self.as.string, what)); \
    }
/* text.upper(): one character may become two or three, so it may grow. */
CASED(to_upper, 'u')
/* text.lower(): the sigma at the end of a word has its own. */
CASED(to_lower, 'l')
/* text.title(): a capital behind whatever is no letter, an apostrophe too. */
CASED(to_title, 't')
/* text.capitalize(): title case for the first, small for the rest. */
CASED(to_capitalize, 'c')
/* text.swapcase(): there and back is not always the same text. */
CASED(to_swapcase, 's')
/* text.casefold(): for comparing; the sharp s is two letters. */
CASED(to_casefold, 'f')
/* text.isupper(): some letter has a case, and no small one is there. */
ASKED(is_upper, 'u')
/* text.islower(): the same for capitals. */
ASKED(is_lower, 'l')
/* text.istitle(): capitals begin words, and stand nowhere else. */
ASKED(is_title, 't')
/* text.isalpha(): letters, one at least. */
ASKED(is_alpha, 'a')
/* text.isdigit(): superscripts, too. */
ASKED(is_digit, 'd')
/* text.isdecimal(): what int() takes. */
ASKED(is_decimal, 'e')
/* text.isnumeric(): fractions and numerals, too. */
ASKED(is_numeric, 'n')
/* text.isalnum(): letters and numbers. */
ASKED(is_alnum, 'w')
/* text.isspace(): blanks, one at least. */
ASKED(is_space, 's')
/* text.isascii(): the empty text is, too. */
ASKED(is_ascii, 'i')
/* text.isprintable(): what repr would show as it is. */
ASKED(is_printable, 'p')
/* text.isidentifier(): what could be a name, keywords among them. */
ASKED(is_identifier, 'k')

const struct builtin *method_case_row(const struct string *name)
{
    static const struct builtin row[] = {
        {"upper", "", 0, to_upper},           {"lower", "", 0, to_lower},
        {"title", "", 0, to_title},           {"capitalize", "", 0, to_capitalize},
        {"swapcase", "", 0, to_swapcase},     {"casefold", "", 0, to_casefold},
        {"isupper", "", 0, is_upper},         {"islower", "", 0, is_lower},
        {"istitle", "", 0, is_title},         {"isalpha", "", 0, is_alpha},
        {"isdigit", "", 0, is_digit},         {"isdecimal", "", 0, is_decimal},
        {"isnumeric", "", 0, is_numeric},     {"isalnum", "", 0, is_alnum},
        {"isspace", "", 0, is_space},         {"isascii", "", 0, is_ascii},
        {"isprintable", "", 0, is_printable}, {"isidentifier", "", 0, is_identifier},
    };

    return call_find(row, sizeof row / sizeof *row, name);
}
