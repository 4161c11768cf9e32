/* markdown: text of models and people as HTML that does nothing. */

#ifndef ANNOTATE_MARKDOWN_H
#define ANNOTATE_MARKDOWN_H

#include <stddef.h>

/* CommonMark with tables and strikethrough. HTML in the text is shown as the text it is, not
 * left out; pictures become links, so that reading loads nothing; links lead to http, https and
 * mailto alone. Longer than MARKDOWN_MOST, or nested deeper than a reader could follow: the plain
 * text, in a <pre>. Never NULL; free it. */
enum { MARKDOWN_MOST = 64 << 10 };
char *markdown_html(const char *text, size_t n);

#endif
