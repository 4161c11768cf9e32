/* work: what somebody who annotates does. Each answers one route; self: struct caller. */

#ifndef ANNOTATE_WORK_H
#define ANNOTATE_WORK_H

struct desk_request;

void work_next(void *self, struct desk_request *request);   /* {} */
void work_judge(void *self, struct desk_request *request);  /* {"assignment", ...}: said.h */
void work_undo(void *self, struct desk_request *request);   /* {"id"} */
void work_extend(void *self, struct desk_request *request); /* {"assignment"} */
void work_return(void *self, struct desk_request *request); /* {"assignment"} */

#endif
