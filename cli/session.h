#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include <stdbool.h>
#include <stddef.h>

struct bases;
struct diags;
struct error;
struct layout;
struct lockfile;
struct loop;
struct manifest;
struct options;
struct plan;
struct plan_options;
struct plan_pair;
struct present;
struct registry;
struct source;
struct state;
struct tags_held;

/* Manifest, state, store and plan, opened for a command. */
struct session {
	const struct options *options;
	struct diags *diags;
	struct manifest *manifest;
	char *state_dir;      /* absolute path of .cbuild */
	const char **words;   /* the names of commands */
	int alone;            /* held by session_alone, or -1 */
	const char **targets; /* made by since_targets; NULL-terminated */
	size_t targets_len;
	bool writes; /* session_write was called */
	bool mended; /* and made oci-layout or index.json of the store anew, which were damaged */
	struct state *state;
	struct layout *layout;                     /* NULL when there is no store yet and the session only reads */
	struct loop *loop;                         /* made by session_loop */
	char *builder, *runtime;                   /* names this run is bound to, or would rather have, or NULL */
	bool builder_preferred, runtime_preferred; /* rather have: another will do */
	struct plan_pair *annotations;             /* made by annotations_find */
	size_t annotations_len;
	bool cache_down;                   /* the registry cache did not answer */
	struct registry *registry;         /* made by session_registry */
	struct bases *bases;               /* the same */
	struct urls *urls;                 /* the same */
	struct tags_held *held;            /* made by tags_check; or NULL */
	struct lockfile *lock;             /* read by session_plan; or NULL */
	struct plan_options *plan_options; /* what the plan was made with */
	struct source *source;
	struct present *present;
	struct plan *plan;
};

/* Loads the manifest (complaints are shown; -1 with *err untouched). Nothing on the disk changes, so that a run with
 * nothing to do needs no right to write. */
int session_open(struct session *session, const struct options *options, struct error **err);
/* Before anything is written: makes the state folder when it is missing. */
int session_write(struct session *session, struct error **err);
/* What a command asks of its plan. */
struct session_plan {
	const char *const *targets;            /* NULL-terminated; NULL: those of the command line */
	bool load, verify, verify_again, push; /* verify_again: plan.h */
	bool unpublished;                      /* no indexes: nothing is to get a name */
};
/* Makes the plan (complaints as above). */
int session_plan(struct session *session, const struct session_plan *want, struct error **err);
/* Makes it anew: what its bases do on build is known better by now. */
int session_replan(struct session *session, struct error **err);
int session_loop(struct session *session, struct error **err);
/* The client of registries, and the loop. */
int session_registry(struct session *session, struct error **err);
/* Before something is taken away: sweeps what killed runs left, and makes sure that no cbuild runs here until
 * session_close. ERROR_STATE when one does. */
int session_alone(struct session *session, struct error **err);
void session_close(struct session *session);

#endif
