/* link_talk: what a link says to the other end of its session, and hears from it. For link.c. */

#ifndef DEPLOY_LINK_TALK_H
#define DEPLOY_LINK_TALK_H

struct ssh_link;

/* One line more to be said. */
void link_talk_put(struct ssh_link *link, const char *line);
/* Writes what can be written now. */
void link_talk_pump(struct ssh_link *link);
/* One line, without its end, was heard. */
void link_talk_hear(struct ssh_link *link, const char *line);

#endif
