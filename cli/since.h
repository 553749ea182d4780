#ifndef CLI_SINCE_H
#define CLI_SINCE_H

struct arena;
struct error;
struct session;

/* The services whose builds read something that differs between a commit and the working tree. */
struct since {
	const char **because; /* for each service of the manifest, what differs; NULL: nothing */
	struct arena *arena;
};

/* If the manifest itself differs, every service counts, and a note says so. ERROR_USAGE when git knows no such
 * commit. The caller frees *ret. */
int since_find(struct session *session, const char *ref, struct since **ret, struct error **err);
void since_free(struct since *since); /* NULL-safe */

/* Sets session->targets: the command line's, with "@since:REF" replaced by the services. Once. */
int since_targets(struct session *session, struct error **err);

#endif
