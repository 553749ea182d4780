#ifndef CLI_ANNOTATIONS_H
#define CLI_ANNOTATIONS_H

struct session;

/* What the index of a pushed image says of where it comes from, as far as git knows: revision (the commit, with "-dirty"
 * behind it when tracked files differ), source (the remote called origin, without a login in it), created (the time of
 * the commit, or the manifest's source_date_epoch). Into session->annotations. */
void annotations_find(struct session *session);
void annotations_forget(struct session *session); /* frees them */

#endif
