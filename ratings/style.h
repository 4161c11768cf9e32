/* style: what of an answer's looks sways people: its length, lists, headers and bold words.
 *
 * Markdown is counted as Chatbot Arena's style control counts it: outside fenced code. */

#ifndef RATINGS_STYLE_H
#define RATINGS_STYLE_H

enum style_mark { STYLE_LENGTH, STYLE_LISTS, STYLE_HEADERS, STYLE_BOLD, STYLE_MARKS };
extern const char *const style_names[]; /* "length", ..., "bold", NULL-ended */

/* count [STYLE_MARKS]: characters; lines that are items of a list; headers; bold passages. */
void style_count(double count[STYLE_MARKS], const char *text);

/* ln (1 + a) - ln (1 + b): what a fit takes of two counts. Twice as much of it is .69. */
double style_more(double a, double b);

#endif
