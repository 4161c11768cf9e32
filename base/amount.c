/* A number and a unit, in any case: decimal with B behind the letter, binary with iB or without. */

#include "base/amount.h"

#include <stdlib.h>
#include <strings.h>

enum err amount_parse(size_t *out, const char *text)
{
    static const struct {
        const char *unit;
        double bytes;
    } units[] = {{"", 1},         {"b", 1},       {"kb", 1e3},     {"mb", 1e6},
                 {"gb", 1e9},     {"tb", 1e12},   {"k", 0x1p10},   {"m", 0x1p20},
                 {"g", 0x1p30},   {"t", 0x1p40},  {"kib", 0x1p10}, {"mib", 0x1p20},
                 {"gib", 0x1p30}, {"tib", 0x1p40}};
    char *end = NULL;
    const double n = strtod(text, &end);

    while (end != text && *end == ' ')
        end++;
    if (end != text && n >= 0)
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
            if (!strcasecmp(end, units[i].unit) && n * units[i].bytes < 1e18) {
                *out = (size_t)(n * units[i].bytes);
                return OK;
            }
    return err_set(ERR_PARSE, "'%s' is not a size such as 6GB or 512MiB", text);
}
