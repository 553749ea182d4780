#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include <stdbool.h>
#include <stddef.h>

struct bases;
struct diags;
struct ec_key;
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
struct logins;
struct registry;
struct remotes;
struct source;
struct state;
struct tags_held;
struct tags_others;

/* The open manifest, state, store and plan of a command. */
struct session {
	const struct options *options;
	struct diags *diags;
	struct manifest *manifest;
	struct remotes *remotes;    /* what it takes from elsewhere */
	struct manifest **outgrown; /* those before it, which others may point into */
	size_t outgrown_len, outgrown_cap;
	char *state_dir;      /* absolute path of .cbuild */
	const char **words;   /* the names of commands */
	int alone;            /* held by session_alone, or -1 */
	const char **targets; /* made by since_targets; NULL-terminated */
	size_t targets_len;
	bool writes; /* session_write was called */
	bool mended; /* and has repaired the store's oci-layout or index.json */
	struct state *state;
	struct layout *layout;                     /* NULL when there is no store yet and the session only reads */
	struct loop *loop;                         /* made by session_loop */
	int signum;                                /* that interrupted fetching, or 0 */
	char *builder, *runtime;                   /* binding or preferred names for this run, or NULL */
	bool builder_preferred, runtime_preferred; /* only preferred: another will do */
	struct plan_pair *annotations;             /* made by annotations_find */
	size_t annotations_len;
	bool anew;                         /* build_execute may leave it to its caller to plan and run again, */
	bool outdated;                     /* and does so: files have changed while they were sent */
	bool cache_down;                   /* the registry cache did not answer */
	struct logins *logins;             /* made with the loop */
	struct registry *registry;         /* made by session_registry */
	struct bases *bases;               /* the same */
	struct urls *urls;                 /* the same */
	struct tags_held *held;            /* made by tags_check; or NULL */
	char *signer;                      /* made by signer_find; or NULL */
	struct ec_key *signing_key;        /* read by signer_read; or NULL */
	struct tags_others *others;        /* made by tags_others_find; or NULL */
	struct lockfile *lock;             /* read by session_plan; or NULL */
	struct plan_options *plan_options; /* of `plan` */
	struct source *source;
	struct present *present;
	struct plan *plan;
};

/* Loads the manifest (complaints are shown; -1 with *err untouched). Writes nothing, so that a run with nothing to
 * do needs no write permission. */
int session_open(struct session *session, const struct options *options, struct error **err);
/* Call it before writing: creates the state folder when missing. */
int session_write(struct session *session, struct error **err);
/* What a command wants from its plan. */
struct session_plan {
	const char *const *targets;            /* NULL-terminated; NULL: those of the command line */
	bool load, verify, verify_again, push; /* verify_again: plan.h */
	bool only_images;                      /* plan.h */
	bool unpublished;                      /* no indexes: nothing will get a name */
};
/* Makes the plan (complaints as above). */
int session_plan(struct session *session, const struct session_plan *want, struct error **err);
/* Makes it again, now that more is known about its bases' ONBUILD. Here and in session_plan the manifest may become another one, when
 * contexts had to be fetched. */
int session_replan(struct session *session, struct error **err);
int session_loop(struct session *session, struct error **err);
/* The client of registries, and the loop. */
int session_registry(struct session *session, struct error **err);
/* Before anything is removed: cleans up after killed runs, and makes sure that no cbuild runs here until
 * session_close. ERROR_STATE when one does. */
int session_alone(struct session *session, struct error **err);
void session_close(struct session *session);

#endif
