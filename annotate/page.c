/* A few dozen kilobytes that never change while the program runs: found by name, in a list. */
#include "annotate/page.h"

#include "http/desk.h"

#include <string.h>

static const char *kind_of(const char *name)
{
    static const char *const kinds[][2] = {{".html", "text/html; charset=utf-8"},
                                           {".js", "text/javascript; charset=utf-8"},
                                           {".css", "text/css; charset=utf-8"},
                                           {".svg", "image/svg+xml"}};
    const char *end = strrchr(name, '.');

    for (size_t i = 0; end && i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(end, kinds[i][0]))
            return kinds[i][1];
    return "application/octet-stream";
}

void page_answer(void *self, struct desk_request *request)
{
    const char *name = request->path + 1;

    (void)self;
    if (!*name)
        name = "index.html";
    else if (!strcmp(name, "admin"))
        name = "admin.html";
    for (size_t i = 0; i < page_bytes_n; i++)
        if (!strcmp(page_bytes[i].name, name))
            desk_say(request, 200, kind_of(name), (const char *)page_bytes[i].bytes,
                     page_bytes[i].n);
}
