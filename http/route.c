/* A table is short and a request costs more than a walk over it: no index. */
#include "http/route.h"

#include <string.h>

const struct route *route_find(const struct route *table, size_t n, const char *method,
                               const char *path, unsigned *status)
{
    *status = 404;
    for (size_t i = 0; i < n; i++)
        if (!strcmp(table[i].path, path)) {
            if (!strcmp(table[i].method, method))
                return &table[i];
            *status = 405;
        }
    return NULL;
}
