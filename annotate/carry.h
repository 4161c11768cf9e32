/* carry: what an admin takes along, as files. self: struct caller. */

#ifndef ANNOTATE_CARRY_H
#define ANNOTATE_CARRY_H

struct desk_request;

void carry_snapshot(void *self, struct desk_request *request);
/* ?format=F&labels=L, words of annotate/exchange/export.h and labels.h. */
void carry_export(void *self, struct desk_request *request);

#endif
