/* review: what reviewers decide: items on which people differ. self: struct caller. */

#ifndef ANNOTATE_REVIEW_H
#define ANNOTATE_REVIEW_H

struct desk_request;

void review_queue(void *self, struct desk_request *request);
void review_take(void *self, struct desk_request *request); /* {"item"} */

#endif
