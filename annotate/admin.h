/* admin: what who runs the annotation sees and does. self: struct caller. */

#ifndef ANNOTATE_ADMIN_H
#define ANNOTATE_ADMIN_H

struct desk_request;

void admin_state(void *self, struct desk_request *request);
void admin_agreement(void *self, struct desk_request *request);
void admin_invites(void *self, struct desk_request *request);
void admin_audit(void *self, struct desk_request *request);
void admin_routes(void *self, struct desk_request *request);
void admin_invite(void *self, struct desk_request *request);   /* {"role", "label", "hours"} */
void admin_uninvite(void *self, struct desk_request *request); /* {"id"} */
void admin_person(void *self, struct desk_request *request); /* {"id"[, "role", "standing"]} */
void admin_guideline(void *self, struct desk_request *request); /* {"text"} */
void admin_guideline_text(void *self, struct desk_request *request);

#endif
