/* hffamily: keys of config.json whose meaning hangs on one another, family by family: what the rows
 * of hfkeys cannot say. */

#ifndef LM_FILE_HFFAMILY_H
#define LM_FILE_HFFAMILY_H

#include "lm/file/hfreader.h"
#include "lm/model/shape.h"

/* Behind the numbers of the rows, before what is derived from them. */
void hffamily_read(struct hfreader *reader, struct shape *shape);

/* What each layer does, behind the windows of hfwindow: which are not rotated, which are local. */
void hffamily_layers(struct hfreader *reader, struct shape *shape);

/* The inverse of both. */
void hffamily_write(json_t *config, const struct shape *shape);

#endif
