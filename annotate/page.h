/* page: the files of the page, which are part of the program (annotate/page/). */

#ifndef ANNOTATE_PAGE_H
#define ANNOTATE_PAGE_H

#include <stddef.h>

struct page_file {
    const char *name; /* "index.html" */
    const unsigned char *bytes;
    size_t n;
};

/* Written by the build (cmake/embed.cmake). */
extern const struct page_file page_bytes[];
extern const size_t page_bytes_n;

struct desk_request;
/* Answers a route whose path is a file's name; "/" and "/admin" are index.html and admin.html. */
void page_answer(void *self, struct desk_request *request);

#endif
