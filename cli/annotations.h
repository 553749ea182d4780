#ifndef CLI_ANNOTATIONS_H
#define CLI_ANNOTATIONS_H

struct session;

/* The annotations of a pushed image's index, as far as git knows: revision (the commit, with "-dirty" appended when
 * tracked files differ), source (the remote called origin, without a login), created (the time of the commit, or
 * the manifest's source_date_epoch). Stored in session->annotations. */
void annotations_find(struct session *session);
void annotations_forget(struct session *session); /* frees them */

#endif
