/* routes: the table of the server's routes. */

#ifndef ANNOTATE_ROUTES_H
#define ANNOTATE_ROUTES_H

#include "http/route.h"

/* In the order of the file. */
extern const struct route routes_table[];
extern const size_t routes_n;

#endif
