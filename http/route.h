/* route: which function answers a request: rows of a table, each with the least role that may ask.
 *
 * A path is compared as a whole, once the library has decoded it: nothing of it is joined or looked
 * up, so there is no way through one. */

#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include <stddef.h>

struct desk_request;

struct route {
    const char *method, *path;
    int role; /* the least that may; 0: anyone */
    void (*answer)(void *self, struct desk_request *request);
};

/* The row; NULL with *status 404 for a path that no row has, 405 for one that none has with this
 * method. */
const struct route *route_find(const struct route *table, size_t n, const char *method,
                               const char *path, unsigned *status);

#endif
