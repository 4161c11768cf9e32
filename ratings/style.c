/* How: line by line. A fence (three back-ticks or tildes) opens or ends a piece of code, whose
 * marks are program text and no style; its characters count all the same. */

#include "ratings/style.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

const char *const style_names[] = {"length", "lists", "headers", "bold", NULL};

static bool is_fence(const char *line)
{
    return !strncmp(line, "```", 3) || !strncmp(line, "~~~", 3);
}

/* "- ", "* ", "+ ", "12. ", "3) " */
static bool is_item(const char *line)
{
    size_t digits = 0;

    if (*line && strchr("-*+", *line))
        return line[1] == ' ';
    while (isdigit((unsigned char)line[digits]))
        digits++;
    return digits && (line[digits] == '.' || line[digits] == ')') && line[digits + 1] == ' ';
}

/* Markdown wants the blank: "#hashtag" is a word. */
static bool is_header(const char *line)
{
    const size_t depth = strspn(line, "#");

    return depth >= 1 && depth <= 6 && line[depth] == ' ';
}

/* Passages between two ** or two __ on one line. */
static double bold_in(const char *line, size_t n)
{
    double marks = 0, lows = 0;

    for (size_t i = 0; i + 1 < n; i++) {
        if (line[i] != line[i + 1] || (line[i] != '*' && line[i] != '_'))
            continue;
        *(line[i] == '*' ? &marks : &lows) += 1;
        i++;
    }
    return floor(marks / 2) + floor(lows / 2);
}

/* Bytes that go on with a character are not counted: a letter is one, in any script. */
void style_count(double count[STYLE_MARKS], const char *text)
{
    bool code = false;

    for (int k = 0; k < STYLE_MARKS; k++)
        count[k] = 0;
    for (const char *at = text; *at; at++)
        count[STYLE_LENGTH] += ((unsigned char)*at & 0xC0) != 0x80;
    while (*text) {
        const size_t n = strcspn(text, "\n");
        const char *line = text + strspn(text, " \t");
        if (is_fence(line)) {
            code = !code;
        } else if (!code) {
            count[STYLE_LISTS] += is_item(line);
            count[STYLE_HEADERS] += is_header(line);
            count[STYLE_BOLD] += bold_in(text, n);
        }
        text += n + (text[n] != 0);
    }
}

/* Counts, not shares: the tenth item of a list sways nobody as the first does, hence the
 * logarithm; 1 is added because most answers have none. */
double style_more(double a, double b)
{
    return log1p(a) - log1p(b);
}
